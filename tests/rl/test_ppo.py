import dataclasses
import json

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from raylab.errors import ConfigError, TrainingError
from raylab.rl.algorithms.ppo import DIAGNOSTICS, PPO, Batch, PPOLearner, ppo_loss
from raylab.rl.distributions import Categorical, distribution_of
from raylab.rl.learner import Learner
from raylab.rl.networks import ActorCriticHead, NetworkConfig, build_network
from raylab.rl.trajectory import Trajectory


def batch_of(*, actions, log_probs, values, advantages, targets):
    return Batch(
        observations=torch.zeros(len(advantages), 1),
        actions=torch.tensor(actions),
        behaviour_log_probs=torch.tensor(log_probs),
        behaviour_values=torch.tensor(values),
        advantages=torch.tensor(advantages),
        value_targets=torch.tensor(targets),
    )


def test_the_loss_by_hand():
    # Two actions of probability 1/2 each now; they had 1/4 and 1 when they were taken, so that
    # the ratios are 2 and 1/2, clipped to 1.2 and 0.8.
    config = PPO(clip=0.2, normalize_advantages=False, entropy_coefficient=0.1)
    batch = batch_of(
        actions=[0, 1],
        log_probs=[np.log(0.25), 0.0],
        values=[1.0, 1.0],
        advantages=[3.0, -1.0],
        targets=[2.0, 0.0],
    )

    loss, diagnostics = ppo_loss(
        torch.zeros(2, 2), torch.tensor([1.5, 1.1]), batch, Categorical(2), config
    )

    # Surrogates: min(2 * 3, 1.2 * 3) = 3.6 and min(-0.5, -0.8) = -0.8.
    policy_loss = -(3.6 - 0.8) / 2
    # Values move to 1.5, clipped to 1.2: errors max(0.25, 0.64); and to 1.1, not clipped: 1.21.
    value_loss = 0.5 * (0.64 + 1.21) / 2
    entropy = np.log(2.0)
    kl = ((2 - 1 - np.log(2)) + (0.5 - 1 - np.log(0.5))) / 2
    assert loss.item() == pytest.approx(policy_loss + 0.5 * value_loss - 0.1 * entropy)
    assert diagnostics.tolist() == pytest.approx([policy_loss, value_loss, entropy, kl, 1.0])


def test_the_value_loss_without_clipping_is_half_the_mean_squared_error():
    config = PPO(clip=0.2, normalize_advantages=False, clip_value_loss=False)
    batch = batch_of(
        actions=[0, 1],
        log_probs=[0.0, 0.0],
        values=[1.0, 1.0],
        advantages=[0.0, 0.0],
        targets=[2.0, 0.0],
    )

    _, diagnostics = ppo_loss(
        torch.zeros(2, 2), torch.tensor([1.5, 1.1]), batch, Categorical(2), config
    )

    assert diagnostics[1].item() == pytest.approx(0.5 * (0.25 + 1.21) / 2)


def test_advantages_are_normalised_within_the_minibatch():
    config = PPO(entropy_coefficient=0.0, value_coefficient=0.0)
    batch = batch_of(
        actions=[0, 1, 0],
        log_probs=[np.log(0.5)] * 3,
        values=[0.0] * 3,
        advantages=[10.0, 20.0, 30.0],
        targets=[0.0] * 3,
    )
    parameters = torch.zeros(3, 2, requires_grad=True)

    loss, _ = ppo_loss(parameters, torch.zeros(3), batch, Categorical(2), config)
    loss.backward()

    # Mean 20 and standard deviation 10 give -1, 0, 1; d log p(a) / d logit_a = 1 - 1/2.
    expected = -torch.tensor([[-1.0, 1.0], [0.0, 0.0], [1.0, -1.0]]) * 0.5 / 3
    torch.testing.assert_close(parameters.grad, expected)


# --- against a straight-line reference ---------------------------------------------------------


def random_trajectory(space, T=16, N=4, size=3, seed=0):
    """Data of a policy that is not the current one, with ends of both kinds."""
    rng = np.random.default_rng(seed)
    discrete = isinstance(space, spaces.Discrete)
    actions = (
        rng.integers(0, space.n, (T, N))
        if discrete
        else rng.normal(size=(T, N, *space.shape)).astype(np.float32)
    )
    terminated = rng.random((T, N)) < 0.1
    truncated = (rng.random((T, N)) < 0.1) & ~terminated
    return Trajectory(
        observations=rng.normal(size=(T + 1, N, size)).astype(np.float32),
        actions=actions,
        log_probs=(np.log(1 / 3) + 0.2 * rng.normal(size=(T, N))).astype(np.float32),
        values=rng.normal(size=(T + 1, N)).astype(np.float32),
        rewards=(3 * rng.normal(size=(T, N))).astype(np.float32),
        terminated=terminated,
        truncated=truncated,
        final_values=np.where(truncated, rng.normal(size=(T, N)), 0).astype(np.float32),
        running_returns=np.zeros((0, N), np.float32),
        policy_version=0,
        episodes=(),
    )


