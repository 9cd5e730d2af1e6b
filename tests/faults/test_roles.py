"""Workers and learners are killed in the middle of training: the run ends, and its counts are right."""

import random
from dataclasses import replace

import pytest

from raylab.experiment import Placement, Until
from raylab.rl.algorithms.appo import APPO
from tests.faults.scenario import (
    CARTPOLE,
    assert_same_run,
    kill,
    wait_for,
    wait_for_checkpoints,
)
from tests.faults.test_kill import Training, read

SYNC = replace(
    CARTPOLE,
    name="cartpole-sync",
    placement=Placement(kind="sync", threads=1, workers=2, envs_per_worker=2),
)
# 64 agent steps an update, as in CARTPOLE; slow enough by its epochs to be hit.
ASYNC = replace(
    CARTPOLE,
    name="cartpole-async",
    algorithm=APPO(num_envs=4, unroll_length=16, epochs=20),
    until=Until(agent_steps=64 * 100),
    placement=Placement(kind="async", threads=1, workers=2, envs_per_worker=2, worker_cores=0.5),
)


def log_of(path):
    return (path / "log.txt").read_text() if (path / "log.txt").exists() else ""


def attempts_of(path):
    return len(list((path / "attempts").glob("*.json")))


def workers_of(path):
    return [process["pid"] for process in read(path / "environment.json")["workers"]]


def learner_of(path):
    return read(path / "environment.json")["process"]["pid"]


def assert_every_update_once(run, agent_steps_each):
    """Readers see each update once, and no agent step that was trained twice."""
    metrics = run.metrics()
    updates = list(metrics["update"])
    assert updates == list(range(1, len(updates) + 1))
    assert list(metrics["agent_steps"]) == [agent_steps_each * update for update in updates]
    assert run.status["agent_steps"] == agent_steps_each * updates[-1]
    assert run.status["simulated_agent_steps"] >= run.status["agent_steps"]


def test_in_step_a_killed_worker_and_a_killed_learner_change_no_number(
    cluster, uninterrupted, quiet, tmp_path
):
    training = Training(replace(SYNC, runs_dir=str(tmp_path)), quiet)
    wait_for_checkpoints(training.path, 1)
    kill(workers_of(training.path)[1])
    wait_for(lambda: "with its games, exactly" in log_of(training.path), "another worker")

    kill(learner_of(training.path))
    run = training.finish()

    assert run.status["attempt"] == 2
    assert "learner of" in log_of(run.path)
    assert_every_update_once(run, 64)
    assert_same_run(run, uninterrupted(SYNC))


def test_without_step_a_run_ends_after_its_worker_and_its_learner_were_killed(
    cluster, quiet, tmp_path
):
    training = Training(replace(ASYNC, runs_dir=str(tmp_path)), quiet)
    wait_for_checkpoints(training.path, 1)
    kill(workers_of(training.path)[0])
    wait_for(lambda: "with new games" in log_of(training.path), "another worker")

    kill(learner_of(training.path))
    run = training.finish()

    assert (run.state, run.status["attempt"], run.status["exact"]) == ("finished", 2, False)
    assert "continued, not exact: placement async begins new games" in log_of(run.path)
    assert run.status["agent_steps"] == ASYNC.until.agent_steps
    assert_every_update_once(run, 64)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("experiment", [SYNC, ASYNC], ids=lambda e: e.name)
def test_any_schedule_of_kills_ends_with_the_right_counts(
    experiment, seed, cluster, uninterrupted, quiet, tmp_path
):
    rng = random.Random(seed)
    experiment = replace(experiment, until=Until(agent_steps=64 * 200), name=f"{experiment.name}-s")
    training = Training(replace(experiment, runs_dir=str(tmp_path)), quiet)
    attempts = 1
    for checkpoints in sorted(rng.sample(range(1, 4), 2)):
        wait_for_checkpoints(training.path, checkpoints)
        wait_for(lambda: attempts_of(training.path) >= attempts, "the next attempt")  # noqa: B023
        wait_for(
            lambda: read(training.path / "environment.json")["attempt"] >= attempts,  # noqa: B023
            "its processes",
        )
        if rng.random() < 0.5:
            kill(rng.choice(workers_of(training.path)))
        else:
            kill(learner_of(training.path))
            attempts += 1
    run = training.finish()

    assert (run.state, run.status["attempt"]) == ("finished", attempts)
    assert_every_update_once(run, 64)
    if experiment.placement.kind == "sync":
        assert_same_run(run, uninterrupted(experiment))
