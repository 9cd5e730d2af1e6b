"""Placements driven without a supervisor: same numbers, takeovers, credits, lag, failures."""

import os
import signal
from dataclasses import replace

import pytest

from raylab.errors import EnvError, RoleTimeoutError
from raylab.rl.algorithms.appo import APPO
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.rl.job import Job, Layout
from raylab.rl.placements.asynchronous import AsyncTeam
from raylab.rl.placements.sync import SyncTeam
from raylab.rl.placements.watch import Pace, Watch
from raylab.rl.roles.learner_role import LearnerRole
from raylab.rl.roles.rollout_worker import RolloutWorker
from raylab.rl.schedule import Checkpointing, Evaluating, Until
from tests.rl.lost import lose_a_fragment

CARTPOLE = Gymnasium(id="CartPole-v1")
MOODY = Gymnasium(id="tests.rl.doomed:Moody-v0")
SYNC = Job(
    run="test/1",
    env=CARTPOLE,
    algorithm=PPO(num_envs=4, unroll_length=16, minibatches=2, epochs=2),
    seed=1,
    until=Until(agent_steps=64 * 100),
    checkpointing=Checkpointing(),
    evaluation=Evaluating(),
    layout=Layout(kind="sync", workers=2, envs_per_worker=2),
)
ASYNC = replace(
    SYNC,
    algorithm=APPO(num_envs=4, unroll_length=16),
    layout=Layout(kind="async", workers=2, envs_per_worker=2, worker_cores=0.5),
)
NORMALIZED = replace(
    SYNC,
    env=Gymnasium(id="Pendulum-v1", max_episode_steps=20),
    algorithm=replace(
        PPO.continuous_control(), num_envs=4, unroll_length=16, minibatches=2, epochs=2
    ),
)


@pytest.fixture
def start(cluster):
    """Start teams, prepared; told keeps what they say."""
    teams = []

    def start_team(kind, job):
        told = []
        watch = Watch(
            beat=lambda: None,
            is_stopped=lambda: False,
            message=told.append,
            inexact=lambda reason: told.append(f"inexact: {reason}"),
        )
        team = kind(job, watch)
        teams.append(team)
        team.stand()
        team.prepare()
        return team, told

    yield start_team
    for team in teams:
        team.close()


def updates(team, count):
    results = []
    for _ in range(count):
        team.begin_update()
        results.append(team.finish_update())
    return results


def weight_hash(team):
    return team.begin_checkpoint(0.0)()[1]


def workers_in(text):
    return [f"worker {index}" for index in range(2) if f"rollout worker {index} " in text]


def pid_of(seat):
    return seat.role.call("here", timeout_s=60)["pid"]


def test_sync_gives_the_same_numbers_again_with_a_killed_worker_and_after_a_restore(start):
    team, _ = start(SyncTeam, SYNC)
    first = updates(team, 3)
    state, _ = team.begin_checkpoint(0.0)()
    later = updates(team, 3)
    expected = weight_hash(team)
    team.close()

    again, told = start(SyncTeam, SYNC)
    repeated = updates(again, 2)
    os.kill(pid_of(again._crew.seats[1]), signal.SIGKILL)
    repeated += updates(again, 4)

    assert weight_hash(again) == expected
    assert [r.episodes for r in repeated] == [r.episodes for r in first + later]
    assert repeated[-1].metrics["faults/workers_replaced"] == 1
    assert "rollout worker 1 of test/1 died" in told[0]
    assert "exactly" in told[0]
    assert not any("inexact" in text for text in told)

    differences = again.restore(state)
    restored = updates(again, 3)

    assert differences == []
    assert weight_hash(again) == expected
    assert [(r.update, r.agent_steps) for r in restored] == [(4, 256), (5, 320), (6, 384)]
    assert [r.episodes for r in restored] == [r.episodes for r in later]
    assert all(r.metrics["policy_lag/max"] == 0 for r in restored)

    # An inline run has no workers: what it played has the rows of the first ones.
    meta = {name: state.meta[name] for name in state.meta if not name.startswith("workers")}
    differences = again.restore(replace(state, meta=meta))
    elsewhere = updates(again, 3)

    assert differences == ["new games, as the checkpoint's are those of another placement"]
    assert elsewhere[0].update == 4
    rows = {e.row for r in elsewhere for e in r.episodes}
    assert rows
    assert rows <= {4, 5, 6, 7}


@pytest.mark.slow
def test_games_go_on_exactly_when_the_worker_that_takes_them_over_dies_before_it_has(
    start, tmp_path
):
    fate = tmp_path / "fate"
    env = Gymnasium(id="tests.rl.doomed:Stillborn-v0", kwargs={"fate": str(fate)})
    team, told = start(SyncTeam, replace(SYNC, env=env))
    updates(team, 1)
    fate.touch()
    os.kill(pid_of(team._crew.seats[1]), signal.SIGKILL)
    results = updates(team, 2)

    assert results[-1].metrics["faults/workers_replaced"] == 2
    assert not fate.exists()
    assert ["exactly" in text for text in told] == [True, True]
    assert "during prepare" in told[1]
    assert team._crew.seats[1].number == 1


