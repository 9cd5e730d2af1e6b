"""Files that are damaged while nobody trains: what is whole is used, and nothing is removed."""

import os
import shutil
from dataclasses import replace

import pytest
from rich.console import Console

from raylab.errors import ConfigError, CorruptDataError
from raylab.experiment import Run, Until, resume, train
from raylab.experiment.progress import Display
from tests.faults.scenario import CARTPOLE, assert_same_run

STEADY = replace(
    CARTPOLE,
    name="steady",
    # Without annealing a longer run begins like a shorter one, bit by bit.
    algorithm=replace(CARTPOLE.algorithm, anneal_learning_rate=False, epochs=2),
)
HALF = Until(agent_steps=64 * 30)


@pytest.fixture(scope="module")
def half_way(cluster, tmp_path_factory):
    """The run of an experiment that ended half way."""
    folder = str(tmp_path_factory.mktemp("half"))
    [run] = train(
        replace(STEADY, until=HALF, runs_dir=folder), display=Display(Console(quiet=True))
    )
    return run


@pytest.fixture
def half(half_way, tmp_path):
    """A copy of that run, to be damaged."""
    path = tmp_path / half_way.path.parent.name / half_way.path.name
    shutil.copytree(half_way.path, path)
    return Run(path)


@pytest.mark.slow
def test_an_older_checkpoint_takes_the_place_of_a_damaged_one(half, uninterrupted, quiet):
    newest = half.checkpoints[-1]
    os.truncate(newest / "optimizer.safetensors", 100)

    [run] = resume(half.path, until=STEADY.until, display=quiet)

    log = (run.path / "log.txt").read_text()
    assert "optimizer.safetensors has 100 of" in log
    assert "Going on from" in log
    assert run.status["attempt"] == 2
    assert run.status["simulated_agent_steps"] > run.status["agent_steps"] == 64 * 60
    assert_same_run(run, uninterrupted(STEADY))


def test_a_damaged_metrics_part_is_named_and_the_run_goes_on(half, uninterrupted, quiet):
    [part] = half.metrics_parts()
    os.truncate(part, 50)
    with pytest.raises(CorruptDataError, match=rf"{part.name} is corrupt .*move it away"):
        half.metrics()

    [run] = resume(half.path, until=STEADY.until, display=quiet)

    assert part.name in (run.path / "log.txt").read_text()
    assert part.stat().st_size == 50
    assert run.status["weight_hash"] == uninterrupted(STEADY).status["weight_hash"]


def test_without_a_whole_checkpoint_the_run_is_left_as_it_is(half, quiet):
    for checkpoint in half.checkpoints:
        (checkpoint / "weights.safetensors").unlink()
    before = sorted(half.path.rglob("*.*"))

    with pytest.raises(CorruptDataError, match=r"none of the 3 checkpoints .*--new.*weights"):
        resume(half.path, until=STEADY.until, display=quiet)

    after = sorted(half.path.rglob("*.*"))
    assert set(before) <= set(after)
    assert half.state == "failed"
    with pytest.raises(ConfigError, match=r"until.agent_steps=1 would cut .* short"):
        resume(half.path, until=Until(agent_steps=1), display=quiet)
