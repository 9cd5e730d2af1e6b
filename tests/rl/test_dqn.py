"""DQN's mathematics by hand and against independent oracles, and its agent."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3.common.logger import configure
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import nn
from torch.nn import functional

from raylab.errors import ConfigError
from raylab.rl.action_values import QHead, QPolicy
from raylab.rl.algorithms.dqn import DQN, DQNLearner, q_loss, q_targets
from raylab.rl.envs import Gymnasium, make
from raylab.rl.networks import NetworkConfig, build_network
from raylab.rl.replay import Mass, Sample
from raylab.rl.targets import n_step_returns

VECTORS = spaces.Box(-1.0, 1.0, (3,), np.float32)
PLAIN = DQN(network=NetworkConfig(hidden_sizes=(8,), activation="relu"), learning_rate=1e-2)


def tensor(*numbers):
    return torch.tensor(numbers)


def q_network(config=PLAIN, seed=0, space=VECTORS):
    generator = torch.Generator().manual_seed(seed)
    return config.make_network(space, spaces.Discrete(4), generator)


def make_sample(size=16, seed=0):
    rng = np.random.default_rng(seed)

    return Sample(
        frames=rng.normal(size=(size, 2, 3)).astype(np.float32),
        actions=rng.integers(4, size=size),
        returns=rng.normal(size=size).astype(np.float32),
        discounts=np.where(rng.random(size) < 0.3, 0.0, 0.97).astype(np.float32),
        lengths=np.ones(size, np.int64),
        masses=rng.exponential(size=size),
        keys=np.arange(size),
        stack=1,
        drawn_from=Mass(40.0, 100),
    )


def test_targets_by_hand():
    next_q = torch.tensor([[1.0, 3.0], [5.0, 2.0], [7.0, 8.0]])
    choosing_q = torch.tensor([[9.0, 0.0], [0.0, 9.0], [0.0, 9.0]])
    returns, discounts = tensor(0.5, 1.0, -1.0), tensor(0.5, 0.1, 0.0)

    plain = q_targets(returns, discounts, next_q)
    double = q_targets(returns, discounts, next_q, choosing_q)

    assert plain.tolist() == pytest.approx([0.5 + 0.5 * 3.0, 1.0 + 0.1 * 5.0, -1.0])
    assert double.tolist() == pytest.approx([0.5 + 0.5 * 1.0, 1.0 + 0.1 * 2.0, -1.0])


def test_the_loss_is_quadratic_near_and_linear_far_and_weighted():
    q = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)

    loss, errors = q_loss(q, torch.tensor([0, 1]), tensor(1.5, -3.0), tensor(1.0, 0.5))
    loss.backward()

    assert errors.tolist() == [0.5, -5.0]
    assert loss.item() == pytest.approx((0.5 * 0.5**2 + 0.5 * (5.0 - 0.5)) / 2)
    # Slopes: -0.5 and, clipped, +1; weighted and halved by the mean.
    assert q.grad.tolist() == [[-0.25, 0.0], [0.0, 0.25]]


def test_n_step_returns_by_hand():
    rewards = np.array([[1.0, 2.0, 4.0]] * 4, np.float32)
    ends = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]], bool)
    nothing = np.zeros_like(ends)

    returns, discounts, lengths = n_step_returns(rewards, ends, nothing, 0.5)
    _, cut_off, _ = n_step_returns(rewards, nothing, ends, 0.5)

    assert returns.tolist() == [3.0, 2.0, 1.0, 3.0]
    assert lengths.tolist() == [3, 2, 1, 3]
    assert discounts.tolist() == [0.125, 0.0, 0.0, 0.0]
    assert cut_off.tolist() == [0.125, 0.25, 0.5, 0.125]


def test_an_episode_ends_once_whatever_comes_behind_it():
    terminated = np.array([[0, 0, 1]], bool)
    truncated = np.array([[0, 1, 0]], bool)

    returns, discounts, lengths = n_step_returns(
        np.ones((1, 3), np.float32), terminated, truncated, 0.5
    )

    assert (returns.tolist(), discounts.tolist(), lengths.tolist()) == ([1.5], [0.25], [2])


def test_dueling_advantages_have_no_mean():
    network = q_network(replace(PLAIN, dueling=True))
    features = torch.randn(5, 16)

    q = network.head(features)

    assert network.body.q[0].out_features == 16
    value = network.head.value(features[:, :8])
    advantages = network.head.advantage(features[:, 8:])
    assert torch.allclose(q.mean(dim=1), value.squeeze(1), atol=1e-6)
    centred = advantages - advantages.mean(dim=1, keepdim=True)
    assert torch.allclose(q - q.mean(dim=1, keepdim=True), centred, atol=1e-6)


def test_a_dueling_image_network_has_a_layer_of_512_for_each_stream():
    image = spaces.Box(0, 255, (84, 84, 4), np.uint8)
    network = build_network(NetworkConfig(), image, QHead(6, dueling=True), torch.Generator())

    assert network.body.linear.out_features == 1024
    assert network.head.value.in_features == network.head.advantage.in_features == 512
    assert network(torch.zeros((2, *network.stored_shape), dtype=torch.uint8)).shape == (2, 6)


@pytest.mark.parametrize("double", [False, True], ids=["plain", "double"])
@pytest.mark.parametrize("prioritized", [False, True], ids=["uniform", "prioritized"])
def test_updates_are_those_of_a_straight_line_reference(double, prioritized):
    config = replace(PLAIN, double=double, prioritized=prioritized, max_gradient_norm=0.1)
    config = replace(config, importance_exponent=0.7, final_learning_rate=1e-3, annealing_steps=4)
    network = q_network(config)
    reference, target = copy.deepcopy(network), copy.deepcopy(network)
    optimizer = torch.optim.Adam(reference.parameters(), lr=1e-2, eps=1e-8)
    learner = DQNLearner(config, config.make_learner(network))

    for seed in range(5):
        sample = make_sample(seed=seed)
        _, masses = learner.update(sample, agent_steps=seed)
        optimizer.param_groups[0]["lr"] = 1e-2 + seed / 4 * (1e-3 - 1e-2)

        loss, errors = torch.zeros(()), []
        largest = max((100 * m / 40.0) ** -0.7 for m in sample.masses)
        for i in range(16):
            weight = (100 * sample.masses[i] / 40.0) ** -0.7 / largest if prioritized else 1.0
            with torch.no_grad():
                after = torch.from_numpy(sample.frames[i : i + 1, 1])
                chooser = reference if double else target
                next_value = target(after)[0, chooser(after)[0].argmax()]
            wanted = sample.returns[i] + sample.discounts[i] * next_value
            q = reference(torch.from_numpy(sample.frames[i : i + 1, 0]))[0, sample.actions[i]]
            loss = loss + weight * functional.smooth_l1_loss(q, wanted) / 16
            errors.append(abs((wanted - q).item()))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(reference.parameters(), 0.1)
        optimizer.step()
        assert masses.tolist() == pytest.approx([(e + 1e-6) ** 0.6 for e in errors], rel=1e-3)

    for (name, weight), expected in zip(
        network.named_parameters(), reference.parameters(), strict=True
    ):
        assert torch.allclose(weight, expected, atol=1e-5), name


def test_updates_are_those_of_stable_baselines3():
    config = replace(PLAIN, max_gradient_norm=10.0)
    peer = stable_baselines3.DQN(
        "MlpPolicy",
        "CartPole-v1",
        learning_rate=1e-2,
        buffer_size=100,
        policy_kwargs={"net_arch": [8]},
        device="cpu",
    )
    peer.set_logger(configure(None, []))
    space = spaces.Box(-1.0, 1.0, (4,), np.float32)
    network = config.make_network(space, spaces.Discrete(2), torch.Generator().manual_seed(1))
    for net in (peer.q_net, peer.q_net_target):
        for own, theirs in zip(network.parameters(), net.parameters(), strict=True):
            theirs.data.copy_(own)
    learner = DQNLearner(config, config.make_learner(network))
    rng = np.random.default_rng(0)

    for _ in range(5):
        before, after = rng.normal(size=(2, 32, 4)).astype(np.float32)
        actions, rewards = rng.integers(2, size=32), rng.normal(size=32).astype(np.float32)
        dones = (rng.random(32) < 0.2).astype(np.float32)
        batch = ReplayBufferSamples(
            *(torch.from_numpy(a) for a in (before, actions[:, None], after)),
            torch.from_numpy(dones[:, None]),
            torch.from_numpy(rewards[:, None]),
            None,
        )
        peer.replay_buffer.sample = lambda *_, batch=batch, **__: batch
        peer.train(gradient_steps=1, batch_size=32)
        learner.update(
            Sample(
                frames=np.stack([before, after], axis=1),
                actions=actions,
                returns=rewards,
                discounts=(0.99 * (1.0 - dones)).astype(np.float32),
                lengths=np.ones(32, np.int64),
                masses=np.ones(32),
                keys=np.arange(32),
                stack=1,
                drawn_from=Mass(32.0, 32),
            ),
            agent_steps=0,
        )

    for own, theirs in zip(network.parameters(), peer.q_net.parameters(), strict=True):
        assert torch.allclose(own, theirs, atol=1e-5)


@pytest.mark.parametrize("double", [False, True], ids=["plain", "double"])
def test_minibatches_of_one_sample_are_learned_one_after_the_other(double):
    config = replace(PLAIN, double=double, prioritized=True)
    together, apart = (DQNLearner(config, config.make_learner(q_network(config))) for _ in range(2))
    sample = make_sample()

    seen, masses = together.update(sample, 0, minibatches=4)
    ones = [apart.update(sample.rows(slice(i, i + 4)), 0) for i in range(0, 16, 4)]

    assert len(seen) == 4
    np.testing.assert_allclose(masses, np.concatenate([one[1] for one in ones]), rtol=1e-5)
    for diagnostics, (expected, _) in zip(seen, ones, strict=True):
        assert torch.allclose(diagnostics, expected[0], rtol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_renewed_target_network_is_used(precision):
    config = replace(PLAIN, precision=precision, network=NetworkConfig(features=16))
    image = spaces.Box(0, 255, (84, 84, 4), np.uint8)
    learners = [
        DQNLearner(config, config.make_learner(q_network(config, seed, image))) for seed in (0, 1)
    ]
    frames = np.random.default_rng(0).integers(0, 256, (16, 5, 21, 21, 16), np.uint8)
    sample = replace(make_sample(), frames=frames, stack=4)
    for learner in learners:  # each has made its target network ready
        learner.update(sample, 0)

    for learner in learners:
        learner.renew_target()
    learners[0].restore(learners[1].state())
    learners[0]._learner.load_weights(learners[1]._learner.weights())
    (one,), _ = learners[0].update(sample, 0)
    (other,), _ = learners[1].update(sample, 0)

    assert one[:3].tolist() == other[:3].tolist()


def test_the_target_network_moves_only_when_it_is_renewed():
    learner = DQNLearner(PLAIN, PLAIN.make_learner(q_network()))
    before = learner.state()

    learner.update(make_sample(), 0)
    kept = learner.state()
    learner.renew_target()
    renewed = learner.state()

    assert all(np.array_equal(before[name], kept[name]) for name in before)
    assert not all(np.array_equal(before[name], renewed[name]) for name in before)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_target_network_survives_its_state_in_textbook_shapes(precision):
    config = replace(PLAIN, precision=precision, network=NetworkConfig(features=16))
    image = spaces.Box(0, 255, (84, 84, 4), np.uint8)
    first, second = (
        DQNLearner(config, config.make_learner(q_network(config, seed, image))) for seed in (0, 1)
    )

    second.restore(first.state())

    assert first.state()["body.conv1.weight"].shape == (32, 4, 8, 8)
    assert all(np.array_equal(first.state()[n], second.state()[n]) for n in first.state())


def test_a_policy_explores_with_probability_epsilon():
    policy = QPolicy(q_network(), 4, epsilon=0.25)
    observations = np.random.default_rng(0).normal(size=(40_000, 3)).astype(np.float32)
    greedy = policy.choose(observations)

    chosen = policy.choose(observations, torch.Generator().manual_seed(0))

    # A random action is the greedy one in a quarter of the cases.
    assert (chosen != greedy).mean() == pytest.approx(0.25 * 0.75, abs=0.01)
    assert np.bincount(chosen[chosen != greedy], minlength=4).min() > 0
    assert (greedy == policy.choose(observations)).all()


def test_schedules_fall_and_rise_linearly_and_stay():
    config = DQN(initial_epsilon=1.0, final_epsilon=0.1, exploration_steps=100)
    config = replace(config, importance_exponent=0.4, importance_steps=200)

    assert [config.epsilon_at(t) for t in (0, 50, 100, 10**9)] == pytest.approx([1, 0.55, 0.1, 0.1])
    exponents = [config.importance_exponent_at(t) for t in (0, 100, 200, 10**9)]
    assert exponents == pytest.approx([0.4, 0.7, 1.0, 1.0])
    assert config.learning_rate_at(10**9) == config.learning_rate
    config = replace(config, learning_rate=1e-3, final_learning_rate=1e-4, annealing_steps=300)
    rates = [config.learning_rate_at(t) for t in (0, 100, 300, 10**9)]
    assert rates == pytest.approx([1e-3, 7e-4, 1e-4, 1e-4])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"num_envs": 0}, "num_envs=0 must be at least 1"),
        ({"discount": 1.5}, "discount=1.5 must be between 0 and 1"),
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be positive"),
        ({"final_learning_rate": 1e-5}, "annealing_steps=None go together"),
        ({"annealing_steps": 1_000}, "final_learning_rate=None and annealing_steps=1000 go"),
        ({"reward_clipping": "some"}, "reward_clipping='some' must be none or sign"),
        ({"precision": "half"}, "precision='half' must be auto"),
        ({"capacity": 1_000}, "learning_starts=50000 is more than half .* try learning_starts=100"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_mistakes_name_the_field_and_the_way_out(changes, says):
    with pytest.raises(ConfigError, match=says):
        DQN(**changes)


def test_continuous_actions_are_refused():
    env = make(Gymnasium(id="Pendulum-v1"), 1, seed=0)

    with pytest.raises(ConfigError, match="take PPO"):
        DQN().make_network(env.observation_space, env.action_space, torch.Generator())
    env.close()


@pytest.mark.parametrize("preset", ["atari", "sample_efficient", "minatar", "classic_control"])
def test_presets_are_valid(preset):
    assert isinstance(getattr(DQN, preset)(), DQN)
