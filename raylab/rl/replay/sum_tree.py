"""A sum tree: non-negative numbers, drawn in proportion to their size, many at once."""

from __future__ import annotations

import numpy as np

_FAN_OUT = 64  # a node's children are summed by one vector operation: few levels, few calls
_WIDEST_TOP = 4_096  # so many running sums are made in less time than a level is gone down


class SumTree:
    """Masses of ``size`` leaves with their sums; drawing and changing cost a few array operations.

    A parent is the last of the running sums of its children, computed anew whenever a child
    changes: rounding neither grows with time, nor can it lead to a leaf without mass. There is no
    root: the uppermost level is searched by its running sums.

    Args:
        size: number of leaves, all of mass 0.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._levels = [np.zeros(_padded(size))]  # from the leaves up
        while len(self._levels[-1]) > _WIDEST_TOP:
            self._levels.append(np.zeros(_padded(len(self._levels[-1]) // _FAN_OUT)))
        self._ends = np.zeros(len(self._levels[-1]))  # running sums of the uppermost level

    @property
    def total(self) -> float:
        """Sum of all masses."""
        return float(self._ends[-1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self._ends.nbytes + sum(level.nbytes for level in self._levels)

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
        np.add.accumulate(self._levels[-1], out=self._ends)

    def load(self, masses: np.ndarray) -> None:
        """Give all leaves new masses [size]."""
        self._levels[0][: self._size] = masses
        for children, parents in zip(self._levels, self._levels[1:], strict=False):
            groups = children.reshape(-1, _FAN_OUT)
            parents[: len(groups)] = np.add.accumulate(groups, axis=1)[:, -1]
        np.add.accumulate(self._levels[-1], out=self._ends)

    def find(self, points: np.ndarray) -> np.ndarray:
        """Return the leaves (int64 [n]) in which points of [0, total) lie, laid end to end."""
        nodes = self._ends.searchsorted(points, side="right")
        ends, masses = self._ends[nodes], self._levels[-1][nodes]
        rows = np.arange(0, len(points) * _FAN_OUT, _FAN_OUT)
        for children in reversed(self._levels[:-1]):
            # What rounding pushes over an end of a node stays in it.
            points = np.maximum(points - (ends - masses), 0.0)
            points = np.minimum(points, np.nextafter(masses, 0.0))
            groups = children.reshape(-1, _FAN_OUT)[nodes]
            sums = np.add.accumulate(groups, axis=1)
            chosen = (sums > points[:, None]).argmax(axis=1)
            ends, masses = sums.take(rows + chosen), groups.take(rows + chosen)
            nodes = nodes * _FAN_OUT + chosen
        return nodes


def _padded(size: int) -> int:
    return -(-size // _FAN_OUT) * _FAN_OUT
