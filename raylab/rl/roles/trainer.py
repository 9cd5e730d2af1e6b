"""The trainer's role: a learner with its environments, in one process; a shell around both."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from raylab.rl.agent import Algorithm
from raylab.rl.envs import EnvConfig
from raylab.rl.evaluate import Evaluation
from raylab.rl.inline import InlineTrainer
from raylab.rl.roles.evaluator import Evaluator
from raylab.rl.roles.record import environment_record
from raylab.rl.trajectory import Arrays, State, UpdateResult
from raylab.runtime import machine


class Trainer:
    """Trains in this process; every method is one call of the supervisor, ``prepare`` the first.

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
        algorithm: Algorithm,
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

    def prepare(self) -> dict[str, Any]:
        """Build environments, policy and learner, and describe where they are.

        What cannot be built raises here and not in the constructor, whose errors Ray wraps.

        Returns:
            What a run records; ``exactness`` is what an exact resume depends on.
        """
        self._trainer = InlineTrainer(
            self._env,
            self._algorithm,
            self._seed,
            self._until_agent_steps,
            self._threads,
            self._device,
        )
        return environment_record(
            self._env,
            self._algorithm,
            self._until_agent_steps,
            threads=self._threads,
            precision=self._trainer.precision,
            device=self._trainer.device,
        )

    def restore(self, state: State) -> tuple[str, ...]:
        """Go on from a checkpoint; return what forbids that it goes on exactly.

        Games that rollout workers played cannot be taken over: new ones begin.
        """
        if "workers_started" in state.meta:
            elsewhere = ("environments", "shards")
            parts = {name: state.parts[name] for name in state.parts if name not in elsewhere}
            state = replace(state, parts=parts)
        return self._trainer.restore(state)

    def update(self) -> UpdateResult:
        """Collect and learn once."""
        return self._trainer.update()

    def checkpoint(self, replay_limit_bytes: float) -> tuple[State, str]:
        """Return the state, with a replay that is not larger, and the hash of its weights."""
        return self._trainer.state(replay_limit_bytes), self._trainer.weight_hash()

    def weights(self) -> Arrays:
        """Return the present weights."""
        return self._trainer.weights()

    def evaluate(self, episodes: int, greedy: bool, video: bool) -> tuple[Evaluation, bytes | None]:
        """Play whole games with a copy of the present policy; return scores and an mp4."""
        return self._evaluator.evaluate(self.weights(), episodes, greedy, video)

    def random_baseline(self, episodes: int) -> Evaluation:
        """Play whole games at random."""
        return self._evaluator.random_baseline(episodes)
