import gymnasium
import numpy as np
import pytest
import torch

from raylab.rl.algorithms.ppo import PPO
from raylab.rl.distributions import distribution_of
from raylab.rl.envs import Atari, Gymnasium, make
from raylab.rl.networks import ActorCriticHead, NetworkConfig, build_network
from raylab.rl.policy import Policy
from raylab.rl.rollout import Rollout

LENGTH = 5  # of a game of Counting


class Counting(gymnasium.Env):
    """Shows (game, step); action 1 in the third step ends the game, else it is cut off at 5."""

    observation_space = gymnasium.spaces.Box(-1e6, 1e6, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self):
        self.game, self.t = -1, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.game, self.t = self.game + 1, 0
        return self._observation(), {}

    def step(self, action):
        self.t += 1
        ends = self.t == 3 and action == 1
        return self._observation(), float(10 * self.game + self.t), ends, self.t == LENGTH, {}

    def _observation(self):
        return np.array([self.game, self.t], np.float32)


@pytest.fixture
def counting():
    gymnasium.register("raylab/Counting-v0", entry_point=Counting)
    env = make(Gymnasium(id="raylab/Counting-v0"), num_envs=3, seed=1)
    yield env
    env.close()
    gymnasium.registry.pop("raylab/Counting-v0")


def policy_for(env, seed=2):
    distribution = distribution_of(env.action_space)
    generator = torch.Generator().manual_seed(seed)
    network = build_network(
        NetworkConfig(), env.observation_space, ActorCriticHead(distribution), generator
    )
    return Policy(network, distribution)


def rollout_for(env, unroll_length, seed=3):
    return Rollout(env, policy_for(env), unroll_length, torch.Generator().manual_seed(seed))


def values_of(policy, observations):
    with torch.no_grad():
        return policy.network(torch.from_numpy(observations))[1].numpy()


def test_every_step_is_a_real_transition(counting):
    trajectory = rollout_for(counting, unroll_length=40).collect(policy_version=7)

    now, then = trajectory.observations[:-1], trajectory.observations[1:]
    done = trajectory.terminated | trajectory.truncated
    # Within a game the step counts up; after its end, the next game shows its first observation.
    assert (then[~done] == now[~done] + [0, 1]).all()
    assert (then[done][:, 1] == 0).all()
    assert (then[done][:, 0] == now[done][:, 0] + 1).all()
    # The reward names its game and step: it belongs to the observation before it.
    assert (trajectory.rewards == 10 * now[..., 0] + now[..., 1] + 1).all()
    assert (trajectory.terminated == ((now[..., 1] == 2) & (trajectory.actions == 1))).all()
    assert (trajectory.truncated == (now[..., 1] == LENGTH - 1)).all()
    assert trajectory.terminated.any()
    assert trajectory.truncated.any()
    assert trajectory.policy_version == 7
    assert trajectory.agent_steps == 120


def test_truncated_steps_carry_the_value_of_the_true_final_observation(counting):
    rollout = rollout_for(counting, unroll_length=40)
    policy = policy_for(counting)

    trajectory = rollout.collect(policy_version=0)

    final = trajectory.observations[:-1].copy()
    final[..., 1] += 1  # what the game showed last, which no trajectory row holds
    expected = np.where(trajectory.truncated, values_of(policy, final), 0.0)
    np.testing.assert_allclose(trajectory.final_values, expected, rtol=1e-5, atol=1e-6)


def test_values_and_log_probabilities_are_those_of_the_policy(counting):
    rollout = rollout_for(counting, unroll_length=8)
    policy = policy_for(counting)

    trajectory = rollout.collect(policy_version=0)

    expected = values_of(policy, trajectory.observations)
    np.testing.assert_allclose(trajectory.values, expected, rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        logits, _ = policy.network(torch.from_numpy(trajectory.observations[:-1]))
    oracle = torch.distributions.Categorical(logits=logits)
    log_probs = oracle.log_prob(torch.from_numpy(trajectory.actions))
    np.testing.assert_allclose(trajectory.log_probs, log_probs, rtol=1e-5, atol=1e-6)


def test_the_next_unroll_goes_on_where_the_last_ended(counting):
    rollout = rollout_for(counting, unroll_length=7)
    first = rollout.collect(policy_version=0)
    last_observations = first.observations[-1].copy()
    ended = len(first.episodes)

    second = rollout.collect(policy_version=1)

    assert (second.observations[0] == last_observations).all()
    assert second.policy_version == 1
    lengths = [episode.length_steps for episode in second.episodes]
    assert ended > 0
    assert set(lengths) <= {3, LENGTH}


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [pytest.param("float32", 1e-4, id="float32"), pytest.param("bfloat16", 2e-2, id="bfloat16")],
)
def test_the_learner_computes_from_stored_frames_what_acting_did(precision, tolerance):
    env = make(Atari(game="breakout"), num_envs=2, seed=1)
    distribution = distribution_of(env.action_space)
    generator = torch.Generator().manual_seed(2)
    network = build_network(
        NetworkConfig(), env.observation_space, ActorCriticHead(distribution), generator
    )
    torch.nn.init.orthogonal_(network.head.policy.weight, 1.0, generator=generator)
    learner = PPO(precision=precision).make_learner(network)
    rollout = Rollout(env, Policy(learner.network, distribution), 24, generator)

    trajectory = rollout.collect(policy_version=0)
    env.close()

    frames = torch.from_numpy(trajectory.observations)
    with torch.no_grad():
        logits, values = learner.network(frames.flatten(0, 1))
    logits = logits.unflatten(0, frames.shape[:2])[:-1]
    oracle = torch.distributions.Categorical(logits=logits)
    log_probs = oracle.log_prob(torch.from_numpy(trajectory.actions))
    assert logits.std() > 0.1
    np.testing.assert_allclose(trajectory.log_probs, log_probs, atol=tolerance)
    np.testing.assert_allclose(trajectory.values.ravel(), values, atol=tolerance)
