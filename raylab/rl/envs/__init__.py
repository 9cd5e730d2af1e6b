"""Environments: Atari, Gymnasium and MinAtar behind one contract.

>>> from raylab.rl.envs import MinAtar, make
>>> env = make(MinAtar(game="breakout"), num_envs=2, seed=1)
>>> env.reset().shape
(2, 10, 10, 4)
>>> env.close()
"""

from __future__ import annotations

from raylab.errors import ConfigError
from raylab.rl.envs.backend import ActionSpace, Backend
from raylab.rl.envs.config import Atari, EnvConfig, Gymnasium, MinAtar
from raylab.rl.envs.vector import Episode, Step, VectorEnv

__all__ = [
    "ActionSpace",
    "Atari",
    "EnvConfig",
    "Episode",
    "Gymnasium",
    "MinAtar",
    "Step",
    "VectorEnv",
    "make",
]


def make(
    config: EnvConfig, num_envs: int, seed: int, *, num_threads: int = 1, first_row: int = 0
) -> VectorEnv:
    """Build the environments of an experiment.

    Args:
        config: which environment, under which protocol.
        num_envs: number of copies, the rows.
        seed: the run's seed; every row gets its own from it.
        num_threads: threads of the Atari emulator; the other backends run in the calling thread.
        first_row: number of the first row among all rows of the run.

    Raises:
        ConfigError: for a number that is not positive or a negative seed.
        EnvError: if the environment cannot be made.
    """
    for name, value in (("num_envs", num_envs), ("num_threads", num_threads)):
        if value < 1:
            raise ConfigError(f"{name}={value} must be at least 1.")
    return VectorEnv(make_backend(config, num_envs, num_threads), seed, first_row=first_row)


def make_backend(config: EnvConfig, num_envs: int, num_threads: int) -> Backend:
    """Build the simulators of :func:`make` alone."""
    match config:
        case Atari():
            from raylab.rl.envs.atari import AtariBackend

            return AtariBackend(config, num_envs, num_threads)
        case Gymnasium():
            from raylab.rl.envs.gymnasium import GymnasiumBackend

            return GymnasiumBackend(config, num_envs)
        case MinAtar():
            from raylab.rl.envs.minatar import MinAtarBackend

            return MinAtarBackend(config, num_envs)
