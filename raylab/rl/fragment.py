"""Fragments: unrolls as they travel between processes, with every frame once.

An observation of ``stack`` frames repeats all but its newest frame from the one before. A fragment
carries the newest frames, and the whole first observation of the unroll and of every game that
began in it; whoever learns from it builds the stacks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from raylab.rl.envs import Atari, EnvConfig
from raylab.rl.trajectory import Trajectory, array_bytes


@dataclass(frozen=True, slots=True)
class Fragment:
    """An unroll of T agent steps of N environments, time first; see :class:`Trajectory`.

    ``frame`` is a stored observation whose last axis is cut into ``stack`` equal parts.
    """

    newest: np.ndarray  # [T + 1, N, *frame]  the newest frame of every observation
    starts: np.ndarray  # int64 [K, 2]  (t, row) of the observations in ``first``, in order of t
    first: np.ndarray  # [K, *stored]  whole observations: of t = 0, and of games that began
    actions: np.ndarray  # [T, N, *action]
    log_probs: np.ndarray  # float32 [T, N]
    values: np.ndarray  # float32 [T + 1, N]
    rewards: np.ndarray  # float32 [T, N]
    terminated: np.ndarray  # bool [T, N]
    truncated: np.ndarray  # bool [T, N]
    final_values: np.ndarray  # float32 [T, N]
    running_returns: np.ndarray  # float32 [T, N]; [0, N] if not kept
    policy_version: int  # learner updates before collection

    @property
    def agent_steps(self) -> int:
        """Number of agent steps, T x N."""
        return int(self.rewards.size)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return array_bytes(self)


def frames_stacked(env: EnvConfig) -> int:
    """Return how many frames an observation of the environment repeats; 1 if none is known to."""
    return env.stack if isinstance(env, Atari) else 1


def pack(trajectory: Trajectory, stack: int) -> Fragment:
    """Return a trajectory as a fragment that shares no memory with it."""
    observations = trajectory.observations
    if stack == 1:
        starts = np.zeros((0, 2), np.int64)
    else:
        rows = range(observations.shape[1])
        starts = np.array([*((0, row) for row in rows), *trajectory.starts], np.int64)
    size = observations.shape[-1] // stack
    return Fragment(
        newest=observations[..., observations.shape[-1] - size :].copy(),
        starts=starts,
        first=observations[starts[:, 0], starts[:, 1]],
        actions=trajectory.actions.copy(),
        log_probs=trajectory.log_probs.copy(),
        values=trajectory.values.copy(),
        rewards=trajectory.rewards.copy(),
        terminated=trajectory.terminated.copy(),
        truncated=trajectory.truncated.copy(),
        final_values=trajectory.final_values.copy(),
        running_returns=trajectory.running_returns.copy(),
        policy_version=trajectory.policy_version,
    )


def merge(fragments: Sequence[Fragment]) -> Trajectory:
    """Return one trajectory of the environments of all fragments, side by side, copied once.

    Its version is the oldest of theirs; its episodes and starts are not those of an unroll any
    more, and empty.
    """

    def side_by_side(name: str) -> np.ndarray:
        return np.concatenate([getattr(fragment, name) for fragment in fragments], axis=1)

    return Trajectory(
        observations=_observations(fragments),
        actions=side_by_side("actions"),
        log_probs=side_by_side("log_probs"),
        values=side_by_side("values"),
        rewards=side_by_side("rewards"),
        terminated=side_by_side("terminated"),
        truncated=side_by_side("truncated"),
        final_values=side_by_side("final_values"),
        running_returns=side_by_side("running_returns"),
        policy_version=min(fragment.policy_version for fragment in fragments),
        episodes=(),
        starts=(),
    )


def _observations(fragments: Sequence[Fragment]) -> np.ndarray:
    """[T + 1, all N, *stored], stacks built from single frames."""
    shape = fragments[0].newest.shape
    stored = fragments[0].first.shape[1:]
    num_envs = sum(fragment.newest.shape[1] for fragment in fragments)
    observations = np.empty((shape[0], num_envs, *stored), fragments[0].newest.dtype)
    end = 0
    for fragment in fragments:
        begin, end = end, end + fragment.newest.shape[1]
        _stack(fragment, observations[:, begin:end])
    return observations


def _stack(fragment: Fragment, out: np.ndarray) -> None:
    """Fill ``out`` [T + 1, N, *stored]: frame by frame, then the first steps of every game."""
    newest, size = fragment.newest, fragment.newest.shape[-1]
    stack = out.shape[-1] // size
    for age in range(stack):
        place = slice((stack - 1 - age) * size, (stack - age) * size)
        out[age:, ..., place] = newest[: len(newest) - age]
    # In order of time: where a game began within another's first steps, the later one counts.
    for (t, row), first in zip(fragment.starts.tolist(), fragment.first, strict=True):
        for step in range(min(stack, len(newest) - t)):
            out[t + step, row, ..., : (stack - step) * size] = first[..., step * size :]
