"""What the roles that learn have alike: what they are told, and games with their present weights."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Generic, TypeVar

from raylab.rl.agent import Algorithm
from raylab.rl.envs import EnvConfig
from raylab.rl.evaluate import Evaluation
from raylab.rl.roles.evaluator import Evaluator
from raylab.rl.roles.record import environment_record
from raylab.rl.trajectory import Arrays
from raylab.runtime import machine

_A = TypeVar("_A", bound=Algorithm)


class LearningRole(Generic[_A]):
    """Holds weights and moves them; every method is one call of the supervisor.

    A kind of role adds ``prepare``, the first call, ``update`` and ``weights``.

    Args:
        env: the environment.
        algorithm: the algorithm and its settings.
        seed: of the run.
        until_agent_steps: where annealed rates reach zero.
        threads: processor cores to compute on.
        device: ``"auto"``, ``"cpu"`` or a torch device.
    """

    def __init__(
        self,
        env: EnvConfig,
        algorithm: _A,
        seed: int,
        until_agent_steps: int,
        threads: int,
        device: str,
    ) -> None:
        self._env = env
        self._algorithm = algorithm
        self._seed = seed
        self._until_agent_steps = until_agent_steps
        self._threads = threads
        self._device = device
        self._evaluator = Evaluator(env, algorithm, seed, threads, device)

    def here(self) -> dict[str, Any]:
        """Answer that the process stands, and which it is."""
        return asdict(machine.ProcessId.current())

    def weights(self) -> Arrays:
        """Return the present weights."""
        raise NotImplementedError

    def evaluate(self, episodes: int, greedy: bool, video: bool) -> tuple[Evaluation, bytes | None]:
        """Play whole games with a copy of the present policy; return scores and an mp4."""
        return self._evaluator.evaluate(self.weights(), episodes, greedy, video)

    def random_baseline(self, episodes: int) -> Evaluation:
        """Play whole games at random."""
        return self._evaluator.random_baseline(episodes)

    def _record(self, precision: str, device: str) -> dict[str, Any]:
        """What a run records of this process; ``exactness`` is what an exact resume depends on."""
        return environment_record(
            self._env,
            self._algorithm,
            self._until_agent_steps,
            threads=self._threads,
            precision=precision,
            device=device,
        )
