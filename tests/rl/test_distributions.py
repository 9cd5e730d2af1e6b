import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy import stats

from raylab.rl.distributions import (
    Categorical,
    DiagonalGaussian,
    MultiCategorical,
    distribution_of,
)


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def noise_for(distribution, count, seed=0):
    noise = torch.empty(count, distribution.num_noise)
    distribution.fill_noise(noise, torch.Generator().manual_seed(seed))
    return noise


def test_spaces_get_their_distributions():
    discrete = distribution_of(spaces.Discrete(6))
    multi = distribution_of(spaces.MultiDiscrete([3, 2]))
    box = distribution_of(spaces.Box(-1, 1, (4,)))

    assert discrete == Categorical(6)
    assert multi == MultiCategorical((Categorical(3), Categorical(2)))
    assert box == DiagonalGaussian(4)


def test_categorical_agrees_with_torch():
    logits, actions = numbers(50, 6), torch.arange(50) % 6
    oracle = torch.distributions.Categorical(logits=logits)

    log_probs, entropies = Categorical(6).log_prob_and_entropy(logits, actions)

    torch.testing.assert_close(log_probs, oracle.log_prob(actions))
    torch.testing.assert_close(entropies, oracle.entropy())
    assert Categorical(6).mode(logits).equal(oracle.mode)


def test_multi_categorical_agrees_with_torch():
    distribution = distribution_of(spaces.MultiDiscrete([3, 2, 4]))
    logits = numbers(50, 9)
    actions = torch.stack([torch.arange(50) % n for n in (3, 2, 4)], dim=1)
    oracles = [torch.distributions.Categorical(logits=part) for part in logits.split([3, 2, 4], 1)]

    log_probs, entropies = distribution.log_prob_and_entropy(logits, actions)

    expected = sum(oracle.log_prob(actions[:, i]) for i, oracle in enumerate(oracles))
    torch.testing.assert_close(log_probs, expected)
    torch.testing.assert_close(entropies, sum(oracle.entropy() for oracle in oracles))
    assert distribution.mode(logits).equal(torch.stack([o.mode for o in oracles], dim=1))


def test_gaussian_agrees_with_torch():
    parameters, actions = numbers(50, 6), numbers(50, 3, seed=1)
    mean, log_std = parameters.chunk(2, dim=1)
    oracle = torch.distributions.Independent(torch.distributions.Normal(mean, log_std.exp()), 1)

    log_probs, entropies = DiagonalGaussian(3).log_prob_and_entropy(parameters, actions)

    torch.testing.assert_close(log_probs, oracle.log_prob(actions))
    torch.testing.assert_close(entropies, oracle.entropy())
    assert DiagonalGaussian(3).mode(parameters).equal(mean)


@pytest.mark.parametrize(
    ("distribution", "num_parameters"),
    [
        pytest.param(Categorical(5), 5, id="categorical"),
        pytest.param(MultiCategorical((Categorical(3), Categorical(2))), 5, id="multi"),
        pytest.param(DiagonalGaussian(3), 6, id="gaussian"),
    ],
)
def test_log_probabilities_of_sampling_are_those_of_learning(distribution, num_parameters):
    parameters = numbers(200, num_parameters)

    actions, log_probs = distribution.sample(parameters, noise_for(distribution, 200))

    assert actions.shape == (200, *distribution.action_shape)
    assert actions.dtype == distribution.action_dtype
    learned, _ = distribution.log_prob_and_entropy(parameters, actions)
    torch.testing.assert_close(log_probs, learned, rtol=1e-5, atol=1e-5)


def test_gumbel_samples_follow_the_probabilities():
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0])
    count = 20_000

    actions, _ = Categorical(4).sample(logits.expand(count, 4), noise_for(Categorical(4), count))

    observed = np.bincount(actions.numpy(), minlength=4)
    expected = torch.softmax(logits, 0).double().numpy()
    assert stats.chisquare(observed, expected / expected.sum() * count).pvalue > 1e-3


def test_choices_of_a_multi_categorical_are_independent():
    distribution = distribution_of(spaces.MultiDiscrete([2, 2]))
    count = 20_000

    actions, _ = distribution.sample(torch.zeros(count, 4), noise_for(distribution, count))

    observed = np.bincount((actions[:, 0] * 2 + actions[:, 1]).numpy(), minlength=4)
    assert stats.chisquare(observed).pvalue > 1e-3


def test_gaussian_samples_have_mean_and_deviation():
    parameters = torch.tensor([1.0, -2.0, np.log(0.5), np.log(2.0)]).float().expand(20_000, 4)

    actions, _ = DiagonalGaussian(2).sample(parameters, noise_for(DiagonalGaussian(2), 20_000))

    torch.testing.assert_close(actions.mean(0), torch.tensor([1.0, -2.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(actions.std(0), torch.tensor([0.5, 2.0]), atol=0.05, rtol=0)
