"""The role of a learner that is given minibatches of replay, many to a call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from torch import Tensor

from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import ActionSpace
from raylab.rl.off_policy import averages, multiples
from raylab.rl.replay import Mass, Sample, assemble
from raylab.rl.roles.learner_role import LearnerRole
from raylab.rl.trajectory import State, hash_arrays


@dataclass(frozen=True, slots=True)
class Round:
    """Minibatches that are drawn and learned together; their transitions come beside it."""

    due: tuple[int, ...]  # agent steps at which each minibatch is due
    masses: tuple[Mass, ...]  # of the shards, by which they were divided
    parts: np.ndarray  # int64 [minibatches, shards]  transitions from each shard
    version: int  # learner updates before


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of a round."""

    metrics: dict[str, float]  # means over its minibatches
    minibatches: int  # that were learned from: without those that were lost with their shards
    learn_s: float


class ReplayLearner(LearnerRole):
    """A :class:`LearnerRole` that learns from samples, towards a target network."""

    def update(self, round_: Round, *samples: Sample | None) -> tuple[object, ...]:  # type: ignore[override]  # samples, not fragments
        """Learn from every minibatch of a round, and renew the target network when that is due.

        Args:
            round_: what was drawn.
            samples: of each shard, the whole of its part; None if there is none.

        Returns:
            What came of it, and for each shard the keys of its transitions and their new masses.

        Raises:
            TrainingError: a loss is not finite any more.
        """
        start_s = time.perf_counter()
        algorithm = self._replay_algorithm
        keys: list[list[np.ndarray]] = [[] for _ in samples]
        masses: list[list[np.ndarray]] = [[] for _ in samples]
        diagnostics: list[Tensor] = []
        minibatches = assemble(samples, round_.parts, round_.masses)
        for at, (sample, origins) in zip(round_.due, minibatches, strict=True):
            if len(sample.keys):
                seen, new = self._sample_learner.update(sample, at)
                diagnostics += seen
                for shard in range(len(samples)):
                    keys[shard].append(sample.keys[origins == shard])
                    masses[shard].append(new[origins == shard])
            if multiples(algorithm.target_every, at - algorithm.train_every, at):
                self._sample_learner.renew_target()
        metrics = averages(self._sample_learner.diagnostics, diagnostics, round_.version)
        learned = Learned(metrics, len(diagnostics), time.perf_counter() - start_s)
        return (learned, *map(_joined, keys, masses))

    def restore(self, state: State) -> None:
        """Go on from a state, the target network included."""
        super().restore(state)
        self._sample_learner.restore(state.parts["target"])

    def checkpoint(self) -> tuple[State, str]:
        """Return the learner's part of the run's state, and the hash of its weights."""
        state, _ = super().checkpoint()
        parts = {**state.parts, "target": self._sample_learner.state()}
        return State(parts=parts, meta=state.meta), hash_arrays(state.parts["weights"])

    @property
    def _replay_algorithm(self) -> DQN:
        return cast("DQN", self._algorithm)

    def _begin(self, actions: ActionSpace) -> None:  # noqa: ARG002 - the network has them
        self._sample_learner = self._replay_algorithm.make_sample_learner(self._learner)


def _joined(
    keys: Sequence[np.ndarray], masses: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The new masses of one shard's transitions, of all minibatches in their order."""
    if not keys:
        return np.zeros(0, np.int64), np.zeros(0)
    return np.concatenate(keys), np.concatenate(masses)
