"""Fragments for replay: agent steps as they travel from a rollout worker to its shard.

Every frame travels once: a fragment holds the newest frame of each observation, the true final frames
of episodes that were cut off, and whole stacks only where a game, or the fragment itself, begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from raylab.rl.envs import Step
from raylab.rl.replay.sample import split_frames
from raylab.rl.trajectory import array_bytes


@dataclass(frozen=True, slots=True)
class ReplayFragment:
    """T successive agent steps of N environments, time first.

    It continues a fragment of the same worker whose index is one less; ``first`` is what a shard
    begins with that has not that one.
    """

    worker: int  # number of the worker that played it, never given twice in a run
    index: int  # of the fragment, counted over the worker's
    policy_version: int  # learner updates before collection
    first: np.ndarray  # [N, stack, *frame]  the observations on which the first actions were taken
    frames: np.ndarray  # [T, N, *frame]  the newest frame after each step
    actions: np.ndarray  # [T, N]
    rewards: np.ndarray  # float32 [T, N]  raw, not clipped
    terminated: np.ndarray  # bool [T, N]
    truncated: np.ndarray  # bool [T, N]
    finals: np.ndarray  # [K, *frame]  true final frames where truncated, in order of (t, row)
    begun: np.ndarray  # int64 [R, 2]  (t, row) of games that begin with frame t, in order
    begun_stacks: np.ndarray  # [R, stack, *frame]  their first observations

    @property
    def agent_steps(self) -> int:
        """Number of agent steps, T x N."""
        return int(self.rewards.size)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return array_bytes(self)

    def split(self, pieces: int) -> list[ReplayFragment]:
        """Return fragments of equal numbers of environments, in their order."""
        size = self.rewards.shape[1] // pieces
        final_rows = np.nonzero(self.truncated)[1]
        fragments = []
        for begin in range(0, pieces * size, size):
            rows = slice(begin, begin + size)
            begun = (self.begun[:, 1] >= begin) & (self.begun[:, 1] < begin + size)
            fragments.append(
                ReplayFragment(
                    worker=self.worker,
                    index=self.index,
                    policy_version=self.policy_version,
                    first=self.first[rows],
                    frames=self.frames[:, rows],
                    actions=self.actions[:, rows],
                    rewards=self.rewards[:, rows],
                    terminated=self.terminated[:, rows],
                    truncated=self.truncated[:, rows],
                    finals=self.finals[(final_rows >= begin) & (final_rows < begin + size)],
                    begun=self.begun[begun] - (0, begin),
                    begun_stacks=self.begun_stacks[begun],
                )
            )
        return fragments


class Recording:
    """Writes agent steps down, one after the other, until they are taken as a fragment.

    Args:
        stack: frames in an observation, equal parts of its last axis.
        stored: [N, *stored], the first observations.
    """

    def __init__(self, stack: int, stored: np.ndarray) -> None:
        self._stack = stack
        self._begin(stored)

    def add(
        self, actions: np.ndarray, step: Step, stored: np.ndarray, final_stored: np.ndarray
    ) -> None:
        """Write one agent step down; the arguments are those of :meth:`Replay.add`."""
        stacks = split_frames(stored, self._stack)
        t = len(self._frames)
        self._frames.append(stacks[:, -1].copy())
        self._actions.append(np.array(actions))
        self._rewards.append(step.rewards.copy())
        self._terminated.append(step.terminated.copy())
        self._truncated.append(step.truncated.copy())
        self._finals.append(split_frames(final_stored, self._stack)[:, -1].copy())
        for row in sorted(episode.row for episode in step.episodes):
            self._begun.append((t, row))
            self._begun_stacks.append(stacks[row].copy())
        self._last = stored

    def take(self, worker: int, index: int, policy_version: int) -> ReplayFragment:
        """Return what was written, and begin with the next fragment."""
        stacks = self._begun_stacks or [np.zeros((0, *self._first.shape[1:]), self._first.dtype)]
        fragment = ReplayFragment(
            worker=worker,
            index=index,
            policy_version=policy_version,
            first=self._first,
            frames=np.stack(self._frames),
            actions=np.stack(self._actions),
            rewards=np.stack(self._rewards),
            terminated=np.stack(self._terminated),
            truncated=np.stack(self._truncated),
            finals=np.concatenate(self._finals),
            begun=np.array(self._begun, np.int64).reshape(-1, 2),
            begun_stacks=np.stack(stacks) if self._begun_stacks else stacks[0],
        )
        self._begin(self._last)
        return fragment

    def _begin(self, stored: np.ndarray) -> None:
        self._last = stored
        self._first = split_frames(stored, self._stack).copy()
        self._frames: list[np.ndarray] = []
        self._actions: list[np.ndarray] = []
        self._rewards: list[np.ndarray] = []
        self._terminated: list[np.ndarray] = []
        self._truncated: list[np.ndarray] = []
        self._finals: list[np.ndarray] = []
        self._begun: list[tuple[int, int]] = []
        self._begun_stacks: list[np.ndarray] = []
