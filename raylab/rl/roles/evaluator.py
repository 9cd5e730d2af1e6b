"""The role of an evaluator: plays whole games with weights that it is given."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Final

import torch

from raylab.rl.agent import Algorithm
from raylab.rl.envs import Atari, EnvConfig, Gymnasium, MinAtar
from raylab.rl.evaluate import Evaluation, evaluate, load_policy, random_baseline
from raylab.rl.trajectory import Arrays
from raylab.rl.video import encode_mp4
from raylab.runtime import machine

_EVALUATION_SEEDS: Final = 1_000_003  # far from the seeds of training, which people count from 0

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


class Evaluator:
    """Scores policies in environments of its own; in a process of its own, or within a learner's.

    Args:
        env: the environment that is trained in.
        algorithm: whose policy it is.
        seed: of the run.
        threads: processor cores to compute on.
        device: ``"auto"``, ``"cpu"`` or a torch device.
    """

    def __init__(
        self, env: EnvConfig, algorithm: Algorithm, seed: int, threads: int, device: str
    ) -> None:
        self._env = env
        self._algorithm = algorithm
        self._seed = evaluation_seed(seed)
        self._threads = threads
        self._device = device

    def here(self) -> dict[str, Any]:
        """Answer that the process stands, and which it is; compute on its threads from now on."""
        torch.set_num_threads(self._threads)
        return asdict(machine.ProcessId.current())

    def evaluate(
        self, weights: Arrays, episodes: int, greedy: bool, video: bool
    ) -> tuple[Evaluation, bytes | None]:
        """Play whole games with a policy of these weights; return scores and an mp4."""
        result = evaluate(
            self._env,
            load_policy(self._env, self._algorithm, weights, device=self._device),
            episodes=episodes,
            seed=self._seed,
            greedy=greedy,
            video_steps=VIDEO_STEPS if video else 0,
            threads=self._threads,
        )
        mp4 = encode_mp4(result.frames, video_speed(self._env)) if result.frames else None
        return replace(result, frames=()), mp4

    def random_baseline(self, episodes: int) -> Evaluation:
        """Play whole games at random."""
        return random_baseline(self._env, episodes=episodes, seed=self._seed, threads=self._threads)
