"""V-trace by hand-worked numbers, by the sums of the paper, and where it must equal GAE."""

import math

import numpy as np
import pytest

from raylab.rl.targets import generalized_advantages, vtrace


def vtrace_of(
    ratios, rewards, values, terminated=None, truncated=None, final_values=None, **settings
):
    """One environment's targets and advantages from plain lists; the discount is a half."""
    steps = len(rewards)

    def column(numbers, dtype):
        return np.array(numbers if numbers is not None else [0] * steps, dtype)[:, None]

    targets, advantages = vtrace(
        log_ratios=np.log(column(ratios, np.float32)),
        rewards=column(rewards, np.float32),
        values=np.array(values, np.float32)[:, None],
        terminated=column(terminated, bool),
        truncated=column(truncated, bool),
        final_values=column(final_values, np.float32),
        discount=0.5,
        **settings,
    )
    return targets[:, 0].tolist(), advantages[:, 0].tolist()


def test_ratios_are_cut_off_above_and_weigh_errors_and_traces():
    # delta_1 = 0.5 * (2 + 0.5 * 8 - 4) = 1;  delta_0 = 1 * (1 + 0.5 * 4 - 2) = 1;  c_0 = 1
    targets, advantages = vtrace_of([2, 0.5], [1, 2], [2, 4, 8])

    assert targets == pytest.approx([2 + 1 + 0.5 * 1, 4 + 1])
    assert advantages == pytest.approx([1 + 0.5 * 5 - 2, 2 + 0.5 * 8 - 4])


def test_a_small_ratio_stops_what_comes_from_later_steps():
    # c_0 = 0.25: of v_1 - V_1 = 1 an eighth arrives; delta_0 = 0.25 * 1
    targets, advantages = vtrace_of([0.25, 0.5], [1, 2], [2, 4, 8])

    assert targets == pytest.approx([2 + 0.25 + 0.5 * 0.25 * 1, 5])
    assert advantages == pytest.approx([1.5, 2])


def test_the_cut_offs_and_lambda_are_separate():
    # rho_0 = 2, c_0 = 0.5 * 1.5
    targets, _ = vtrace_of([4, 0.5], [1, 2], [2, 4, 8], max_rho=2.0, max_c=1.5, trace_lambda=0.5)

    assert targets == pytest.approx([2 + 2 * 1 + 0.5 * 0.75 * 1, 5])


def test_ends_are_worth_nothing_or_their_final_value_and_cut_the_trace():
    terminated = vtrace_of([1, 1], [1, 2], [2, 4, 99], terminated=[1, 1])
    truncated = vtrace_of([1, 1], [1, 2], [2, 4, 99], truncated=[1, 1], final_values=[6, 8])

    assert terminated == ([1, 2], [1 - 2, 2 - 4])
    assert truncated == ([1 + 3, 2 + 4], [1 + 3 - 2, 2 + 4 - 4])


def random_data(seed, T=30, N=3):
    rng = np.random.default_rng(seed)
    terminated = rng.random((T, N)) < 0.1
    truncated = (rng.random((T, N)) < 0.1) & ~terminated
    assert terminated.any()
    assert truncated.any()
    return {
        "rewards": rng.normal(size=(T, N)).astype(np.float32),
        "values": rng.normal(size=(T + 1, N)).astype(np.float32),
        "terminated": terminated,
        "truncated": truncated,
        "final_values": np.where(truncated, rng.normal(size=(T, N)), 0).astype(np.float32),
    }


@pytest.mark.parametrize("seed", range(3))
def test_targets_are_the_sum_of_equation_1(seed):
    data, rng = random_data(seed), np.random.default_rng(seed + 100)
    log_ratios = rng.normal(scale=0.7, size=data["rewards"].shape).astype(np.float32)
    settings = {"discount": 0.9, "trace_lambda": 0.8, "max_rho": 1.2, "max_c": 0.9}

    targets, advantages = vtrace(log_ratios=log_ratios, **data, **settings)

    def after(k, n, inner):
        if data["terminated"][k, n]:
            return 0.0
        return data["final_values"][k, n] if data["truncated"][k, n] else inner[k + 1][n]

    T, N = data["rewards"].shape
    expected = data["values"].astype(float).tolist()
    for n in range(N):
        for s in range(T):
            for t in range(s, T):
                c = [0.8 * min(0.9, math.exp(log_ratios[i, n])) for i in range(s, t)]
                rho = min(1.2, math.exp(log_ratios[t, n]))
                error = data["rewards"][t, n] + 0.9 * after(t, n, data["values"])
                expected[s][n] += (
                    0.9 ** (t - s) * math.prod(c) * rho * (error - data["values"][t, n])
                )
                if data["terminated"][t, n] or data["truncated"][t, n]:
                    break
    np.testing.assert_allclose(targets, expected[:-1], rtol=1e-4, atol=1e-5)
    following = [[after(t, n, expected) for n in range(N)] for t in range(T)]
    np.testing.assert_allclose(
        advantages,
        data["rewards"] + 0.9 * np.array(following) - data["values"][:-1],
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("trace_lambda", [1.0, 0.7])
def test_on_policy_the_targets_are_those_of_gae(trace_lambda):
    data = random_data(9)

    targets, _ = vtrace(
        log_ratios=np.zeros_like(data["rewards"]), **data, discount=0.9, trace_lambda=trace_lambda
    )
    _, expected = generalized_advantages(**data, discount=0.9, gae_lambda=trace_lambda)

    np.testing.assert_allclose(targets, expected, rtol=1e-5, atol=1e-5)
