"""Where an update's time went, from numbers worked by hand."""

import pytest

from raylab.analysis.breakdown import breakdown
from raylab.errors import RunError


def updates(walls, **phases):
    columns = {f"time/{phase}_s": values for phase, values in phases.items()}
    return {"wall_time_s": walls} | columns


def test_the_parts_of_an_update_add_up_to_its_wall_time():
    columns = updates(
        [10.0, 12.0, 16.0],
        rollout=[9.0, 0.5, 1.5],
        learn=[9.0, 1.0, 2.0],
        act=[9.0, 0.25, 0.75],
        backward=[9.0, 0.75, 1.25],
    )

    parts = breakdown(columns)

    seconds = {(part.group, part.phase): part.seconds for part in parts}
    assert seconds == {
        ("rollout", "act"): 0.5,
        ("rollout", "other"): 0.5,
        ("learn", "backward"): 1.0,
        ("learn", "other"): 0.5,
        ("system", "system"): 0.5,
    }
    assert [part.share for part in parts] == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 6, 1 / 6])


def test_a_phase_that_only_its_algorithm_knows_belongs_to_learning():
    columns = updates([0.0, 1.0], rollout=[0, 0.25], learn=[0, 0.5], sample=[0, 0.25])

    sample = breakdown(columns)[1]

    assert (sample.group, sample.phase, sample.seconds, sample.meaning) == (
        "learn",
        "sample",
        0.25,
        "",
    )


def test_one_update_has_no_length():
    with pytest.raises(RunError, match="--seconds"):
        breakdown(updates([1.0], rollout=[0.5], learn=[0.5]))
