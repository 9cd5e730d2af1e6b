"""The nouns that cross boundaries in :mod:`raylab.rl`: what was seen, done, learned and saved."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from raylab.rl.envs import Episode

Arrays = dict[str, np.ndarray]
"""Named arrays: the weights of a network, the moments of an optimiser, the state of generators."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """T agent steps of N environments, time first; owned by the rollout until its next collect.

    Observations are in the layout in which the network stores them (see
    :class:`raylab.rl.networks.Network`), not in that of the environment.
    """

    observations: np.ndarray  # [T + 1, N, *stored]  the last row is what comes after the unroll
    actions: np.ndarray  # [T, N, *action]  int64 or float32, as sampled (not clipped to bounds)
    log_probs: np.ndarray  # float32 [T, N]  of the actions under the behaviour policy
    values: np.ndarray  # float32 [T + 1, N]  predicted while acting
    rewards: np.ndarray  # float32 [T, N]  raw, not clipped
    terminated: np.ndarray  # bool [T, N]  the future is worth nothing
    truncated: np.ndarray  # bool [T, N]  the future was cut off, its value is in final_values
    final_values: np.ndarray  # float32 [T, N]  of the true final observation if truncated, else 0
    running_returns: np.ndarray  # float32 [T, N]  see targets.running_returns; [0, N] if not kept
    policy_version: int  # learner updates before collection
    episodes: tuple[Episode, ...]  # whole games that ended during the unroll
    starts: tuple[tuple[int, int], ...] = ()  # (t, row) of observations after 0 that begin a game

    @property
    def agent_steps(self) -> int:
        """Number of agent steps, T x N."""
        return int(self.rewards.size)


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What one update (a rollout and the learning from it) did."""

    update: int  # number of this update, from 1
    agent_steps: int  # agent steps trained on so far; rolls back with a resume
    simulated_agent_steps: int  # agent steps simulated so far; never rolls back
    metrics: dict[str, float]  # loss/*, entropy, kl, clip_fraction, time/*_s, steps_per_s, ...
    episodes: tuple[Episode, ...]  # whole games that ended during the update's rollout
    dropped_agent_steps: int = 0  # simulated since the last update, and not trained on


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a trainer needs to go on exactly where it stopped."""

    parts: dict[str, Arrays]  # "weights", "optimizer", "environments", "random"
    meta: dict[str, Any]  # JSON: counters and the settings under which the state is exact


def array_bytes(noun: Any) -> int:
    """Return the bytes of all arrays that a dataclass holds."""
    values = (getattr(noun, field.name) for field in fields(noun))
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))


def hash_arrays(arrays: Arrays) -> str:
    """Return the SHA-256 (hex) over names, element types, shapes and bytes, in order of names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(array.data)
    return digest.hexdigest()
