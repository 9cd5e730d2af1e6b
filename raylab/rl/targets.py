"""Targets of learning from trajectories; pure functions of arrays, time first."""

from __future__ import annotations

import numpy as np


def generalized_advantages(
    *,
    rewards: np.ndarray,
    values: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    final_values: np.ndarray,
    discount: float,
    gae_lambda: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return advantages and value targets by GAE (Schulman et al. 2016, equations 11 to 16).

    ``delta_t = r_t + discount * v'_t - v_t`` and
    ``A_t = delta_t + discount * lambda * A_{t+1}``, where the sum is cut at the end of an episode
    and ``v'_t`` is 0 where the episode terminated, ``final_values`` (the value of the true final
    observation) where it was truncated, and ``v_{t+1}`` elsewhere.

    Args:
        rewards: float32 [T, N].
        values: float32 [T + 1, N], the last row bootstraps the unroll's end.
        terminated: bool [T, N], the future is worth nothing.
        truncated: bool [T, N], the future was cut off.
        final_values: float32 [T, N], read only where truncated.
        discount: of rewards, per agent step.
        gae_lambda: trade of bias (0) for variance (1).

    Returns:
        Advantages and value targets (advantages + values), both float32 [T, N].
    """
    continues = ~(terminated | truncated)
    next_values = np.where(continues, values[1:], np.where(truncated, final_values, 0.0))
    deltas = (rewards + discount * next_values - values[:-1]).astype(np.float32)
    decay = (discount * gae_lambda * continues).astype(np.float32)
    advantages = np.empty_like(deltas)
    advantage = np.zeros_like(deltas[0])
    for t in range(len(deltas) - 1, -1, -1):
        advantage = deltas[t] + decay[t] * advantage
        advantages[t] = advantage
    return advantages, advantages + values[:-1]


def vtrace(
    *,
    log_ratios: np.ndarray,
    rewards: np.ndarray,
    values: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    final_values: np.ndarray,
    discount: float,
    trace_lambda: float = 1.0,
    max_rho: float = 1.0,
    max_c: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return V-trace value targets and advantages (Espeholt et al. 2018, equation 1 and section 4.2).

    With the ratio ``w_t = pi(a_t|x_t) / mu(a_t|x_t)``, ``rho_t = min(max_rho, w_t)`` and
    ``c_t = lambda * min(max_c, w_t)``::

        delta_t = rho_t * (r_t + discount * v'_t - V_t)
        v_t     = V_t + delta_t + discount * c_t * (v_{t+1} - V_{t+1})
        A_t     = r_t + discount * v''_t - V_t

    The sum is cut at the end of an episode. ``v'_t`` and ``v''_t`` are 0 where the episode
    terminated and ``final_values`` where it was truncated; elsewhere they are ``V_{t+1}`` and
    ``v_{t+1}``, which at the unroll's end are the same.

    Args:
        log_ratios: float32 [T, N], log w: learning policy against behaviour policy.
        rewards: float32 [T, N].
        values: float32 [T + 1, N], of the learning policy; the last row bootstraps the end.
        terminated: bool [T, N], the future is worth nothing.
        truncated: bool [T, N], the future was cut off.
        final_values: float32 [T, N], read only where truncated.
        discount: of rewards, per agent step.
        trace_lambda: 1 is the paper's; less trades variance for bias.
        max_rho: decides which policy's values the targets converge to.
        max_c: how far a difference spreads to earlier steps.

    Returns:
        Targets v and advantages A, float32 [T, N]. The paper's gradient is
        ``rho_t * A_t * grad log pi``: the advantages here are not weighted yet.
    """
    ratios = np.exp(log_ratios)
    continues = ~(terminated | truncated)
    ends = np.where(truncated, final_values, 0.0)
    next_values = np.where(continues, values[1:], ends)
    rho = np.minimum(max_rho, ratios)
    deltas = rho * (rewards + discount * next_values - values[:-1])
    decay = discount * trace_lambda * np.minimum(max_c, ratios) * continues
    corrections = np.zeros_like(values)  # v - V; nothing is known beyond the unroll
    for t in range(len(deltas) - 1, -1, -1):
        corrections[t] = deltas[t] + decay[t] * corrections[t + 1]
    targets = values + corrections
    next_targets = np.where(continues, targets[1:], ends)
    advantages = rewards + discount * next_targets - values[:-1]
    return targets[:-1].astype(np.float32), advantages.astype(np.float32)


def running_returns(
    rewards: np.ndarray, ends: np.ndarray, before: np.ndarray, discount: float
) -> np.ndarray:
    """Return the discounted sum of the rewards of each running episode so far, float32 [T, N].

    ``R_t = r_t + discount * R_{t-1}``, from 0 on in every episode. Their deviation is what
    implementations of PPO scale rewards by.

    Args:
        rewards: float32 [T, N], raw.
        ends: bool [T, N], where an episode ended with this reward.
        before: float32 [N], R before the first step; 0 where an episode begins.
        discount: of rewards, per agent step.
    """
    returns = np.empty_like(rewards)
    running = before
    for t, reward in enumerate(rewards):
        returns[t] = reward + discount * running
        running = returns[t] * ~ends[t]
    return returns


def explained_variance(values: np.ndarray, targets: np.ndarray) -> float:
    """Return 1 - Var[targets - values] / Var[targets]: 1 is perfect, 0 is a constant's worth.

    NaN where the targets do not vary.
    """
    variance = float(np.var(targets, dtype=np.float64))
    if variance == 0.0:
        return float("nan")
    return 1.0 - float(np.var(targets - values, dtype=np.float64)) / variance


def n_step_returns(
    rewards: np.ndarray, terminated: np.ndarray, truncated: np.ndarray, discount: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n-step returns, what discounts the value behind them, and how long they are.

    ``G = sum_{k<m} discount^k r_k`` with m = n, or less where the episode ended before. The value
    of the observation m steps later counts with ``discount^m``, or 0 where it terminated; where it
    was truncated, that observation is the true final one.

    Args:
        rewards: float32 [B, n], from the action on.
        terminated: bool [B, n], the future is worth nothing.
        truncated: bool [B, n], the future was cut off.
        discount: of rewards, per agent step.

    Returns:
        Returns float32 [B], discounts float32 [B], and lengths m, int64 [B].
    """
    rows, n = np.arange(len(rewards)), rewards.shape[1]
    ends = terminated | truncated
    last = ends.argmax(axis=1)
    last[~ends[rows, last]] = n - 1
    powers = discount ** np.arange(n + 1)
    returns = np.add.accumulate(rewards * powers[:n], axis=1)[rows, last]
    discounts = powers[last + 1] * ~terminated[rows, last]
    return returns.astype(np.float32), discounts.astype(np.float32), last + 1
