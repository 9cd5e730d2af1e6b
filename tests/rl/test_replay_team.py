"""DQN with workers and shards of replay, driven without a supervisor."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from raylab.errors import ConfigError
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import Gymnasium
from raylab.rl.job import Job, Layout
from raylab.rl.networks import NetworkConfig
from raylab.rl.placements import make_team
from raylab.rl.placements.replay_side import Streams
from raylab.rl.placements.watch import Watch
from raylab.rl.replay import Mass
from raylab.rl.schedule import Checkpointing, Evaluating, Until
from tests.rl.lost import lose_a_fragment

LIMIT_S = 60.0
# 128 agent steps and 32 minibatches an update: two rounds. Learning begins in the fourth one.
SYNC = Job(
    run="test/1",
    env=Gymnasium(id="CartPole-v1"),
    algorithm=DQN(
        num_envs=4,
        unroll_length=32,
        capacity=2_000,
        learning_starts=400,
        train_every=4,
        target_every=100,
        exploration_steps=2_000,
        n_step=3,
        double=True,
        prioritized=True,
    ),
    seed=1,
    until=Until(agent_steps=128 * 100),
    checkpointing=Checkpointing(),
    evaluation=Evaluating(),
    layout=Layout(kind="sync", workers=2, envs_per_worker=2, worker_cores=0.5, replay_shards=2),
)


# A closed door raises; of the two that are open the later one pays, up to 8 a game.
DOORS = replace(
    SYNC,
    env=Gymnasium(id="tests.rl.masked_toys:raylab-tests/Doors-v0", action_mask="info"),
    algorithm=replace(
        SYNC.algorithm,
        learning_starts=200,
        learning_rate=1e-2,
        discount=0.5,
        network=NetworkConfig(hidden_sizes=(16,)),
    ),
)


def begin(job):
    """Return a team, prepared, and the list of what it will tell."""
    told = []
    watch = Watch(
        beat=lambda: None,
        is_stopped=lambda: False,
        message=told.append,
        inexact=lambda reason: told.append(f"inexact: {reason}"),
    )
    team = make_team(job, watch)
    team.stand()
    team.prepare()
    return team, told


@pytest.fixture
def start(cluster):
    teams = []

    def start_team(job):
        teams.append(begin(job))
        return teams[-1]

    yield start_team
    for team, _ in teams:
        team.close()


@pytest.fixture(scope="module")
def trained(cluster):
    """A team that has learned for two updates, for the tests that do it no harm."""
    team, _ = begin(SYNC)
    updates(team, 5)
    yield team
    team.close()


def updates(team, count):
    results = []
    for _ in range(count):
        team.begin_update()
        results.append(team.finish_update())
    return results


def weight_hash(team):
    return team.begin_checkpoint(0.0)()[1]


def kill(role):
    os.kill(role.call("here", timeout_s=LIMIT_S)["pid"], signal.SIGKILL)


@pytest.mark.slow
def test_in_step_the_same_numbers_again_also_with_a_killed_worker_and_after_a_restore(start):
    team, _ = start(SYNC)
    first = updates(team, 5)
    state, _ = team.begin_checkpoint(1e9)()
    later = updates(team, 2)
    expected = weight_hash(team)
    team.close()

    again, told = start(SYNC)
    repeated = updates(again, 3)
    kill(again._crew.seats[1].role)
    repeated += updates(again, 4)

    assert weight_hash(again) == expected
    assert [r.episodes for r in repeated] == [r.episodes for r in first + later]
    assert "exactly" in told[0]
    assert not any("inexact" in text for text in told)
    # One minibatch for four agent steps, once there are 400 transitions.
    assert [r.metrics["minibatches"] for r in repeated] == [0, 0, 0, 32, 32, 32, 32]
    assert [r.agent_steps for r in repeated] == [128 * n for n in range(1, 8)]
    assert all(r.metrics["policy_lag/max"] == 0 for r in repeated)

    differences = again.restore(state)
    restored = updates(again, 2)

    assert differences == []
    assert weight_hash(again) == expected
    assert [(r.update, r.agent_steps) for r in restored] == [(6, 768), (7, 896)]


@pytest.mark.slow
def test_without_step_one_worker_feeds_two_shards_and_a_killed_one_is_replaced(start):
    layout = replace(SYNC.layout, kind="async", workers=1, envs_per_worker=4)
    team, told = start(replace(SYNC, layout=layout))
    results = updates(team, 4)
    counts = [place.mass.count for place in team._replay.places]
    kill(team._replay.places[1].role)
    results += updates(team, 4)

    assert abs(counts[0] - counts[1]) < 60  # the same environments each, less what games cost
    assert [r.agent_steps for r in results] == [128 * n for n in range(1, 9)]
    assert {r.metrics["policy_lag/max"] for r in results[1:]} <= {1, 2}
    filled = [r.metrics["replay"] for r in results]
    lost = next(n for n in range(4, 8) if results[n].metrics["faults/shards_lost"] == 1)
    assert filled[lost] < filled[3]
    # Below the minimum fill nothing is learned; then it goes on, and the masses count both shards.
    assert [r.metrics["minibatches"] for r in results[2:4]] == [0, 32]
    paused = [r.metrics["minibatches"] for r in results[4:] if r.metrics["replay"] < 400]
    assert paused
    assert set(paused) == {0}
    assert results[-1].metrics["minibatches"] == 32
    assert all(place.mass.count > 100 for place in team._replay.places)
    assert "replay shard 1 of test/1 died" in told[0]
    assert told[1] == "inexact: replay shard 1 of test/1 was lost, with what it remembered"


def test_priorities_come_back_to_their_shards(trained):
    masses = [place.mass for place in trained._replay.places]

    # New transitions come in with the largest mass, at first 1; errors of CartPole are other numbers.
    assert all(mass.mass != pytest.approx(mass.count) for mass in masses)


def test_rounds_are_drawn_in_proportion_to_the_masses_that_the_shards_tell_in_them(trained):
    """By the shards' actors: their own masses, read in the round, say how often each is drawn."""
    replay = trained._replay
    replay.read()
    generator = np.random.default_rng(3)
    for place, scale in zip(replay.places, (1.0, 5.0), strict=True):
        sample = place.role.submit_parts("draw", 2_000, parts=2)[1].get(LIMIT_S)
        keys = np.unique(sample.keys)
        masses = scale * generator.exponential(size=len(keys))
        place.role.call("set_masses", (keys, masses), timeout_s=LIMIT_S)
    drawn = {}
    expected = {}
    total = 0
    for _ in range(8):
        round_ = replay.draw(range(64))
        told = [place.role.call("mass", timeout_s=LIMIT_S) for place in replay.places]
        assert list(round_.masses) == told
        everything = sum(told, Mass(0.0, 0))
        for shard, reference in enumerate(round_.samples):
            sample = reference.get(LIMIT_S)
            assert len(sample.keys) == round_.parts[:, shard].sum()
            for key, mass in zip(sample.keys.tolist(), sample.masses.tolist(), strict=True):
                drawn[shard, key] = drawn.get((shard, key), 0) + 1
                expected[shard, key] = mass / everything.mass
        total += int(round_.parts.sum())

    common = [name for name in expected if expected[name] * total >= 5.0]
    observed = [drawn[name] for name in common]
    probabilities = [expected[name] for name in common]
    observed.append(total - sum(observed))
    probabilities.append(1.0 - sum(probabilities))
    assert len(common) > 100
    assert stats.chisquare(observed, np.array(probabilities) * total).pvalue > 1e-3


