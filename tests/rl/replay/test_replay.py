"""Replay against a history in straight lines: every sample is a transition that happened."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from raylab.errors import ConfigError
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import Atari, Gymnasium, MinAtar, make
from raylab.rl.replay import Mass, Replay, ReplaySpec
from raylab.rl.replay.sample import join_frames, split_frames
from tests.rl.replay.oracle import History

DISCOUNT = 0.9


def spec_for(env, **changes):
    spec = ReplaySpec(
        num_envs=env.num_envs,
        capacity=40 * env.num_envs,
        stored_shape=env.observation_space.shape,
        stored_dtype=env.observation_space.dtype,
        stack=env.frame_stack,
        num_actions=5,
        n_step=1,
        discount=DISCOUNT,
        sign_rewards=False,
        prioritized=False,
    )
    return replace(spec, **changes)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def play(env, replay, steps, history=None, seed=0):
    rng = np.random.default_rng(seed)
    if history is None:
        first = env.reset().copy()
        history = History(first)
        replay.begin(first)
    for _ in range(steps):
        actions = rng.integers(5, size=env.num_envs)
        step = env.step(actions)
        history.add(actions, step)
        replay.add(actions, step, step.observations, step.final_observations)
    return history


def places(history, *, unique=True):
    """Where each observation was seen: its bytes to (row, t), or to all such places."""
    found = {}
    for row, steps in enumerate(history.steps):
        for t, entry in enumerate(steps):
            found.setdefault(entry["observation"].tobytes(), []).append((row, t))
    if not unique:
        return found
    assert max(map(len, found.values())) == 1
    return {key: place for key, [place] in found.items()}


@pytest.mark.parametrize("prioritized", [False, True], ids=["uniform", "prioritized"])
@pytest.mark.parametrize("sign", [False, True], ids=["raw", "sign"])
@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize("stack", [1, 3])
@pytest.mark.parametrize("steps", [30, 500], ids=["filling", "full"])
def test_every_sample_is_a_transition_that_happened(counting, steps, stack, n, sign, prioritized):
    env = counting(3, stack)
    replay = Replay(spec_for(env, n_step=n, sign_rewards=sign, prioritized=prioritized))
    history = play(env, replay, steps)

    sample = replay.sample(200, generator())

    observations, nexts = (part.numpy() for part in sample.observations())
    seen = places(history)
    for i in range(200):
        row, t = seen[observations[i].tobytes()]
        total, discount, after = history.transition(row, t, n, DISCOUNT, sign)
        assert sample.actions[i] == history.steps[row][t]["action"]
        assert sample.returns[i] == pytest.approx(total, abs=1e-6)
        assert sample.discounts[i] == pytest.approx(discount, abs=1e-6)
        assert after is None or np.array_equal(nexts[i], after)


@pytest.mark.parametrize(
    "env",
    [
        pytest.param(Atari(game="breakout", protocol="classic", max_frames=400), id="breakout"),
        pytest.param(Atari(game="pong", max_frames=240), id="pong"),
        pytest.param(MinAtar(game="breakout"), id="minatar"),
        pytest.param(Gymnasium(id="CartPole-v1", max_episode_steps=15), id="vectors"),
    ],
)
def test_samples_of_real_games_are_what_the_network_stored(env):
    games = make(env, 2, seed=1)
    algorithm = DQN(num_envs=2, capacity=400, learning_starts=1, n_step=3)
    spaces = games.observation_space, games.action_space
    network = algorithm.make_network(*spaces, torch.Generator().manual_seed(0))
    policy = algorithm.make_policy(network, games.action_space)
    replay = algorithm.make_replay(network, games)
    first = games.reset()
    history = History(policy.stored(first).numpy())
    replay.begin(policy.stored(first).numpy())
    rng = np.random.default_rng(0)
    for _ in range(250):
        actions = rng.integers(games.action_space.n, size=2)
        step = games.step(actions)
        stored = policy.stored(step.observations).numpy()
        final = policy.stored(step.final_observations).numpy()
        history.add(actions, replace(step, observations=stored, final_observations=final))
        replay.add(actions, step, stored, final)
    games.close()

    sample = replay.sample(300, generator())

    observations, nexts = (part.numpy() for part in sample.observations())
    seen = places(history, unique=False)
    ends = Counter()
    for i in range(300):
        assert any(
            sample.actions[i] == history.steps[row][t]["action"]
            and sample.returns[i] == pytest.approx(total, abs=1e-6)
            and sample.discounts[i] == pytest.approx(discount, abs=1e-6)
            and (after is None or np.array_equal(nexts[i], after))
            for row, t in seen[observations[i].tobytes()]
            for total, discount, after in [history.transition(row, t, 3, 0.99, sign=True)]
        )
        ends[sample.discounts[i] == 0.0, sample.lengths[i] < 3] += 1
    assert len(ends) >= 2


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("prioritized", [False, True], ids=["uniform", "prioritized"])
def test_what_can_be_drawn_is_what_is_whole_and_it_is_drawn_evenly(counting, n, prioritized):
    env = counting(3, 2)
    replay = Replay(spec_for(env, n_step=n, prioritized=prioritized))
    history = play(env, replay, 333)

    sample = replay.sample(20_000, generator())

    seen = places(history)
    drawn = Counter(seen[o.tobytes()] for o in sample.observations()[0].numpy())
    assert len(drawn) == replay.mass.count
    for row in range(3):
        ts = sorted(t for r, t in drawn if r == row)
        assert ts == list(range(ts[0], ts[-1] + 1))
        # n steps are complete, and perhaps some whose game ended before.
        assert ts[-1] >= len(history.steps[row]) - n
    # Drawing by mass takes one from each of equal ranges: more even than chance, never less.
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-3


def test_a_ring_holds_what_it_is_sized_for(counting):
    env = counting(3, 2)
    replay = Replay(spec_for(env))

    play(env, replay, 500)

    # 40 slots each, less one window and the frames around the ends of games.
    assert 3 * 40 * 0.6 < replay.mass.count <= 3 * (40 - 2)


def test_new_transitions_get_the_largest_mass_and_old_ones_their_own(counting):
    env = counting(2, 1)
    replay = Replay(spec_for(env, prioritized=True))
    history = play(env, replay, 20)
    first = replay.sample(8, generator())

    replay.set_masses(first.keys, np.full(8, 5.0))
    play(env, replay, 1, history)

    total = replay.mass
    unique = len(np.unique(first.keys))
    assert total.mass == pytest.approx(5.0 * unique + (40 - unique) + 2 * 5.0)
    assert total.count == 42


def test_masses_of_what_was_overwritten_are_left_out(counting):
    env = counting(2, 1)
    replay = Replay(spec_for(env, prioritized=True))
    history = play(env, replay, 20)
    old = replay.sample(50, generator())
    play(env, replay, 100, history)
    before = replay.mass

    replay.set_masses(old.keys, np.full(50, 1000.0))

    assert replay.mass == before


def test_transitions_are_drawn_in_proportion_to_their_mass(counting):
    env = counting(2, 1)
    replay = Replay(spec_for(env, prioritized=True))
    play(env, replay, 35)
    everything = np.unique(replay.sample(2_000, generator()).keys)
    assert len(everything) == replay.mass.count
    masses = np.random.default_rng(0).exponential(size=len(everything))
    replay.set_masses(everything, masses)

    sample = replay.sample(50_000, generator(1))

    counts = Counter(sample.keys.tolist())
    expected = masses / masses.sum() * 50_000
    observed = [counts[key] for key in everything.tolist()]
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    by_key = dict(zip(everything.tolist(), masses, strict=True))
    assert sample.masses.tolist() == [by_key[key] for key in sample.keys.tolist()]


def test_importance_weights_by_hand(counting):
    env = counting(2, 1)
    replay = Replay(spec_for(env, prioritized=True))
    play(env, replay, 10)
    sample = replay.sample(3, generator())
    arrays = {name: getattr(sample, name) for name in sample.__slots__}
    sample = type(sample)(**arrays | {"masses": np.array([1.0, 2.0, 4.0])})
    sample = replace(sample, drawn_from=Mass(10.0, 5))

    # Probabilities 0.1, 0.2, 0.4 of 5: 0.5, 1, 2, to the power -1 and divided by the largest.
    assert sample.importance_weights(1.0).tolist() == pytest.approx([1.0, 0.5, 0.25])
    assert sample.importance_weights(0.5).tolist() == pytest.approx([1.0, 0.5**0.5, 0.5])
    assert sample.importance_weights(0.0).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("prioritized", [False, True], ids=["uniform", "prioritized"])
@pytest.mark.parametrize("steps", [15, 200], ids=["filling", "full"])
def test_a_restored_replay_goes_on_as_if_nothing_had_happened(counting, steps, prioritized):
    env, again = counting(3, 2), counting(3, 2)
    spec = spec_for(env, n_step=2, prioritized=prioritized)
    replay, restored = Replay(spec), Replay(spec)
    history = play(env, replay, steps)
    restored.restore(replay.state())
    play(again, Replay(spec), steps)

    def go_on(env, replay):
        play(env, replay, 60, history, seed=1)
        sample = replay.sample(64, generator(5))
        replay.set_masses(sample.keys, np.arange(1.0, 65.0))
        return replay.sample(64, generator(6))

    first, second = go_on(env, replay), go_on(again, restored)
    for name in first.__slots__:
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_mistakes_name_what_to_do(counting):
    env = counting(2, 4)

    with pytest.raises(ConfigError, match="capacity=20 or more"):
        Replay(spec_for(env, capacity=10))
    with pytest.raises(ConfigError, match="add agent steps"):
        Replay(spec_for(env)).sample(1, generator())
    small = Replay(spec_for(env, capacity=60))
    play(env, small, 50)
    with pytest.raises(ConfigError, match="restore with the configuration"):
        Replay(spec_for(env)).restore(small.state())


def test_memory_is_one_frame_and_a_few_bytes_an_agent_step():
    spec = ReplaySpec(
        num_envs=8,
        capacity=80_000,
        stored_shape=(21, 21, 64),
        stored_dtype=np.dtype(np.uint8),
        stack=4,
        num_actions=6,
        n_step=1,
        discount=0.99,
        sign_rewards=True,
        prioritized=False,
    )

    assert Replay(spec).nbytes / 80_000 == pytest.approx(7_063, rel=1e-3)


@pytest.mark.parametrize("stack", [1, 4])
@pytest.mark.parametrize("shape", [(21, 21, 16), (10, 10, 4), (3,)])
def test_frames_split_and_join(stack, shape):
    *outer, last = shape
    stored = np.random.default_rng(0).integers(255, size=(5, *outer, stack * last), dtype=np.uint8)

    frames = split_frames(stored, stack)

    assert frames.shape == (5, stack, *shape)
    assert np.array_equal(frames[2, -1], stored[2, ..., -last:])
    assert np.array_equal(join_frames(np.ascontiguousarray(frames)), stored)
