"""The role of a shard of replay: remembers what some rollout workers play, and draws from it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
import torch

from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import EnvConfig, make
from raylab.rl.replay import Mass, ReplayFragment, ReplayShard, Sample
from raylab.rl.trajectory import Arrays
from raylab.runtime import machine

REPLAY_STREAM: Final = 3
"""Place of the shards' draws among a run's streams of random numbers; see ``InlineTrainer``."""


class ShardRole:
    """A shard in a process of its own; every method is one call of the supervisor.

    Args:
        env: the environment; one copy is made, to look at its spaces.
        algorithm: whose replay it is.
        seed: of the run.
        num_envs: environments that write to this shard.
        streams: rollout workers' fragments that come side by side.
        capacity: agent steps that it remembers.
    """

    def __init__(
        self,
        env: EnvConfig,
        algorithm: DQN,
        seed: int,
        num_envs: int,
        streams: int,
        capacity: int,
    ) -> None:
        self._env = env
        self._algorithm = algorithm
        self._seed = seed
        self._num_envs = num_envs
        self._streams = streams
        self._capacity = capacity

    def here(self) -> dict[str, Any]:
        """Answer that the process stands, and which it is."""
        return asdict(machine.ProcessId.current())

    def prepare(self, number: int) -> None:
        """Allocate an empty replay.

        Args:
            number: of the shard, counted over all that the run has had; its draws follow from it.

        Raises:
            ConfigError: the capacity is too small, or the algorithm does not fit the environment.
            EnvError: the environment cannot be made.
        """
        torch.set_num_threads(1)
        sequence = np.random.SeedSequence(self._seed, spawn_key=(REPLAY_STREAM, number))
        word = int(sequence.generate_state(1, np.uint64)[0])
        one = make(self._env, 1, seed=0)
        try:
            network = self._algorithm.make_network(
                one.observation_space, one.action_space, torch.Generator()
            )
            spec = self._algorithm.replay_spec(network, one)
        finally:
            one.close()
        spec = replace(spec, num_envs=self._num_envs, capacity=self._capacity)
        self._shard = ReplayShard(spec, word >> 1, self._streams)

    def append(self, fragment: ReplayFragment, stream: int) -> Mass:
        """Remember a fragment; return the mass afterwards."""
        return self._shard.append(fragment, stream)

    def mass(self) -> Mass:
        """Return what can be drawn from just now."""
        return self._shard.mass()

    def draw(self, count: int) -> tuple[int, Sample]:
        """Draw this shard's part of a round; return its bytes, and the transitions."""
        sample = self._shard.sample(count)
        return sample.nbytes, sample

    def set_masses(self, drawn: tuple[np.ndarray, np.ndarray]) -> None:
        """Give drawn transitions (their keys) new masses."""
        self._shard.set_masses(*drawn)

    def state(self, limit_bytes: float) -> Arrays:
        """Return the state, packed; nothing if that is larger than the limit."""
        if limit_bytes <= 0:
            return {}
        parts = self._shard.state().items()
        flat = {f"{part}.{name}": a for part, arrays in parts for name, a in arrays.items()}
        return flat if sum(array.nbytes for array in flat.values()) <= limit_bytes else {}

    def restore(self, state: Arrays) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            ConfigError: the state is of a shard of another size.
        """
        parts: dict[str, Arrays] = {}
        for name, array in state.items():
            part, _, own = name.partition(".")
            parts.setdefault(part, {})[own] = array
        self._shard.restore(parts)