def test_a_checkpoint_without_replay_fills_again(trained):
    state, _ = trained.begin_checkpoint(1_000.0)()

    differences = trained.restore(state)
    [result] = updates(trained, 1)

    assert "shards" not in state.parts
    assert differences == ["replay is not in the checkpoint, and fills again before learning"]
    assert result.update == 6


def test_a_lost_fragment_is_dropped_and_its_shard_goes_on(trained):
    steps = trained._agent_steps
    lost = lose_a_fragment(trained)

    results = updates(trained, 2)

    assert lost
    assert results[0].metrics["faults/fragments_dropped"] == 1
    assert [r.dropped_agent_steps for r in results] == [64, 0]
    assert [r.agent_steps for r in results] == [steps + 64, steps + 192]
    assert [r.metrics["minibatches"] for r in results] == [16, 32]


@pytest.mark.slow
def test_masks_go_through_shards_and_masked_actions_learn_what_pays(start):
    team, told = start(DOORS)

    results = updates(team, 40)

    assert told == []  # nobody took a closed door
    last = [e.episode_return for result in results[-5:] for e in result.episodes]
    assert np.mean(last) > 7.0  # a random legal door is worth 4
    for place in team._replay.places:
        sample = place.role.submit_parts("draw", 300, parts=2)[1].get(LIMIT_S)
        rows = np.arange(300)
        masks = sample.frames[:, 0, -6:]
        next_masks = sample.frames[rows, sample.lengths, -6:][sample.discounts > 0]
        assert set(masks.sum(axis=1)) == set(next_masks.sum(axis=1)) == {2}
        assert (masks[rows, sample.actions] == 1).all()


@pytest.mark.parametrize(
    ("workers", "shards", "envs", "places"),
    [
        (2, 2, 2, [[(0, 0)], [(1, 0)]]),
        (1, 2, 4, [[(0, 0), (1, 0)]]),
        (4, 2, 1, [[(0, 0)], [(0, 1)], [(1, 0)], [(1, 1)]]),
    ],
)
def test_streams_lay_the_environments_of_all_workers_end_to_end(workers, shards, envs, places):
    streams = Streams(workers, shards, envs)

    found = [[streams.place(w, p) for p in range(streams.pieces)] for w in range(workers)]

    assert found == places
    assert streams.envs_of_a_shard * shards == workers * envs


def test_numbers_that_do_not_fit_name_some_that_do():
    with pytest.raises(ConfigError, match="try --placement.replay-shards 2"):
        Streams(2, 3, 6)
    with pytest.raises(ConfigError, match="try --placement.envs-per-worker 2"):
        Streams(1, 2, 3)