@pytest.mark.slow
def test_sync_normalises_as_the_same_roles_do_in_one_process_also_with_a_killed_worker(start):
    job = NORMALIZED
    learner = LearnerRole(job.env, job.algorithm, 1, job.until.agent_steps, 1, "cpu")
    learner.prepare()
    workers = [RolloutWorker(job.env, job.algorithm, 1, 2, 1, True) for _ in range(2)]
    for number, worker in enumerate(workers):
        worker.prepare(number)
    weights = learner.weights()
    for version in range(4):
        _, weights = learner.update(*(w.collect(version, weights)[1] for w in workers))
    expected = learner.checkpoint()[1]

    team, told = start(SyncTeam, job)
    updates(team, 2)
    state, _ = team.begin_checkpoint(0.0)()
    os.kill(pid_of(team._crew.seats[0]), signal.SIGKILL)
    updates(team, 2)

    assert weights["moments.returns.count"] == weights["moments.observations.count"] == 4 * 64
    assert weight_hash(team) == expected
    assert "exactly" in told[0]

    assert state.parts["weights"]["moments.observations.count"] == 2 * 64
    assert team.restore(state) == []
    updates(team, 2)

    assert weight_hash(team) == expected


def test_async_counts_lag_and_replaces_killed_and_hung_workers(start):
    team, told = start(AsyncTeam, replace(ASYNC, layout=replace(ASYNC.layout, patience_s=1.0)))
    results = updates(team, 10)
    os.kill(pid_of(team._crew.seats[0]), signal.SIGKILL)
    hung = pid_of(team._crew.seats[1])
    os.kill(hung, signal.SIGSTOP)
    while not {"worker 0", "worker 1"} <= {word for text in told for word in workers_in(text)}:
        results += updates(team, 1)
    results += updates(team, 20)
    results += team.drain()
    state, _ = team.begin_checkpoint(0.0)()

    assert [r.update for r in results] == list(range(1, len(results) + 1))
    assert [r.agent_steps for r in results] == [64 * (n + 1) for n in range(len(results))]
    assert state.meta["update"] == len(results)
    assert max(r.metrics["policy_lag/max"] for r in results) >= 1
    assert results[-1].metrics["faults/workers_replaced"] >= 2
    assert "rollout worker 0 of test/1 died" in " ".join(told)
    assert "rollout worker 1 of test/1 gave no answer to collect within" in " ".join(told)
    assert pid_of(team._crew.seats[1]) != hung
    assert {e.row // 2 for r in results for e in r.episodes} > {0, 1}  # new games, new rows


@pytest.mark.slow
def test_async_drops_what_lags_too_far_and_counts_it(start):
    algorithm = replace(ASYNC.algorithm, max_policy_lag=1, num_envs=2)
    team, _ = start(AsyncTeam, replace(ASYNC, algorithm=algorithm))

    results = updates(team, 60)

    dropped = results[-1].metrics["faults/fragments_dropped"]
    assert max(r.metrics["policy_lag/max"] for r in results) <= 1
    assert dropped > 0  # two workers with two fragments each, of which one is an update
    assert sum(r.dropped_agent_steps for r in results) == dropped * 32


def test_an_environment_that_raises_is_told_counted_and_replaced(start):
    team, told = start(AsyncTeam, replace(ASYNC, env=MOODY))

    results = updates(team, 15)

    assert results[-1].metrics["faults/environment_errors"] >= 1
    assert "raised in step() of row" in told[0]
    assert "ArithmeticError: the pole is gone" in told[0]


@pytest.mark.parametrize(
    ("kind", "job"),
    [pytest.param(SyncTeam, SYNC, marks=pytest.mark.slow), (AsyncTeam, ASYNC)],
    ids=["sync", "async"],
)
def test_a_lost_fragment_is_dropped_and_counted_and_training_goes_on(kind, job, start):
    team, told = start(kind, job)
    results = updates(team, 2)
    lost = lose_a_fragment(team)
    results += updates(team, 4)

    assert lost
    assert [r.update for r in results] == [1, 2, 3, 4, 5, 6]
    assert [r.agent_steps for r in results] == [64 * n for n in range(1, 7)]
    assert results[-1].metrics["faults/fragments_dropped"] == 2  # those of one update
    assert sum(r.dropped_agent_steps for r in results) == 64
    assert "data was lost with a node" in told[0]
    assert any("inexact" in text for text in told) == (kind is SyncTeam)


@pytest.mark.slow
def test_environments_that_raise_again_and_again_end_the_run_with_their_cause(start):
    doomed = Gymnasium(id="tests.rl.doomed:Moody-v0", kwargs={"last": 1})
    team, _ = start(
        AsyncTeam,
        replace(
            ASYNC,
            env=doomed,
            algorithm=APPO(num_envs=32),
            layout=replace(ASYNC.layout, workers=1, envs_per_worker=32),
        ),
    )

    with pytest.raises(EnvError, match="the pole is gone"):
        updates(team, 1)


def test_a_pace_follows_what_was_seen_above_its_floor():
    pace = Pace(first_s=100.0, floor_s=2.0)
    limits = [pace.limit_s]
    for duration in (0.1, 1.0):
        pace.add(duration)
        limits.append(pace.limit_s)

    assert limits == [100.0, 2.0, 8.0]

    for _ in range(16):
        pace.add(0.5)

    assert pace.limit_s == 4.0


class Silent:
    """A reference that is never ready."""

    role, method = "somebody", "something"


def test_a_wait_has_a_limit_in_which_absence_does_not_count(monkeypatch):
    # The process was suspended for an hour in its first slice; then time passes as it should.
    times = iter([0.0, 3600.0, *(3600.0 + 2.0 * n for n in range(1, 100))])
    monkeypatch.setattr("raylab.runtime.wait", lambda refs, timeout_s, count=1: [])
    beats = []
    watch = Watch(
        beat=lambda: beats.append(1),
        is_stopped=lambda: False,
        message=beats.append,
        inexact=beats.append,
        clock=lambda: next(times),
    )

    with pytest.raises(RoleTimeoutError, match="somebody gave no answer to something within 20 s"):
        watch.result(Silent(), 20.0)

    assert len(beats) > 10
