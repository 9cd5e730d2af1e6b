"""Replay in shards: each holds the steps of its own environments; together they are one replay.

A round of sampling asks every shard for its mass, divides the minibatches among the shards by
chance in proportion to those masses, and has each shard draw its part of all of them in one call:

::

    masses = [shard.mass() for shard in shards]                     a call a shard
    parts = divide(masses, minibatches, batch_size, generator)      [minibatches, shards]
    samples = [shard.sample(part) for ...]                          a call a shard, many minibatches
    for minibatch in assemble(samples, parts, masses): learn        weights over all shards
    shard.set_masses(keys, masses)                                  a call a shard

A transition is then drawn with the probability that it has in one replay of all, and its importance
weight counts all shards. Whoever hosts shards makes the calls; nothing here knows of processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from raylab.errors import ConfigError
from raylab.rl.replay.fragment import ReplayFragment
from raylab.rl.replay.replay import Replay, ReplaySpec
from raylab.rl.replay.sample import Mass, Sample, concatenate
from raylab.rl.trajectory import Arrays

LEAST_MINIBATCHES = 16
"""Minibatches that a round should draw: a call of an actor takes as long as drawing several."""


class ReplayShard:
    """A replay with its own randomness; every method is one call of whoever hosts it.

    Its environments are those of one or several *streams*, equal parts of them in their order; each
    stream is written by one worker at a time.

    Args:
        spec: of this shard: the environments of all its streams and its part of the capacity.
        seed: of its sampling; another one for each shard.
        streams: how many.
    """

    def __init__(self, spec: ReplaySpec, seed: int, streams: int = 1) -> None:
        self._replay = Replay(spec)
        self._generator = torch.Generator().manual_seed(seed)
        self._rows = np.arange(spec.num_envs).reshape(streams, -1)
        self._last = np.full((streams, 2), -1)  # worker and index of each stream's last fragment

    def append(self, fragment: ReplayFragment, stream: int = 0) -> Mass:
        """Remember a fragment; return the mass afterwards.

        After one that does not continue the last of its stream, because a worker was replaced or a
        fragment lost, the games before count as cut off.
        """
        worker, index = self._last[stream]
        continues = bool((fragment.worker, fragment.index) == (worker, index + 1))
        self._replay.append(fragment, self._rows[stream], continues=continues)
        self._last[stream] = fragment.worker, fragment.index
        return self._replay.mass

    def mass(self) -> Mass:
        """Return what can be drawn from just now."""
        return self._replay.mass

    def sample(self, count: int) -> Sample:
        """Draw this shard's part of a round."""
        return self._replay.sample(count, self._generator)

    def set_masses(self, keys: np.ndarray, masses: np.ndarray) -> None:
        """Give drawn transitions new masses; those that were overwritten since are left out."""
        self._replay.set_masses(keys, masses)

    def state(self) -> dict[str, Arrays]:
        """Return a copy of all that :meth:`restore` needs."""
        own = {"generator": self._generator.get_state().numpy().copy(), "last": self._last.copy()}
        return {"replay": self._replay.state(), "own": own}

    def restore(self, state: dict[str, Arrays]) -> None:
        """Take over what :meth:`state` returned."""
        self._replay.restore(state["replay"])
        self._generator.set_state(torch.from_numpy(state["own"]["generator"].copy()))
        self._last[:] = state["own"]["last"]


def divide(
    masses: Sequence[Mass], minibatches: int, batch_size: int, generator: torch.Generator
) -> np.ndarray:
    """Return how many transitions of each minibatch come from each shard, [minibatches, shards].

    Each transition chooses its shard by itself, in proportion to the shards' masses.

    Raises:
        ConfigError: all shards are empty.
    """
    sizes = np.array([mass.mass for mass in masses])
    if sizes.sum() <= 0.0:
        raise ConfigError("all shards of replay are empty; add agent steps before sampling")
    ends = np.cumsum(sizes)
    uniform = torch.rand((minibatches, batch_size), dtype=torch.float64, generator=generator)
    points = np.minimum(uniform.numpy() * ends[-1], np.nextafter(ends[-1], 0.0))
    chosen = np.searchsorted(ends, points, side="right")
    return np.stack([(chosen == shard).sum(axis=1) for shard in range(len(masses))], axis=1)


def assemble(
    samples: Sequence[Sample | None], parts: np.ndarray, masses: Sequence[Mass]
) -> Iterator[tuple[Sample, np.ndarray]]:
    """Yield each minibatch of a round, and the shard [B] that each transition came from.

    Args:
        samples: of each shard, its whole column of ``parts``; None where that is 0, or the shard
            was lost: its transitions are missing then, and the minibatches smaller.
        parts: what :func:`divide` returned.
        masses: those that were divided by.
    """
    there = [(shard, sample) for shard, sample in enumerate(samples) if sample is not None]
    total = sum((masses[shard] for shard, _ in there), Mass(0.0, 0))
    ends = np.cumsum(parts, axis=0)
    for part, end in zip(parts, ends, strict=True):
        pieces = [sample.rows(slice(end[s] - part[s], end[s])) for s, sample in there]
        shards = np.repeat([s for s, _ in there], [len(piece.keys) for piece in pieces])
        yield concatenate(pieces, total), shards
