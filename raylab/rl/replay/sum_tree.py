"""A sum tree: non-negative numbers, drawn in proportion to their size, many at once."""

from __future__ import annotations

import numpy as np

_FAN_OUT = 64  # a node's children are summed by one vector operation: few levels, few calls


class SumTree:
    """Masses of ``size`` leaves with their sums; drawing and changing cost a few array operations.

    A parent is the last of the running sums of its children, computed anew whenever a child
    changes: rounding neither grows with time, nor can it lead to a leaf without mass.

    Args:
        size: number of leaves, all of mass 0.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._levels = [np.zeros(_padded(size))]  # from the leaves up to one root
        while len(self._levels[-1]) > 1:
            parents = len(self._levels[-1]) // _FAN_OUT
            self._levels.append(np.zeros(_padded(parents) if parents > 1 else 1))

    @property
    def total(self) -> float:
        """Sum of all masses."""
        return float(self._levels[-1][0])

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(level.nbytes for level in self._levels)

    @property
    def masses(self) -> np.ndarray:
        """float64 [size]: the mass of every leaf; a view."""
        return self._levels[0][: self._size]

    def set(self, leaves: np.ndarray, masses: np.ndarray) -> None:
        """Give leaves (int64 [n]) new masses; of a leaf that occurs twice, the last one counts."""
        self._levels[0][leaves] = masses
        for children, parents in zip(self._levels, self._levels[1:], strict=False):
            leaves = leaves // _FAN_OUT
            groups = children.reshape(-1, _FAN_OUT)[leaves]
            parents[leaves] = np.add.accumulate(groups, axis=1)[:, -1]

    def load(self, masses: np.ndarray) -> None:
        """Give all leaves new masses [size]."""
        self._levels[0][: self._size] = masses
        for children, parents in zip(self._levels, self._levels[1:], strict=False):
            groups = children.reshape(-1, _FAN_OUT)
            parents[: len(groups)] = np.add.accumulate(groups, axis=1)[:, -1]

    def find(self, points: np.ndarray) -> np.ndarray:
        """Return the leaves (int64 [n]) in which points of [0, total) lie, laid end to end."""
        nodes = np.zeros(len(points), np.int64)
        rows = np.arange(len(points))
        for children in reversed(self._levels[:-1]):
            groups = children.reshape(-1, _FAN_OUT)[nodes]
            sums = np.add.accumulate(groups, axis=1)
            chosen = (sums <= points[:, None]).sum(axis=1)
            masses = groups[rows, chosen]
            # What rounding pushes over the end of a leaf stays in it.
            points = np.minimum(points - (sums[rows, chosen] - masses), np.nextafter(masses, 0.0))
            points = np.maximum(points, 0.0)
            nodes = nodes * _FAN_OUT + chosen
        return nodes


def _padded(size: int) -> int:
    return -(-size // _FAN_OUT) * _FAN_OUT
