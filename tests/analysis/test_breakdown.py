"""Where an update's time went, from numbers worked by hand."""

import pytest

from raylab.analysis.breakdown import breakdown, first_with_every_phase
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


def test_updates_before_learning_are_left_out_and_later_gaps_take_no_time():
    nan = float("nan")
    columns = updates(
        [1.0, 2.0, 3.0, 5.0, 7.0],
        rollout=[0.5, 0.5, 0.5, 0.5, 1.5],
        learn=[0.0, 0.0, 1.0, 1.0, 0.0],
        forward=[nan, nan, 1.0, 1.0, nan],
    )

    first = first_with_every_phase(columns)
    parts = breakdown({name: column[first:] for name, column in columns.items()})

    assert first == 2
    assert {(part.group, part.phase): part.seconds for part in parts} == {
        ("rollout", "other"): 1.0,
        ("learn", "forward"): 0.5,
        ("learn", "other"): 0.0,
        ("system", "system"): 0.5,
    }
    assert first_with_every_phase(updates([1.0, 2.0], forward=[nan, nan])) == 2


def test_what_overlaps_leaves_no_system():
    parts = breakdown(updates([0.0, 1.0], rollout=[0, 0.75], learn=[0, 0.5]), overlaps=True)

    assert [(part.group, part.phase, part.share) for part in parts] == [
        ("rollout", "other", 0.75),
        ("learn", "other", 0.5),
    ]


def test_one_update_has_no_length():
    with pytest.raises(RunError, match="--seconds"):
        breakdown(updates([1.0], rollout=[0.5], learn=[0.5]))
