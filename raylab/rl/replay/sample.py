"""What replay gives to learn from, and the weights that undo how it was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from raylab.rl.trajectory import array_bytes

_BLOCK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Mass:
    """What transitions are drawn from; those of several replays add up."""

    mass: float  # sum of the masses; a transition is drawn in proportion to its own
    count: int  # number of transitions

    def __add__(self, other: Mass) -> Mass:
        return Mass(self.mass + other.mass, self.count + other.count)


@dataclass(frozen=True, slots=True)
class Sample:
    """B transitions of n steps, or of fewer where the episode ended before."""

    frames: np.ndarray  # [B, stack + n, *frame]  the first ``stack`` are the observation
    actions: np.ndarray  # int64 [B]
    returns: np.ndarray  # float32 [B]  discounted rewards until the next observation
    discounts: np.ndarray  # float32 [B]  of the next observation's value; 0 after a termination
    lengths: np.ndarray  # int64 [B]  steps, and frames, until the next observation
    masses: np.ndarray  # float64 [B]  in proportion to which each was drawn
    keys: np.ndarray  # int64 [B]  name the transitions in their replay
    stack: int
    drawn_from: Mass

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return array_bytes(self)

    def observations(self) -> tuple[Tensor, Tensor]:
        """Return observations and next observations [B, *stored], as the network stores them.

        They may share memory. What follows a termination is another episode's.
        """
        stack, n = self.stack, self.frames.shape[1] - self.stack
        starts = np.where(self.discounts > 0.0, self.lengths, n)
        if stack == 1:
            after = self.frames[np.arange(len(starts)), starts]
            return torch.from_numpy(self.frames[:, 0]), torch.from_numpy(after)
        joined = join_frames(self.frames)  # [B, *outer, frames x last]
        last = self.frames.shape[-1]
        size = stack * last
        nexts = joined[..., n * last :]
        cut_short = np.flatnonzero(starts < n)
        if len(cut_short):
            nexts = nexts.clone()
            for row in cut_short:
                start = starts[row] * last
                nexts[row] = joined[row, ..., start : start + size]
        return joined[..., :size], nexts

    def rows(self, rows: slice | np.ndarray) -> Sample:
        """Return some of the transitions."""
        arrays = {name: getattr(self, name)[rows] for name in ARRAYS}
        return Sample(**arrays, stack=self.stack, drawn_from=self.drawn_from)

    def importance_weights(self, beta: float) -> np.ndarray:
        """Return float32 [B]: (count * probability) ** -beta, divided by the largest.

        With beta = 1 they fully undo that transitions were not drawn uniformly (Schaul et al.
        2016, section 3.4).
        """
        probabilities = self.masses / self.drawn_from.mass
        weights = (self.drawn_from.count * probabilities) ** -beta
        return (weights / weights.max()).astype(np.float32)


ARRAYS = tuple(field.name for field in fields(Sample) if field.type == "np.ndarray")
"""Names of what a sample has for each transition."""


def concatenate(samples: Sequence[Sample], drawn_from: Mass) -> Sample:
    """Return the transitions of several replays as drawn from all of them together."""
    arrays = {name: np.concatenate([getattr(s, name) for s in samples]) for name in ARRAYS}
    return Sample(**arrays, stack=samples[0].stack, drawn_from=drawn_from)


def split_frames(stored: np.ndarray, stack: int) -> np.ndarray:
    """[N, *stored] to its frames [N, stack, *frame], equal parts of the last axis; a view."""
    *outer, last = stored.shape
    return np.moveaxis(stored.reshape(*outer, stack, last // stack), -2, 1)


def join_frames(frames: np.ndarray) -> Tensor:
    """[B, W, *frame] to [B, *outer, W * last]; a copy.

    Parts of ``stack`` frames along the last axis are then successive observations as stored.
    """
    tensor = torch.from_numpy(frames)
    if frames.shape[-1] * frames.itemsize == _BLOCK_BYTES:
        # A 4 x 4 block of a frame moves as one element; complex is the type of 16 bytes.
        tensor = tensor.view(torch.complex128)
    joined = tensor.movedim(1, -2).contiguous().view(torch.from_numpy(frames).dtype)
    return joined.flatten(-2)
