"""Graphs on a GPU: the same numbers as without, also after the weights have moved."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from raylab.rl.algorithms.ppo import PPO
from raylab.rl.distributions import Categorical
from raylab.rl.graphs import GraphedForward, GraphedTraining
from raylab.rl.networks import ActorCriticHead, NetworkConfig, build_network
from raylab.rl.policy import Policy

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device: graphs are of GPUs only"
)


@pytest.fixture
def learner():
    torch.backends.cudnn.deterministic = True
    space = spaces.Box(0, 255, (84, 84, 4), np.uint8)
    generator = torch.Generator().manual_seed(1)
    network = build_network(NetworkConfig(), space, ActorCriticHead(Categorical(6)), generator)
    return PPO().make_learner(network.to("cuda"))


def stored(count, seed=2):
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 21, 21, 64)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator).cuda()


def descend(learner, compute, observations):
    parameters, values = compute(observations)
    return learner.step(parameters.square().mean() + (values - 1.0).square().mean(), 1e-3)


def test_a_graphed_pass_is_the_networks_own(learner):
    graphed = GraphedForward(learner.network, stored(8))

    for seed in (3, 4):
        expected = learner.network(stored(8, seed))
        torch.testing.assert_close(graphed(stored(8, seed)), expected)
        descend(learner, learner.network, stored(32, seed))


def test_graphed_steps_are_those_without_graphs(learner):
    before = learner.weights()
    norms = [descend(learner, learner.network, stored(32, seed)) for seed in range(4)]
    expected = learner.weights()
    learner.load_weights(before)
    learner.load_optimizer_state(
        {name: np.zeros_like(array) for name, array in learner.optimizer_state().items()}
    )

    graphed = GraphedTraining(learner.network)
    graphed_norms = [descend(learner, graphed, stored(32, seed)) for seed in range(4)]

    torch.testing.assert_close(graphed_norms, norms, rtol=1e-2, atol=1e-3)
    for name, array in learner.weights().items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-2, atol=1e-3)


def test_a_frozen_policy_acts_as_the_policy(learner):
    policy = Policy(learner.network, Categorical(6))
    noise = torch.rand(8, 6)

    for seed in (5, 6):
        observations = stored(8, seed).cpu()
        expected = policy.act(observations, noise)
        torch.testing.assert_close(policy.frozen(8).act(observations, noise), expected)
        descend(learner, learner.network, stored(32, seed))
