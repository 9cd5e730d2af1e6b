"""Normalisation of observations and rewards: by hand, and against VecNormalize's mathematics."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.running_mean_std import RunningMeanStd

from raylab.errors import ConfigError
from raylab.rl.algorithms.appo import APPO
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium, make
from raylab.rl.envs.masks import MaskedBox
from raylab.rl.evaluate import evaluate
from raylab.rl.inline import InlineTrainer
from raylab.rl.moments import Moments, learned_rewards
from raylab.rl.on_policy import make_rollout
from raylab.rl.roles.learner_role import LearnerRole
from raylab.rl.roles.rollout_worker import RolloutWorker
from raylab.rl.targets import running_returns

PENDULUM = Gymnasium(id="Pendulum-v1", max_episode_steps=20)
BOTH = replace(
    PPO.continuous_control(), num_envs=2, unroll_length=16, minibatches=2, epochs=2, discount=0.9
)
APPO_BOTH = APPO(
    num_envs=2,
    unroll_length=16,
    reward_clipping="none",
    normalize_observations=True,
    normalize_rewards=True,
)


def moments_of(*parts, shape=()):
    moments = Moments(shape)
    for part in parts:
        moments.update(np.asarray(part, np.float32))
    return moments


def test_moments_by_hand():
    nothing, one, two = moments_of(), moments_of([3.0]), moments_of([1.0, 2.0], [3.0, 6.0])

    assert (nothing.mean.item(), nothing.variance.item()) == (0.0, 1.0)
    assert (one.mean.item(), one.variance.item()) == (3.0, 0.0)
    # Of 1, 2, 3, 6: mean 3, squared distances 4 + 1 + 0 + 9 over 4.
    assert (two.count.item(), two.mean.item(), two.variance.item()) == (4, 3.0, 3.5)


def test_parts_of_any_size_and_order_merge_to_the_moments_of_all():
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(1000, 3)) * [1.0, 50.0, 1e-3] + [0.0, -7.0, 1e4]).astype(np.float32)
    cuts = [0, 0, 1, 17, 18, 600, 1000]
    parts = [values[a:b] for a, b in pairwise(cuts)]

    for order in (parts, parts[::-1]):
        moments = moments_of(*order, shape=(3,))

        exact = values.astype(np.float64)
        np.testing.assert_allclose(moments.mean, exact.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(moments.variance, exact.var(axis=0), rtol=1e-9)


def test_observations_are_centred_scaled_and_cut_off():
    moments = moments_of([[0.0, 5.0], [4.0, 5.0]], shape=(2,))  # means 2 and 5, deviations 2 and 0

    normal = moments.normalized(torch.tensor([[5.0, 5.0], [2.0, 5.1], [90.0, -9.0]]))

    assert normal.dtype == torch.float32
    assert normal.tolist() == [
        pytest.approx([1.5, 0.0]),
        pytest.approx([0.0, 10.0]),  # 0.1 over the root of 1e-8 is 1000
        [10.0, -10.0],
    ]


def test_running_returns_by_hand():
    rewards = np.array([[1.0, 1.0], [2.0, 1.0], [4.0, 1.0]], np.float32)
    ends = np.array([[0, 0], [1, 0], [0, 0]], bool)

    returns = running_returns(rewards, ends, np.array([8.0, 0.0], np.float32), 0.5)

    assert returns.tolist() == [[1 + 4.0, 1.0], [2 + 2.5, 1.5], [4.0, 1.75]]


def normalized_trajectories(unrolls, algorithm=BOTH):
    """Unrolls of Pendulum whose episodes end in their middle, copied."""
    env = make(PENDULUM, 2, seed=1)
    generator = torch.Generator().manual_seed(0)
    network = algorithm.make_network(env.observation_space, env.action_space, generator)
    rollout = make_rollout(
        algorithm, env, algorithm.make_policy(network, env.action_space), generator
    )
    for version in range(unrolls):
        yield rollout.collect(version)
    env.close()


def test_rewards_are_scaled_as_vecnormalize_scales_them():
    moments = Moments(())
    running, oracle = np.zeros(2), RunningMeanStd(epsilon=1e-12, shape=())

    for trajectory in normalized_trajectories(4):
        seen = learned_rewards(trajectory, "none", moments)
        for t in range(16):  # VecNormalize.step_wait and _update_reward, line by line
            running = running * 0.9 + trajectory.rewards[t]
            oracle.update(running)
            running[trajectory.truncated[t] | trajectory.terminated[t]] = 0
        # Its scale at the end of the unroll, which is that of all its steps here.
        expected = np.clip(trajectory.rewards / np.sqrt(oracle.var + 1e-8), -10, 10)
        np.testing.assert_allclose(seen, expected, rtol=1e-4)

    assert moments.count.item() == 4 * 32
    assert moments.variance.item() == pytest.approx(float(oracle.var), rel=1e-5)
    assert np.abs(seen).max() < 10 < np.abs(trajectory.rewards).max()  # something was scaled


def test_rewards_without_moments_are_raw_or_their_sign():
    (trajectory,) = normalized_trajectories(1, replace(BOTH, normalize_rewards=False))

    assert trajectory.running_returns.shape == (0, 2)
    assert learned_rewards(trajectory, "none", None) is trajectory.rewards
    np.testing.assert_array_equal(learned_rewards(trajectory, "sign", None), -1.0)


@pytest.mark.parametrize("algorithm", [BOTH, APPO_BOTH], ids=["ppo", "appo"])
def test_acting_and_learning_see_the_same_observation_and_moments_move_afterwards(algorithm):
    learner = LearnerRole(PENDULUM, algorithm, 1, 10_000, 1, "cpu")
    learner.prepare()
    workers = [RolloutWorker(PENDULUM, algorithm, 1, 2, 1, True) for _ in range(2)]
    for number, worker in enumerate(workers):
        worker.prepare(number)
    weights = learner.weights()
    seen = []
    for version in range(3):
        fragments = [worker.collect(version, weights)[1] for worker in workers]
        seen += [fragment.newest[:-1].reshape(-1, 3) for fragment in fragments]
        result, weights = learner.update(*fragments)

        # Before the first step nothing has changed, in what is seen either: the ratio is 1.
        if algorithm is APPO_BOTH:  # whose only pass is over all of it
            assert result.metrics["kl"] == pytest.approx(0.0, abs=1e-6)
        steps = np.concatenate(seen).astype(np.float64)
        assert weights["moments.observations.count"] == len(steps) == (version + 1) * 64
        np.testing.assert_allclose(weights["moments.observations.mean"], steps.mean(0), atol=1e-9)
        squares = weights["moments.observations.squares"] / len(steps)
        np.testing.assert_allclose(squares, steps.var(0), rtol=1e-9)
        assert weights["moments.returns.count"] == len(steps)


def test_a_worker_continues_running_returns_from_the_state_behind_a_fragment():
    worker, again = (RolloutWorker(PENDULUM, BOTH, 1, 2, 1, True) for _ in range(2))
    learner = LearnerRole(PENDULUM, BOTH, 1, 10_000, 1, "cpu")
    learner.prepare()
    worker.prepare(0)
    again.prepare(0)
    _, _, state = worker.collect(0, learner.weights())
    expected = worker.collect(0, learner.weights())[1]

    again.restore(state)
    fragment = again.collect(0, learner.weights())[1]

    np.testing.assert_array_equal(fragment.running_returns, expected.running_returns)
    first = (expected.rewards[0] - fragment.running_returns[0]) / -0.9
    assert np.abs(first).min() > 0  # 16 of 20 steps: the episodes went on


def test_evaluation_leaves_moments_as_they_are_and_uses_them():
    trainer = InlineTrainer(PENDULUM, BOTH, 1, 10_000, threads=1)
    trainer.update()
    before, played = trainer.weight_hash(), evaluate(PENDULUM, trainer.policy, episodes=2, seed=5)

    assert trainer.weight_hash() == before
    trainer.policy.network.moments["observations"].mean += 3.0
    assert trainer.weight_hash() != before
    assert evaluate(PENDULUM, trainer.policy, episodes=2, seed=5).returns != played.returns
    trainer.close()


def test_masks_are_not_normalised():
    space = MaskedBox(spaces.Box(-1, 1, (2,), np.float32), 3)
    config = PPO(normalize_observations=True)
    network = config.make_network(space, spaces.Discrete(3), torch.Generator())

    network.observe(np.array([[[5.0, 7.0, 1.0, 0.0, 1.0]]], np.float32))

    assert network.moments["observations"].mean.tolist() == [5.0, 7.0]
    assert dict(network.named_buffers()).keys() == {
        f"moments.observations.{name}" for name in ("count", "mean", "squares")
    }


@pytest.mark.parametrize("kind", [PPO, APPO])
def test_what_cannot_be_normalised_is_refused(kind):
    image = spaces.Box(0, 255, (10, 10, 4), np.uint8)

    with pytest.raises(ConfigError, match="normalize_observations=True is for vectors"):
        kind(normalize_observations=True).make_network(image, spaces.Discrete(3), torch.Generator())
    with pytest.raises(ConfigError, match=r"reward_clipping='sign'.*choose one"):
        kind(normalize_rewards=True)


def test_weights_without_moments_are_those_of_another_network():
    space, actions = spaces.Box(-1, 1, (3,), np.float32), spaces.Box(-1, 1, (1,), np.float32)
    plain = replace(BOTH, normalize_observations=False)
    make_learner = lambda c: c.make_learner(c.make_network(space, actions, torch.Generator()))  # noqa: E731

    with pytest.raises(ConfigError, match=r"nothing for 'moments\.observations\.count'"):
        make_learner(BOTH).load_weights(make_learner(plain).weights())
