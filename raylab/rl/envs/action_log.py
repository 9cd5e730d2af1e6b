"""The actions since each row was last seeded: with the seed, all that an exact replay needs."""

from __future__ import annotations

import numpy as np


class ActionLog:
    """Actions of N rows in one array that grows; each row remembers where its part begins.

    Args:
        num_envs: number of rows.
        action_shape: shape of one row's action.
        dtype: the smallest type that holds an action exactly; one byte for most games.
    """

    def __init__(self, num_envs: int, action_shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._actions = np.zeros((1024, num_envs, *action_shape), dtype)
        self._end = 0
        self._starts = np.zeros(num_envs, np.int64)

    @property
    def dtype(self) -> np.dtype:
        """Type of the stored actions."""
        return self._actions.dtype

    @property
    def steps(self) -> np.ndarray:
        """int64 [N]: actions that each row took since it was seeded."""
        return self._end - self._starts

    def append(self, actions: np.ndarray) -> None:
        """Add one action of every row."""
        if self._end == len(self._actions):
            self._make_room()
        self._actions[self._end] = actions
        self._end += 1

    def restart(self, rows: np.ndarray) -> None:
        """Forget what ``rows`` (bool [N]) did: they were seeded now."""
        self._starts[rows] = self._end

    def of_row(self, row: int) -> np.ndarray:
        """The actions of one row since it was seeded [n, *action]; a view."""
        return self._actions[self._starts[row] : self._end, row]

    def aligned(self) -> np.ndarray:
        """A copy of all rows [max steps, N, *action], aligned so that they end together.

        Row i was seeded ``max steps - steps[i]`` entries after the start; what stands before is
        what it did earlier.
        """
        return self._actions[int(self._starts.min()) : self._end].copy()

    def load(self, actions: np.ndarray, steps: np.ndarray) -> None:
        """Take over what :meth:`aligned` and :attr:`steps` gave."""
        self._actions = np.concatenate([actions, np.zeros_like(self._actions[:1024])])
        self._end = len(actions)
        self._starts = self._end - steps

    def _make_room(self) -> None:
        """Drop what no row needs any more, and double the space if more than half is needed."""
        first = int(self._starts.min())
        needed = self._actions[first:]
        size = len(self._actions) * (2 if len(needed) > len(self._actions) // 2 else 1)
        room = np.zeros((size, *self._actions.shape[1:]), self._actions.dtype)
        room[: len(needed)] = needed
        self._actions = room
        self._end -= first
        self._starts -= first
