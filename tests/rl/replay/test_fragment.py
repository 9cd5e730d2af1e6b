"""Fragments carry what was played, every frame once; a shard knows where the next one belongs."""

from dataclasses import replace

import numpy as np
import pytest

from raylab.rl.replay import Recording, Replay, ReplayShard, ReplaySpec
from tests.rl.replay.oracle import History

SPEC = ReplaySpec(
    num_envs=4,
    capacity=400,
    stored_shape=(4, 4, 3),
    stored_dtype=np.dtype(np.uint8),
    stack=3,
    num_actions=5,
    n_step=3,
    discount=0.9,
    sign_rewards=False,
    prioritized=True,
)


def play(env, stored, steps, seed, replay=None):
    """Play and write down; returns the recording and the history in straight lines."""
    rng = np.random.default_rng(seed)
    recording, history = Recording(env.frame_stack, stored), History(stored)
    for _ in range(steps):
        actions = rng.integers(5, size=env.num_envs)
        step = env.step(actions)
        after = step.observations.copy()
        recording.add(actions, step, after, step.final_observations)
        history.add(actions, step)
        if replay is not None:
            replay.add(actions, step, after, step.final_observations)
    return recording, history


def assert_same_state(one, other):
    one, other = one.state(), other.state()
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name


def test_a_replay_of_fragments_is_a_replay_of_steps(counting):
    env = counting(4, 3)
    stepwise, appended = Replay(SPEC), Replay(SPEC)
    first = env.reset().copy()
    stepwise.begin(first)
    recording, _ = play(env, first, 150, 0, stepwise)

    appended.append(recording.take(0, 0, 0), np.arange(4), continues=False)

    assert_same_state(stepwise, appended)


def test_pieces_of_a_fragment_are_its_environments(counting):
    env = counting(4, 3)
    whole, pieces = Replay(SPEC), Replay(SPEC)
    fragment = play(env, env.reset().copy(), 150, 0)[0].take(0, 0, 0)
    whole.append(fragment, np.arange(4), continues=False)

    cut = fragment.split(2)
    for piece, rows in zip(cut, ([0, 1], [2, 3]), strict=True):
        pieces.append(piece, np.array(rows), continues=False)

    assert sum(piece.agent_steps for piece in cut) == fragment.agent_steps
    assert_same_state(whole, pieces)


def test_every_frame_travels_once(counting):
    env = counting(4, 3)

    fragment = play(env, env.reset().copy(), 150, 0)[0].take(0, 0, 0)

    frames = fragment.frames.size + fragment.first.size + fragment.begun_stacks.size
    assert frames + fragment.finals.size == 16 * (
        150 * 4 + 3 * (4 + len(fragment.begun)) + int(fragment.truncated.sum())
    )


@pytest.mark.parametrize("worker", [0, 1], ids=["lost fragment", "other worker"])
def test_what_follows_a_gap_is_no_future_of_what_came_before(counting, worker):
    env = counting(2, 3)
    shard = ReplayShard(replace(SPEC, num_envs=2), seed=0)
    recording, history = play(env, env.reset().copy(), 40, 0)
    recording_again, going_on = play(env, history._last, 40, 1)
    shard.append(recording.take(0, 0, 0))
    lost, _ = play(env, going_on._last, 40, 2)  # nobody appends it
    lost.take(0, 2, 0)
    later, last = play(env, env._observations.copy(), 40, 3)

    shard.append(recording_again.take(0, 1, 0))
    shard.append(later.take(worker, 3 if worker == 0 else 0, 0))

    # What continues is one stretch; before the gap the last step counts as cut off.
    for row in range(2):
        history.steps[row] += going_on.steps[row]
        entry = history.steps[row][-1]
        entry["truncated"] = not entry["terminated"]
    stretches = [history, last]
    seen = {
        entry["observation"].tobytes(): (stretch, row, t)
        for stretch in stretches
        for row in range(2)
        for t, entry in enumerate(stretch.steps[row])
    }
    sample = shard.sample(2_000)
    observations, nexts = (part.numpy() for part in sample.observations())
    at_the_gap = 0
    for i in range(2_000):
        stretch, row, t = seen[observations[i].tobytes()]
        total, discount, after = stretch.transition(row, t, 3, 0.9, sign=False)
        assert sample.returns[i] == pytest.approx(total, abs=1e-6)
        assert sample.discounts[i] == pytest.approx(discount, abs=1e-6)
        assert after is None or np.array_equal(nexts[i], after)
        at_the_gap += stretch is history and t >= 78
    assert at_the_gap > 10


def test_a_restored_shard_goes_on_with_its_streams(counting):
    env = counting(2, 3)
    spec = replace(SPEC, num_envs=2)
    shard, again = ReplayShard(spec, 0), ReplayShard(spec, 5)
    recording, history = play(env, env.reset().copy(), 20, 0)
    shard.append(recording.take(4, 0, 0))
    again.restore(shard.state())

    fragment = play(env, history._last, 20, 1)[0].take(4, 1, 0)
    masses = [each.append(fragment) for each in (shard, again)]

    assert masses[0] == masses[1]
    assert np.array_equal(shard.sample(50).keys, again.sample(50).keys)
