"""The trainer's role: a learner with its environments, in one process; a shell around both."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Final

import torch

from raylab.rl.agent import Algorithm
from raylab.rl.envs import Atari, EnvConfig, Gymnasium, MinAtar
from raylab.rl.evaluate import Evaluation, evaluate, load_policy, random_baseline
from raylab.rl.inline import InlineTrainer
from raylab.rl.trajectory import State, UpdateResult
from raylab.rl.video import encode_mp4
from raylab.runtime import machine

_EVALUATION_SEEDS: Final = 1_000_003  # far from the seeds of training, which people count from 0
# Packages whose version may change a bit of the results.
_DECISIVE: Final = ("python", "torch", "numpy", "ale-py", "gymnasium", "MinAtar")

VIDEO_STEPS: Final = 1_500
"""Agent steps of a video: 100 seconds of Atari, 150 MB of pictures before they are encoded."""


def evaluation_seed(seed: int) -> int:
    """Seed of the environments in which a run of this seed is evaluated."""
    return seed + _EVALUATION_SEEDS


def video_speed(env: EnvConfig) -> float:
    """Pictures a second that show a game as people play it."""
    match env:
        case Atari():
            return 60.0 / env.frames_per_step
        case MinAtar():
            return 15.0
        case Gymnasium():
            return 30.0


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
        versions = machine.versions()
        where: dict[str, Any] = {
            "cpu": machine.cpu_model(),
            "threads": self._threads,
            "precision": self._trainer.precision,
            "device": self._trainer.device,
        }
        exactness = {
            **where,
            "vector instructions": torch.backends.cpu.get_cpu_capability(),
            **{name: version for name, version in versions.items() if name in _DECISIVE},
        }
        if self._algorithm.depends_on_length:
            exactness["until.agent_steps"] = self._until_agent_steps
        return {
            **where,
            "versions": versions,
            "commit": machine.source_commit(),
            "process": asdict(machine.ProcessId.current()),
            "cores": str(machine.cores(0.0)),
            "memory_bytes": machine.memory_bytes(),
            "env": self._env.record(),
            "exactness": exactness,
        }

    def restore(self, state: State) -> tuple[str, ...]:
        """Go on from a checkpoint; return what forbids that it goes on exactly."""
        return self._trainer.restore(state)

    def update(self) -> UpdateResult:
        """Collect and learn once."""
        return self._trainer.update()

    def checkpoint(self, replay_limit_bytes: float) -> tuple[State, str]:
        """Return the state, with a replay that is not larger, and the hash of its weights."""
        return self._trainer.state(replay_limit_bytes), self._trainer.weight_hash()

    def evaluate(self, episodes: int, greedy: bool, video: bool) -> tuple[Evaluation, bytes | None]:
        """Play whole games with a copy of the present policy; return scores and an mp4."""
        weights = self._trainer.weights()
        result = evaluate(
            self._env,
            load_policy(self._env, self._algorithm, weights, device=self._device),
            episodes=episodes,
            seed=evaluation_seed(self._seed),
            greedy=greedy,
            video_steps=VIDEO_STEPS if video else 0,
            threads=self._threads,
        )
        mp4 = encode_mp4(result.frames, video_speed(self._env)) if result.frames else None
        return replace(result, frames=()), mp4

    def random_baseline(self, episodes: int) -> Evaluation:
        """Play whole games at random."""
        seed = evaluation_seed(self._seed)
        return random_baseline(self._env, episodes=episodes, seed=seed, threads=self._threads)
