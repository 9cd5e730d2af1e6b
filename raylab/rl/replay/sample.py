"""What replay gives to learn from, and the weights that undo how it was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

# The bytes of a frame's last axis move as one element; complex is the type of 16, a 4 x 4 block.
_ELEMENTS = {2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.complex128}


@dataclass(frozen=True, slots=True)
class Mass:
    """What transitions are drawn from; those of several replays add up."""

    mass: float  # sum of the masses; a transition is drawn in proportion to its own
    count: int  # number of transitions

    def __add__(self, other: Mass) -> Mass:
        return Mass(self.mass + other.mass, self.count + other.count)


@dataclass(frozen=True, slots=True)
class Sample:
    """B transitions of up to n steps; observations are views that overlap, read-only."""

    observations: np.ndarray  # [B, *stored]  as the network stores them
    actions: np.ndarray  # int64 [B]
    returns: np.ndarray  # float32 [B]  discounted rewards until the next observation
    discounts: np.ndarray  # float32 [B]  of the next observation's value; 0 after a termination
    next_observations: np.ndarray  # [B, *stored]
    masses: np.ndarray  # float64 [B]  in proportion to which each was drawn
    keys: np.ndarray  # int64 [B]  name the transitions in their replay
    drawn_from: Mass

    def rows(self, rows: slice | np.ndarray) -> Sample:
        """Return some of the transitions."""
        arrays = {name: getattr(self, name)[rows] for name in ARRAYS}
        return Sample(**arrays, drawn_from=self.drawn_from)

    def importance_weights(self, beta: float) -> np.ndarray:
        """Return float32 [B]: (count * probability) ** -beta, divided by the largest.

        With beta = 1 they fully undo that transitions were not drawn uniformly (Schaul et al.
        2016, section 3.4).
        """
        probabilities = self.masses / self.drawn_from.mass
        weights = (self.drawn_from.count * probabilities) ** -beta
        return (weights / weights.max()).astype(np.float32)


ARRAYS = tuple(field.name for field in fields(Sample) if field.name != "drawn_from")
"""Names of what a sample has for each transition."""


def concatenate(samples: Sequence[Sample], drawn_from: Mass) -> Sample:
    """Return the transitions of several replays as drawn from all of them together."""
    arrays = {name: np.concatenate([getattr(s, name) for s in samples]) for name in ARRAYS}
    return Sample(**arrays, drawn_from=drawn_from)


def split_frames(stored: np.ndarray, stack: int) -> np.ndarray:
    """[N, *stored] to its frames [N, stack, *frame], equal parts of the last axis; a view."""
    *outer, last = stored.shape
    return np.moveaxis(stored.reshape(*outer, stack, last // stack), -2, 1)


def join_frames(frames: np.ndarray) -> np.ndarray:
    """Invert :func:`split_frames` for any number of frames [B, W, *frame]; a copy if W > 1.

    W successive frames become [B, *outer, W * last], whose parts of ``stack`` frames along the last
    axis are successive observations as they are stored.
    """
    if frames.shape[1] == 1:
        return frames[:, 0]
    count, number, *outer, last = frames.shape
    moved = np.moveaxis(frames, 1, -2)
    together = _ELEMENTS.get(last * frames.itemsize)
    if together is not None and frames.strides[-1] == frames.itemsize:
        moved = moved.view(together)
    return np.ascontiguousarray(moved).view(frames.dtype).reshape(count, *outer, number * last)