def network_for(space, seed=1, size=3):
    observations = spaces.Box(-1, 1, (size,), np.float32)
    generator = torch.Generator().manual_seed(seed)
    config = NetworkConfig(hidden_sizes=(16,))
    return build_network(config, observations, ActorCriticHead(distribution_of(space)), generator)


def ppo_learner(config, space, seed=5):
    network = network_for(space)
    learner = Learner(
        network,
        dtype=torch.float32,
        adam_epsilon=config.adam_epsilon,
        max_gradient_norm=config.max_gradient_norm,
    )
    shuffling = torch.Generator().manual_seed(seed)
    return PPOLearner(config, learner, distribution_of(space), shuffling), learner


def reference_update(network, config, trajectory, space, learning_rate, shuffling):
    """PPO in one go, by loops over agent steps and torch.distributions; nothing shared."""
    T, N = trajectory.rewards.shape
    rewards = (
        np.sign(trajectory.rewards) if config.reward_clipping == "sign" else trajectory.rewards
    )
    rows = []
    for t in range(T):
        for n in range(N):
            advantage, weight = 0.0, 1.0
            for k in range(t, T):
                if trajectory.terminated[k, n]:
                    after = 0.0
                elif trajectory.truncated[k, n]:
                    after = trajectory.final_values[k, n]
                else:
                    after = trajectory.values[k + 1, n]
                delta = rewards[k, n] + config.discount * after - trajectory.values[k, n]
                advantage += weight * delta
                weight *= config.discount * config.gae_lambda
                if trajectory.terminated[k, n] or trajectory.truncated[k, n]:
                    break
            rows.append((t, n, advantage, advantage + trajectory.values[t, n]))
    adam = torch.optim.Adam(network.parameters(), lr=learning_rate, eps=config.adam_epsilon)
    size = T * N // config.minibatches
    gradients = []
    for _ in range(config.epochs):
        order = torch.randperm(T * N, generator=shuffling).tolist()
        for start in range(0, T * N, size):
            some = [rows[i] for i in order[start : start + size]]
            t, n = [row[0] for row in some], [row[1] for row in some]
            advantages = torch.tensor([row[2] for row in some]).float()
            targets = torch.tensor([row[3] for row in some]).float()
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
            parameters, values = network(torch.from_numpy(trajectory.observations[t, n]))
            if isinstance(space, spaces.Discrete):
                policy = torch.distributions.Categorical(logits=parameters)
            else:
                mean, log_std = parameters.chunk(2, dim=1)
                normal = torch.distributions.Normal(mean, log_std.exp())
                policy = torch.distributions.Independent(normal, 1)
            ratio = torch.exp(
                policy.log_prob(torch.from_numpy(trajectory.actions[t, n]))
                - torch.from_numpy(trajectory.log_probs[t, n])
            )
            loss = torch.zeros(())
            old_values = torch.from_numpy(trajectory.values[:-1][t, n])
            for i in range(size):
                clipped = torch.clip(ratio[i], 1 - config.clip, 1 + config.clip)
                loss = loss - torch.minimum(ratio[i] * advantages[i], clipped * advantages[i])
                moved = torch.clip(values[i] - old_values[i], -config.clip, config.clip)
                errors = [(values[i] - targets[i]) ** 2, (old_values[i] + moved - targets[i]) ** 2]
                error = torch.maximum(*errors) if config.clip_value_loss else errors[0]
                loss = loss + config.value_coefficient * 0.5 * error
            loss = loss / size - config.entropy_coefficient * policy.entropy().mean()
            adam.zero_grad()
            loss.backward()
            gradients.append({k: p.grad.clone() for k, p in network.named_parameters()})
            nn.utils.clip_grad_norm_(network.parameters(), config.max_gradient_norm)
            adam.step()
    return gradients


@pytest.mark.parametrize(
    "space",
    [
        pytest.param(spaces.Discrete(3), id="discrete"),
        pytest.param(spaces.Box(-1, 1, (2,)), id="box"),
    ],
)
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="atari"),
        pytest.param({"clip_value_loss": False, "reward_clipping": "none"}, id="unclipped"),
    ],
)
def test_an_update_is_that_of_a_straight_line_reference(space, changes):
    config = PPO(num_envs=4, unroll_length=16, minibatches=2, epochs=2, **changes)
    trajectory = random_trajectory(space)
    assert trajectory.terminated.any()
    assert trajectory.truncated.any()
    learning, learner = ppo_learner(config, space)
    reference = network_for(space)

    metrics = learning.update(trajectory, learning_rate=1e-3)
    reference_update(reference, config, trajectory, space, 1e-3, torch.Generator().manual_seed(5))

    weights = learner.weights()
    for name, parameter in reference.named_parameters():
        np.testing.assert_allclose(
            weights[name], parameter.detach(), rtol=1e-4, atol=2e-6, err_msg=name
        )
    assert set(DIAGNOSTICS) < metrics.keys()
    assert metrics["learning_rate"] == 1e-3


