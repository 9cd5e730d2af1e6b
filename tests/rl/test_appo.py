"""APPO: its update against a straight-line reference, IMPALA as its special case, its settings."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from raylab.errors import ConfigError, TrainingError
from raylab.rl.algorithms.appo import APPO
from raylab.rl.networks import NetworkConfig
from raylab.rl.targets import vtrace
from raylab.rl.trajectory import Trajectory

SPACE = spaces.Discrete(3)
SMALL = APPO(
    num_envs=4, unroll_length=12, minibatches=2, epochs=2, network=NetworkConfig(hidden_sizes=(16,))
)


def trajectory_of(seed=0, T=12, N=4, size=3):
    """Data of a policy that is not the current one, with ends of both kinds."""
    rng = np.random.default_rng(seed)
    terminated = rng.random((T, N)) < 0.1
    truncated = (rng.random((T, N)) < 0.1) & ~terminated
    return Trajectory(
        observations=rng.normal(size=(T + 1, N, size)).astype(np.float32),
        actions=rng.integers(0, 3, (T, N)),
        log_probs=(np.log(1 / 3) + 0.3 * rng.normal(size=(T, N))).astype(np.float32),
        values=rng.normal(size=(T + 1, N)).astype(np.float32),
        rewards=(3 * rng.normal(size=(T, N))).astype(np.float32),
        terminated=terminated,
        truncated=truncated,
        final_values=np.where(truncated, rng.normal(size=(T, N)), 0).astype(np.float32),
        running_returns=np.zeros((0, N), np.float32),
        policy_version=0,
        episodes=(),
    )


def network_of(config):
    observations = spaces.Box(-1, 1, (3,), np.float32)
    return config.make_network(observations, SPACE, torch.Generator().manual_seed(1))


def learner_of(config):
    learner = config.make_learner(network_of(config))
    policy = config.make_policy(learner.network, SPACE)
    shuffling = torch.Generator().manual_seed(5)
    return config.make_trajectory_learner(learner, policy.distribution, shuffling), learner


def reference_update(network, config, trajectory, learning_rate):
    """APPO by loops over environments and steps, and by torch.distributions."""
    adam = torch.optim.Adam(network.parameters(), lr=learning_rate, eps=config.adam_epsilon)
    shuffling = torch.Generator().manual_seed(5)
    T, N = trajectory.rewards.shape
    for _ in range(config.epochs):
        order = torch.randperm(N, generator=shuffling).tolist()
        size = N // config.minibatches
        for start in range(0, N, size):
            surrogates, errors, entropies = [], [], []
            for n in order[start : start + size]:
                logits, values = network(torch.from_numpy(trajectory.observations[:, n]))
                policy = torch.distributions.Categorical(logits=logits[:-1])
                log_probs = policy.log_prob(torch.from_numpy(trajectory.actions[:, n]))
                behaviour = torch.from_numpy(trajectory.log_probs[:, n])
                column = slice(n, n + 1)
                targets, advantages = vtrace(
                    log_ratios=(log_probs - behaviour).detach().numpy()[:, None],
                    rewards=np.sign(trajectory.rewards[:, column]),
                    values=values.detach().numpy()[:, None],
                    terminated=trajectory.terminated[:, column],
                    truncated=trajectory.truncated[:, column],
                    final_values=trajectory.final_values[:, column],
                    discount=config.discount,
                )
                for t in range(T):
                    surrogates.append((log_probs[t], behaviour[t], torch.tensor(advantages[t, 0])))
                    errors.append((values[t] - float(targets[t, 0])) ** 2)
                entropies.append(policy.entropy().mean())
            scale = torch.stack([a for _, _, a in surrogates])
            loss = torch.zeros(())
            for log_prob, behaviour, advantage in surrogates:
                ratio = torch.exp(log_prob - behaviour)
                if config.clip is None:
                    rho = ratio.detach().clamp(max=1.0)
                    loss = loss - rho * advantage * log_prob
                else:
                    advantage = (advantage - scale.mean()) / (scale.std() + 1e-8)
                    limited = torch.clip(ratio, 1 - config.clip, 1 + config.clip)
                    loss = loss - torch.minimum(ratio * advantage, limited * advantage)
            loss = (
                loss / len(surrogates) + config.value_coefficient * 0.5 * torch.stack(errors).mean()
            )
            loss = loss - config.entropy_coefficient * torch.stack(entropies).mean()
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), config.max_gradient_norm)
            adam.step()


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(SMALL, id="appo"),
        pytest.param(replace(SMALL, clip=None, normalize_advantages=False), id="impala"),
    ],
)
def test_an_update_is_that_of_a_straight_line_reference(config):
    trajectory = trajectory_of()
    assert trajectory.terminated.any()
    assert trajectory.truncated.any()
    learning, learner = learner_of(config)
    reference = network_of(config)

    metrics = learning.update(trajectory, learning_rate=1e-3)
    reference_update(reference, config, trajectory, 1e-3)

    weights = learner.weights()
    for name, parameter in reference.named_parameters():
        np.testing.assert_allclose(
            weights[name], parameter.detach(), rtol=1e-4, atol=2e-6, err_msg=name
        )
    assert metrics["rho"] < 1.0
    assert learner.optimizer_state()["step"].tolist() == [4]


def test_impala_is_the_unclipped_case():
    assert APPO.impala() == APPO(clip=None, normalize_advantages=False)


def test_training_that_diverges_is_an_error_with_its_metrics():
    trajectory = trajectory_of()
    trajectory.rewards[3, 2] = np.nan
    learning, _ = learner_of(replace(SMALL, reward_clipping="none"))

    with pytest.raises(TrainingError, match=r"diverged in update 1: .*'loss/policy': nan"):
        learning.update(trajectory, learning_rate=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip": 0.0}, r"clip=0.0 must be positive and finite, or None"),
        ({"max_rho": 0.0}, r"max_rho=0.0 must be positive and finite"),
        ({"max_policy_lag": 0}, r"max_policy_lag=0 must be at least 1"),
        ({"trace_lambda": 1.5}, r"trace_lambda=1.5 must be between 0 and 1"),
        ({"minibatches": 6}, r"minibatches=6 does not divide num_envs=16; try 2\."),
    ],
    ids=["clip", "max_rho", "max_policy_lag", "trace_lambda", "minibatches"],
)
def test_wrong_settings_name_field_value_and_way_out(changes, message):
    with pytest.raises(ConfigError, match=message):
        APPO(**changes)
