"""Workers and learners are killed in the middle of training: the run ends, and its counts are right."""

import random
from dataclasses import replace

import pytest

from raylab.experiment import Placement, Until, train
from raylab.rl.algorithms.appo import APPO
from tests.faults.scenario import (
    CARTPOLE,
    CARTPOLE_DQN,
    LIMIT_S,
    assert_same_run,
    drive,
    kill,
    living,
    wait_for,
    wait_for_checkpoints,
)
from tests.faults.test_kill import Training, read, run_path

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
# 64 agent steps and 16 minibatches an update.
SHARDS = replace(
    CARTPOLE_DQN,
    name="cartpole-shards",
    until=Until(agent_steps=64 * 100),
    placement=replace(SYNC.placement, worker_cores=0.5, replay_shards=2),
)


def log_of(path):
    return (path / "log.txt").read_text() if (path / "log.txt").exists() else ""


def attempts_of(path):
    return len(list((path / "attempts").glob("*.json")))


def workers_of(path):
    return [process["pid"] for process in read(path / "environment.json")["workers"]]


def shards_of(path):
    return [process["pid"] for process in read(path / "environment.json")["replay_shards"]]


def learner_of(path):
    return read(path / "environment.json")["process"]["pid"]


def newest_checkpoint(path):
    return max(int(folder.name) for folder in (path / "checkpoints").glob("0*"))


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


@pytest.mark.slow
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


def test_a_run_ends_after_its_shard_and_its_learner_were_killed_and_is_marked(
    cluster, quiet, tmp_path
):
    training = Training(replace(SHARDS, runs_dir=str(tmp_path)), quiet)
    wait_for_checkpoints(training.path, 1)
    kill(shards_of(training.path)[1])
    wait_for(lambda: "An empty shard takes its place" in log_of(training.path), "another shard")
    # A checkpoint from before would bring the shard back, and the run would go on exactly.
    before = newest_checkpoint(training.path)
    wait_for(lambda: newest_checkpoint(training.path) > before, "a checkpoint without the shard")

    kill(learner_of(training.path))
    run = training.finish()

    assert (run.state, run.status["attempt"], run.status["exact"]) == ("finished", 2, False)
    assert run.status["agent_steps"] == SHARDS.until.agent_steps
    assert_every_update_once(run, 64)
    metrics = run.metrics()
    assert "not exact any more: replay shard 1 of" in log_of(run.path)
    assert set(metrics["minibatches"][metrics["replay"] >= 264]) == {16}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_with_shards_in_step_a_killed_learner_and_a_killed_worker_change_no_number(
    cluster, uninterrupted, quiet, tmp_path
):
    training = Training(replace(SHARDS, runs_dir=str(tmp_path)), quiet)
    wait_for_checkpoints(training.path, 1)
    kill(workers_of(training.path)[1])
    wait_for(lambda: "with its games, exactly" in log_of(training.path), "another worker")

    kill(learner_of(training.path))
    run = training.finish()

    assert run.status["attempt"] == 2
    assert_every_update_once(run, 64)
    assert_same_run(run, uninterrupted(SHARDS))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("experiment", [SYNC, ASYNC, SHARDS], ids=lambda e: e.name)
def test_a_run_with_workers_goes_on_without_its_driver(
    experiment, cluster, uninterrupted, quiet, tmp_path
):
    elsewhere = replace(experiment.placement, address=cluster.address)
    started = replace(experiment, runs_dir=str(tmp_path), placement=elsewhere)
    with drive(started, new_session=True) as driver:
        wait_for_checkpoints(run_path(started), 1)
        kill(driver.pid)
        driver.communicate(timeout=LIMIT_S)

    [run] = train(started, display=quiet)  # attaches, or finds that it has finished

    assert (run.state, run.status["attempt"]) == ("finished", 1)
    assert_every_update_once(run, 64)
    if experiment.placement.kind == "sync":
        assert_same_run(run, uninterrupted(experiment))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("experiment", [SYNC, ASYNC, SHARDS], ids=lambda e: e.name)
def test_any_schedule_of_kills_ends_with_the_right_counts(
    experiment, seed, cluster, uninterrupted, quiet, tmp_path
):
    rng = random.Random(seed)
    experiment = replace(experiment, until=Until(agent_steps=64 * 200), name=f"{experiment.name}-s")
    training = Training(replace(experiment, runs_dir=str(tmp_path)), quiet)
    attempts, shards_lost = 1, 0
    for checkpoints in sorted(rng.sample(range(1, 4), 2)):
        wait_for_checkpoints(training.path, checkpoints)
        wait_for(lambda: attempts_of(training.path) >= attempts, "the next attempt")  # noqa: B023
        wait_for(
            lambda: read(training.path / "environment.json")["attempt"] >= attempts,  # noqa: B023
            "its processes",
        )
        roles = (
            ["worker", "learner", "shard"]
            if experiment.placement.replay_shards
            else ["worker", "learner"]
        )
        match rng.choice(roles):
            case "worker":
                # One that was killed before may still stand in the record.
                wait_for(lambda: living(workers_of(training.path)), "a worker that lives")
                kill(rng.choice(living(workers_of(training.path))))
            case "shard":
                wait_for(lambda: living(shards_of(training.path)), "a shard that lives")
                kill(rng.choice(living(shards_of(training.path))))
                shards_lost += 1
            case "learner":
                kill(learner_of(training.path))
                attempts += 1
    run = training.finish()

    assert (run.state, run.status["attempt"]) == ("finished", attempts)
    assert_every_update_once(run, 64)
    if experiment.placement.kind == "sync" and not shards_lost:
        assert_same_run(run, uninterrupted(experiment))
