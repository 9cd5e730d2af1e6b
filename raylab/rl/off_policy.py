"""Learning from replay in one process: act, remember, learn from what is remembered."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor

from raylab.errors import TrainingError
from raylab.rl.agent import Advance, Generators, Player
from raylab.rl.envs import Episode, VectorEnv
from raylab.rl.laps import lap
from raylab.rl.networks import Network
from raylab.rl.replay import Replay, Sample
from raylab.rl.trajectory import Arrays

REFILLS: Final = "replay is not in the checkpoint, and fills again before learning"
"""Why a run without its replay does not go on exactly."""


class Explorer(Player, Protocol):
    """A policy over several actions that explores with a probability epsilon."""

    @property
    def network(self) -> Network:
        """Whose layout observations are stored in."""

    def stored(self, observations: np.ndarray) -> Tensor:
        """Return observations in the network's layout, in new memory."""

    def act(self, stored: Tensor, noise: Tensor, epsilon: float) -> np.ndarray:
        """Return actions [N]; ``noise`` [2, N] says where and which at random."""


class SampleLearner(Protocol):
    """Learns from minibatches of replay, towards a target network."""

    diagnostics: tuple[str, ...]

    def update(
        self, sample: Sample, agent_steps: int, minibatches: int = 1
    ) -> tuple[list[Tensor], np.ndarray]:
        """Learn from equal parts of a sample, one after the other.

        Args:
            sample: drawn from replay.
            agent_steps: taken so far, which schedules depend on.
            minibatches: how many parts.

        Returns:
            The diagnostics of each minibatch, and the new masses [B] in replay.
        """

    def renew_target(self) -> None:
        """Make the target network a copy of the online network."""

    def state(self) -> Arrays:
        """Return a copy of the target network's weights."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what :meth:`state` returned."""


class OffPolicyAlgorithm(Protocol):
    """What an algorithm that learns from replay adds to :class:`raylab.rl.agent.Algorithm`."""

    @property
    def unroll_length(self) -> int:
        """Agent steps of each environment in what counts as one update."""

    @property
    def batch_size(self) -> int:
        """Transitions in a minibatch."""

    @property
    def learning_starts(self) -> int:
        """Transitions in replay before learning begins."""

    @property
    def train_every(self) -> int:
        """Agent steps for each minibatch."""

    @property
    def target_every(self) -> int:
        """Agent steps after which the target network is renewed."""

    def epsilon_at(self, agent_steps: int) -> float:
        """Return the probability of a random action."""


class OffPolicyAgent:
    """An :class:`raylab.rl.agent.Agent` that remembers what it does and learns from its memory.

    Args:
        algorithm: says how much to explore and when to learn.
        env: the environments; from now on only this object steps them.
        policy: acts with the learner's network.
        replay: empty.
        sample_learner: learns.
        generators: "acting" explores, "shuffling" draws from replay.
    """

    def __init__(
        self,
        algorithm: OffPolicyAlgorithm,
        env: VectorEnv,
        policy: Explorer,
        replay: Replay,
        sample_learner: SampleLearner,
        generators: Generators,
    ) -> None:
        self.policy = policy
        self._algorithm = algorithm
        self._env = env
        self._replay = replay
        self._learner = sample_learner
        self._generators = generators
        self._stored = policy.stored(env.reset())
        replay.begin(self._stored.numpy())

    def advance(self, update: int, agent_steps: int) -> Advance:
        """Take ``unroll_length`` steps of every environment, and learn between them when due."""
        algorithm, N = self._algorithm, self._env.num_envs
        episodes: list[Episode] = []
        diagnostics: list[Tensor] = []
        begin_s, learn_s, first = time.perf_counter(), 0.0, agent_steps
        noise = torch.rand((algorithm.unroll_length, 2, N), generator=self._generators["acting"])
        for unit in noise:
            episodes.extend(self._act(unit, algorithm.epsilon_at(agent_steps)))
            before, agent_steps = agent_steps, agent_steps + N
            if self._replay.mass.count < algorithm.learning_starts:
                continue
            start_s = time.perf_counter()
            due = multiples(algorithm.train_every, before, agent_steps)
            if due:
                diagnostics += self._learn(due, agent_steps)
            if multiples(algorithm.target_every, before, agent_steps):
                self._learner.renew_target()
            learn_s += time.perf_counter() - start_s
        metrics = averages(self._learner.diagnostics, diagnostics, update)
        metrics |= {
            "epsilon": algorithm.epsilon_at(agent_steps),
            "replay": float(self._replay.mass.count),
            "time/rollout_s": time.perf_counter() - begin_s - learn_s,
            "time/learn_s": learn_s,
        }
        return Advance(agent_steps - first, metrics, tuple(episodes))

    def parts(self, replay_limit_bytes: float) -> dict[str, Arrays]:
        """Return the state of the environments, of the target network, and replay if it fits."""
        parts = {"environments": self._env.state(), "target": self._learner.state()}
        if replay_limit_bytes > 0:
            replay = self._replay.state()
            if sum(array.nbytes for array in replay.values()) <= replay_limit_bytes:
                parts["replay"] = replay
        return parts

    def restore(self, parts: Mapping[str, Arrays]) -> tuple[str, ...]:
        """Go on from a state; without replay learning pauses until it has filled again."""
        self._stored = self.policy.stored(self._env.restore(parts["environments"]))
        reasons = [
            f"environment {row} did not replay as it was played" for row in self._env.diverged_rows
        ]
        self._learner.restore(parts["target"])
        if "replay" in parts:
            self._replay.restore(parts["replay"])
        else:
            self._replay = Replay(self._replay.spec)
            self._replay.begin(self._stored.numpy())
            reasons.append(REFILLS)
        return tuple(reasons)

    def _act(self, noise: Tensor, epsilon: float) -> tuple[Episode, ...]:
        actions = self.policy.act(self._stored, noise, epsilon)
        lap("act")
        step = self._env.step(actions)
        lap("env")
        self.policy.network.store(step.observations, self._stored)
        final = self.policy.stored(step.final_observations)
        self._replay.add(actions, step, self._stored.numpy(), final.numpy())
        lap("store")
        return step.episodes

    def _learn(self, minibatches: int, agent_steps: int) -> list[Tensor]:
        """Draw the minibatches that are due at once, and learn from one after the other."""
        count = minibatches * self._algorithm.batch_size
        sample = self._replay.sample(count, self._generators["shuffling"])
        lap("gather")
        diagnostics, masses = self._learner.update(sample, agent_steps, minibatches)
        self._replay.set_masses(sample.keys, masses)
        return diagnostics


def averages(names: Sequence[str], diagnostics: Sequence[Tensor], update: int) -> dict[str, float]:
    """Return the means of what minibatches reported; nothing if there were none.

    Raises:
        TrainingError: one is not finite, in the update after so many.
    """
    if not diagnostics:
        return {}
    means = torch.stack(list(diagnostics)).mean(dim=0).tolist()
    metrics = dict(zip(names, means, strict=True))
    if not all(map(math.isfinite, means)):
        raise TrainingError(
            f"training diverged in update {update + 1}: {metrics}; resume from an earlier "
            f"checkpoint with a smaller learning rate, or with precision='float32'."
        )
    return metrics


def multiples(period: int, before: int, after: int) -> int:
    """How many multiples of ``period`` lie in (before, after]."""
    return after // period - before // period
