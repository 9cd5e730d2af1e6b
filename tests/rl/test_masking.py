"""What a mask does to probabilities, entropies, gradients, values and random actions."""

import math

import numpy as np
import pytest
import torch
from gymnasium import spaces

from raylab.rl.action_values import QPolicy
from raylab.rl.algorithms.dqn import DQN, q_targets
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.distributions import Categorical, MultiCategorical
from raylab.rl.envs.masks import MaskedBox
from raylab.rl.networks import MaskedNetwork, NetworkConfig
from raylab.rl.networks.masked import LEAST

THREE = spaces.Discrete(3)
MASKED = MaskedBox(spaces.Box(-1, 1, (2,), np.float32), 3)
LOGITS = torch.tensor([[math.log(6.0), math.log(1.0), math.log(2.0)]])
NETWORK = NetworkConfig(hidden_sizes=(8,))


def masked(logits, *mask):
    return logits.masked_fill(torch.tensor([mask]) == 0, LEAST)


def network_of(config, space=MASKED, actions=THREE):
    return config.make_network(space, actions, torch.Generator().manual_seed(0))


def rows(*masks):
    """Observations of one point, with different masks."""
    return np.array([[0.3, -0.7, *mask] for mask in masks], np.float32)


def test_illegal_actions_have_no_probability_and_legal_ones_share_it():
    log_probs = [
        Categorical(3).log_prob_and_entropy(masked(LOGITS, 1, 0, 1), torch.tensor([action]))[0]
        for action in range(3)
    ]

    assert [p.exp().item() for p in log_probs] == pytest.approx([6 / 8, 0.0, 2 / 8])
    assert log_probs[1].exp().item() == 0.0


def test_the_entropy_is_that_of_the_legal_actions():
    _, entropy = Categorical(3).log_prob_and_entropy(masked(LOGITS, 1, 0, 1), torch.tensor([0]))
    _, forced = Categorical(3).log_prob_and_entropy(masked(LOGITS, 0, 1, 0), torch.tensor([1]))

    assert entropy.item() == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert forced.item() == 0.0


def test_gradients_reach_legal_logits_only():
    logits = LOGITS.clone().requires_grad_()

    log_prob, entropy = Categorical(3).log_prob_and_entropy(
        masked(logits, 1, 0, 1), torch.tensor([0])
    )
    (log_prob + entropy).sum().backward()

    # d log p_0 = (1 - p_0, -p_2); d entropy_i = -p_i (log p_i + entropy).
    plain = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    expected = [
        0.25 - 0.75 * (math.log(0.75) + plain),
        0.0,
        -0.25 - 0.25 * (math.log(0.25) + plain),
    ]
    assert logits.grad[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert logits.grad[0, 1].item() == 0.0


def test_sampling_takes_legal_actions_in_proportion():
    noise = torch.empty(4000, 3)
    Categorical(3).fill_noise(noise, torch.Generator().manual_seed(0))

    actions, log_probs = Categorical(3).sample(masked(LOGITS, 1, 0, 1).expand(4000, 3), noise)

    counts = torch.bincount(actions, minlength=3)
    assert counts[1] == 0
    assert counts[0] / 4000 == pytest.approx(0.75, abs=0.03)
    assert log_probs[actions == 0].unique().item() == pytest.approx(math.log(0.75))
    assert Categorical(3).mode(masked(LOGITS, 0, 1, 1)).tolist() == [2]


def test_several_choices_are_masked_each():
    choices = MultiCategorical((Categorical(2), Categorical(3)))
    logits = masked(torch.zeros(1, 5), 0, 1, 1, 0, 1)

    log_prob, entropy = choices.log_prob_and_entropy(logits, torch.tensor([[1, 2]]))

    assert log_prob.item() == pytest.approx(math.log(1 / 2))
    assert entropy.item() == pytest.approx(math.log(2.0))


@pytest.mark.parametrize("config", [PPO(network=NETWORK), DQN(network=NETWORK)], ids=["ppo", "dqn"])
def test_a_network_masks_its_own_outputs(config):
    network = network_of(config)
    policy = config.make_policy(network, THREE)
    stored = policy.stored(rows((1, 1, 1), (1, 0, 1)))

    outputs = network(stored)
    outputs = outputs[0] if isinstance(outputs, tuple) else outputs

    assert isinstance(network, MaskedNetwork)
    assert network.stored_shape == (5,)
    assert network.legal(stored).tolist() == [[True, True, True], [True, False, True]]
    assert outputs[1, 1].item() == LEAST
    # The mask is not an input: what is legal is valued alike.
    assert outputs[1, [0, 2]].tolist() == outputs[0, [0, 2]].tolist()


def test_weights_have_the_names_of_the_network_without_a_mask():
    plain = network_of(PPO(network=NETWORK), MASKED.shown)
    learner = PPO(network=NETWORK).make_learner(network_of(PPO(network=NETWORK)))

    learner.load_weights(PPO(network=NETWORK).make_learner(plain).weights())

    assert set(learner.weights()) == {name for name, _ in plain.named_parameters()}


def test_a_masked_image_is_computed_like_the_image():
    image = spaces.Box(0, 255, (10, 10, 4), np.uint8)
    config = PPO()
    plain, network = network_of(config, image), network_of(config, MaskedBox(image, 3))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 10, 10, 4), np.uint8)
    observations = np.concatenate([pixels.reshape(2, -1), [[1, 1, 1], [0, 1, 1]]], axis=1)

    expected, values = plain(config.make_policy(plain, THREE).stored(pixels))
    policy = config.make_policy(network, THREE)
    logits, masked_values = network(policy.stored(observations.astype(np.uint8)))

    assert masked_values.equal(values)
    assert logits[0].equal(expected[0])
    assert logits[1].tolist() == [LEAST, *expected[1, 1:].tolist()]


def test_random_actions_are_uniform_over_the_legal_ones():
    network = network_of(DQN(network=NETWORK))
    policy = QPolicy(network, 3, epsilon=1.0)
    stored = policy.stored(np.repeat(rows((1, 0, 1)), 4, axis=0))
    noise = torch.tensor([[0.0] * 4, [0.0, 0.49, 0.5, 0.999]])

    assert policy.act(stored, noise, epsilon=1.0).tolist() == [0, 0, 2, 2]


def test_bootstrap_takes_the_best_legal_action():
    next_q = masked(torch.tensor([[9.0, 1.0, 2.0]]), 0, 1, 1)
    choosing_q = masked(torch.tensor([[9.0, 5.0, 4.0]]), 0, 1, 1)
    one = torch.tensor([1.0])

    assert q_targets(one, 0.5 * one, next_q).item() == 1.0 + 0.5 * 2.0
    assert q_targets(one, 0.5 * one, next_q, choosing_q).item() == 1.0 + 0.5 * 1.0
    # Behind a termination nothing counts, not even the least number there is.
    assert q_targets(one, 0.0 * one, torch.full((1, 3), LEAST)).item() == 1.0
