"""What rollout workers of all algorithms have alike: environments, noise, and newest weights."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from raylab.rl.agent import Algorithm
from raylab.rl.envs import EnvConfig, Episode, make
from raylab.rl.fragment import Fragment
from raylab.rl.replay import ReplayFragment
from raylab.rl.trajectory import Arrays
from raylab.runtime import machine

ACTING_STREAM = 1
"""Place of the acting noise among a run's streams of random numbers; see ``InlineTrainer``."""

_ACTING = "acting"
_A = TypeVar("_A", bound=Algorithm)


@dataclass(frozen=True, slots=True)
class Collected:
    """What is told of a fragment; the fragment itself stays in the object store."""

    policy_version: int
    agent_steps: int
    nbytes: int
    collect_s: float
    episodes: tuple[Episode, ...]  # their rows are numbered through the run


class Worker(Generic[_A]):
    """Plays in some of a run's environments; every method is one call of the supervisor.

    A kind of worker adds ``collect``, and what it plays with.

    Args:
        env: the environment.
        algorithm: whose policy plays.
        seed: of the run.
        num_envs: environments of this worker.
        threads: of torch and of the emulator.
        keep_state: return the state of the games with every fragment, so that another worker can
            take over exactly.
    """

    def __init__(
        self,
        env: EnvConfig,
        algorithm: _A,
        seed: int,
        num_envs: int,
        threads: int,
        keep_state: bool,
    ) -> None:
        self._env_config = env
        self._algorithm = algorithm
        self._seed = seed
        self._num_envs = num_envs
        self._threads = threads
        self._keep_state = keep_state

    def here(self) -> dict[str, Any]:
        """Answer that the process stands, and which it is."""
        return asdict(machine.ProcessId.current())

    def prepare(self, number: int) -> None:
        """Build environments and policy; the first call.

        Args:
            number: of the worker, counted over all that the run has had. Its rows and its noise
                follow from it, so no two workers of a run play the same games.

        Raises:
            ConfigError: the algorithm does not fit the environment.
            EnvError: the environments cannot be made.
        """
        torch.set_num_threads(self._threads)
        self._number, self._first_row = number, number * self._num_envs
        sequence = np.random.SeedSequence(self._seed, spawn_key=(ACTING_STREAM, number))
        word = int(sequence.generate_state(1, np.uint64)[0])
        self._generator = torch.Generator().manual_seed(word >> 1)
        self._env = make(
            self._env_config,
            self._num_envs,
            self._seed,
            num_threads=self._threads,
            first_row=self._first_row,
        )
        network = self._algorithm.make_network(
            self._env.observation_space, self._env.action_space, torch.Generator()
        )
        self._learner = self._algorithm.make_learner(network)  # gives the network its precision
        self._version = -1
        self._begin()

    def restore(self, state: Arrays) -> list[str]:
        """Take over a state that came with a fragment; return what did not come back exactly."""
        self._generator.set_state(torch.from_numpy(state[_ACTING].copy()))
        self._go_on({name: state[name] for name in state if name != _ACTING})
        first = self._first_row
        return [f"environment {first + row} did not replay" for row in self._env.diverged_rows]

    def _begin(self) -> None:
        """Make the policy by the learner's network, and begin the games."""
        raise NotImplementedError

    def _go_on(self, games: Arrays) -> None:
        """Take over the games that :meth:`_state` was given."""
        raise NotImplementedError

    def _load(self, version: int, weights: Arrays) -> None:
        """Play with the weights of a version from now on."""
        if version != self._version:
            self._learner.load_weights(weights)
            self._version = version

    def _state(self, games: Arrays) -> Arrays:
        """What another worker goes on from."""
        return games | {_ACTING: self._generator.get_state().numpy().copy()}

    def _collected(
        self, fragment: Fragment | ReplayFragment, begun_s: float, episodes: Iterable[Episode]
    ) -> Collected:
        return Collected(
            policy_version=fragment.policy_version,
            agent_steps=fragment.agent_steps,
            nbytes=fragment.nbytes,
            collect_s=time.perf_counter() - begun_s,
            episodes=tuple(replace(e, row=self._first_row + e.row) for e in episodes),
        )
