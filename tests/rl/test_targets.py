import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer

from raylab.rl.targets import explained_variance, generalized_advantages


def advantages_of(
    rewards, values, terminated=None, truncated=None, final_values=None, *, discount, gae_lambda
):
    """One environment's targets from plain lists."""
    steps = len(rewards)

    def column(numbers, dtype):
        return np.array(numbers if numbers is not None else [0] * steps, dtype)[:, None]

    advantages, targets = generalized_advantages(
        rewards=column(rewards, np.float32),
        values=np.array(values, np.float32)[:, None],
        terminated=column(terminated, bool),
        truncated=column(truncated, bool),
        final_values=column(final_values, np.float32),
        discount=discount,
        gae_lambda=gae_lambda,
    )
    return advantages[:, 0].tolist(), targets[:, 0].tolist()


def test_an_unroll_without_an_end_bootstraps_from_its_last_value():
    # delta_1 = 2 + 0.5 * 8 - 4 = 2;  delta_0 = 1 + 0.5 * 4 - 2 = 1;  decay = 0.5 * 0.5
    advantages, targets = advantages_of([1, 2], [2, 4, 8], discount=0.5, gae_lambda=0.5)

    assert advantages == [1 + 0.25 * 2, 2]
    assert targets == [1.5 + 2, 2 + 4]


def test_a_terminated_episode_is_worth_nothing_after_its_end():
    # delta_1 = 2 + 0 - 4 = -2, cut from step 2;  delta_2 = 3 + 0.5 * 16 - 8 = 3
    advantages, _ = advantages_of(
        [1, 2, 3], [2, 4, 8, 16], terminated=[0, 1, 0], discount=0.5, gae_lambda=0.5
    )

    assert advantages == [1 + 0.25 * -2, -2, 3]


def test_a_truncated_episode_bootstraps_from_its_final_observation_and_is_cut():
    # delta_1 = 2 + 0.5 * 20 - 4 = 8: from the final value 20, neither 0 nor the next episode's 8
    advantages, _ = advantages_of(
        [1, 2, 3],
        [2, 4, 8, 16],
        truncated=[0, 1, 0],
        final_values=[0, 20, 0],
        discount=0.5,
        gae_lambda=0.5,
    )

    assert advantages == [1 + 0.25 * 8, 8, 3]


def test_an_end_in_the_last_step_ignores_the_value_that_follows():
    terminated, _ = advantages_of([1], [2, 99], terminated=[1], discount=0.5, gae_lambda=0.5)
    truncated, _ = advantages_of(
        [1], [2, 99], truncated=[1], final_values=[6], discount=0.5, gae_lambda=0.5
    )

    assert terminated == [1 - 2]
    assert truncated == [1 + 3 - 2]


def test_lambda_one_gives_discounted_returns_and_zero_gives_td_errors():
    rewards, values = [1, 2, 3], [5, 6, 7, 8]

    _, returns = advantages_of(rewards, values, discount=0.5, gae_lambda=1.0)
    errors, _ = advantages_of(rewards, values, discount=0.5, gae_lambda=0.0)

    assert returns == [1 + 0.5 * (2 + 0.5 * (3 + 0.5 * 8)), 2 + 0.5 * (3 + 0.5 * 8), 3 + 0.5 * 8]
    assert errors == [1 + 3 - 5, 2 + 3.5 - 6, 3 + 4 - 7]


@pytest.mark.parametrize("seed", range(5))
def test_advantages_are_those_of_stable_baselines3(seed):
    rng = np.random.default_rng(seed)
    T, N, discount, gae_lambda = 40, 3, 0.97, 0.9
    rewards = rng.normal(size=(T, N)).astype(np.float32)
    values = rng.normal(size=(T + 1, N)).astype(np.float32)
    terminated = rng.random((T, N)) < 0.1
    truncated = (rng.random((T, N)) < 0.1) & ~terminated
    final_values = np.where(truncated, rng.normal(size=(T, N)), 0.0).astype(np.float32)
    assert terminated.any()
    assert truncated.any()
    done = terminated | truncated

    buffer = RolloutBuffer(
        T,
        spaces.Box(-1, 1, (1,)),
        spaces.Discrete(2),
        gae_lambda=gae_lambda,
        gamma=discount,
        n_envs=N,
    )
    starts = np.ones(N)
    for t in range(T):
        # What OnPolicyAlgorithm.collect_rollouts does with a time limit.
        bootstrapped = rewards[t] + discount * final_values[t]
        zeros = np.zeros((N, 1), np.float32)
        buffer.add(zeros, zeros, bootstrapped, starts, torch.tensor(values[t]), torch.zeros(N))
        starts = done[t]
    buffer.compute_returns_and_advantage(torch.tensor(values[-1]), done[-1])
    advantages, targets = generalized_advantages(
        rewards=rewards,
        values=values,
        terminated=terminated,
        truncated=truncated,
        final_values=final_values,
        discount=discount,
        gae_lambda=gae_lambda,
    )

    np.testing.assert_allclose(advantages, buffer.advantages, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(targets, buffer.returns, rtol=1e-5, atol=1e-5)


def test_explained_variance_is_one_for_truth_zero_for_a_constant_and_undefined_without_variance():
    targets = np.array([1.0, 2.0, 3.0], np.float32)

    assert explained_variance(targets, targets) == 1.0
    assert explained_variance(np.full(3, 7.0, np.float32), targets) == 0.0
    assert explained_variance(-targets, targets) == pytest.approx(1 - 4)
    assert np.isnan(explained_variance(targets, np.ones(3, np.float32)))