def test_gradients_of_a_batch_are_those_of_the_reference():
    config = PPO(num_envs=4, unroll_length=16, minibatches=1, epochs=1, max_gradient_norm=1e9)
    space = spaces.Discrete(3)
    learning, learner = ppo_learner(config, space)
    trajectory = random_trajectory(space)

    metrics = learning.update(trajectory, learning_rate=1e-3)
    (gradients,) = reference_update(
        network_for(space), config, trajectory, space, 1e-3, torch.Generator().manual_seed(5)
    )

    # After one step, Adam's first moment is a tenth of the gradient.
    moments = learner.optimizer_state()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(
            10 * moments[f"exp_avg.{name}"], gradient, rtol=1e-3, atol=1e-6, err_msg=name
        )
    norm = torch.stack([g.norm() for g in gradients.values()]).norm()
    assert metrics["gradient_norm"] == pytest.approx(float(norm), rel=1e-4)


@pytest.mark.parametrize(
    ("target_kl", "passes"), [pytest.param(1e-9, 1, id="exceeded"), pytest.param(0.2, 4, id="kept")]
)
def test_the_passes_stop_at_the_target_kl(target_kl, passes):
    space = spaces.Discrete(3)
    config = PPO(num_envs=4, unroll_length=16, minibatches=2, epochs=4, target_kl=target_kl)
    learning, learner = ppo_learner(config, space)

    metrics = learning.update(random_trajectory(space), learning_rate=1e-3)

    assert metrics["kl"] < 0.2 < metrics["clip_fraction"]
    assert learner.optimizer_state()["step"].tolist() == [passes * config.minibatches]


def test_training_that_diverges_is_an_error_with_its_metrics():
    space = spaces.Discrete(3)
    config = PPO(num_envs=4, unroll_length=16, minibatches=2, epochs=1, reward_clipping="none")
    learning, _ = ppo_learner(config, space)
    trajectory = random_trajectory(space)
    trajectory.rewards[3, 2] = np.nan

    with pytest.raises(TrainingError, match=r"diverged in update 1: .*'loss/policy': nan"):
        learning.update(trajectory, learning_rate=1e-3)


# --- configuration -----------------------------------------------------------------------------


def test_the_learning_rate_falls_linearly_and_stays_at_zero():
    config = PPO(learning_rate=1e-3)
    constant = PPO(learning_rate=1e-3, anneal_learning_rate=False)

    assert config.learning_rate_at(0, 1000) == 1e-3
    assert config.learning_rate_at(250, 1000) == pytest.approx(7.5e-4)
    assert config.learning_rate_at(1500, 1000) == 0.0
    assert constant.learning_rate_at(1500, 1000) == 1e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": -1e-4}, r"learning_rate=-0.0001 must be positive and finite"),
        ({"learning_rate": float("nan")}, r"learning_rate=nan must be positive"),
        ({"num_envs": 0}, r"num_envs=0 must be at least 1"),
        ({"discount": 1.01}, r"discount=1.01 must be between 0 and 1"),
        ({"entropy_coefficient": -0.1}, r"entropy_coefficient=-0.1 must be finite, from 0 on"),
        ({"target_kl": 0.0}, r"target_kl=0.0 must be positive and finite, or None"),
        ({"reward_clipping": "clip"}, r"reward_clipping='clip' must be none or sign"),
        ({"precision": "float16"}, r"precision='float16' must be auto, float32 or bfloat16"),
        ({"minibatches": 5}, r"minibatches=5 does not divide 1024 .*; try 4\."),
        ({"minibatches": 1024}, r"minibatches=1024 leaves one agent step in each"),
    ],
    ids=lambda value: (
        "-".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_wrong_settings_name_field_value_and_way_out(changes, message):
    with pytest.raises(ConfigError, match=message):
        PPO(**changes)


def test_a_configuration_is_plain_data():
    config = PPO.classic_control()

    record = json.loads(json.dumps(dataclasses.asdict(config)))

    sizes = {name: tuple(getattr(config.network, name)) for name in ("hidden_sizes", "channels")}
    assert PPO(network=NetworkConfig(**record.pop("network") | sizes), **record) == config
