"""Any Gymnasium environment: N copies stepped in this thread, without Gymnasium's autoreset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from raylab.errors import ConfigError, EnvError
from raylab.rl.envs.backend import ActionSpace, BackendStep
from raylab.rl.envs.config import Gymnasium

_MAX_CHANNELS = 16  # an axis that is longer is height or width


class GymnasiumBackend:
    """N copies of a registered environment.

    Args:
        config: id, arguments and time limit.
        num_envs: number of copies.

    Raises:
        EnvError: if the environment cannot be made.
        ConfigError: if its action space is none that a policy here can act in.
    """

    def __init__(self, config: Gymnasium, num_envs: int) -> None:
        self.name = config.id
        self.num_envs = num_envs
        self._envs = [_make(config) for _ in range(num_envs)]
        first = self._envs[0]
        self.observation_space, self._encode = _observation_encoder(first.observation_space)
        self.action_space, self._decode = _action_decoder(config.id, first.action_space)
        self.frames_per_step = 1
        self.max_episode_steps: int | None = None  # Gymnasium's TimeLimit keeps the time
        self._observations = np.zeros(
            (num_envs, *self.observation_space.shape), self.observation_space.dtype
        )
        self._nobody = np.zeros(num_envs, bool)

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Start a new episode in ``rows``."""
        row = 0
        try:
            for row in np.flatnonzero(rows):
                seed = int(seeds[row]) if seeds[row] >= 0 else None
                observation, _ = self._envs[row].reset(seed=seed)
                self._observations[row] = self._encode(observation)
        except Exception as error:
            raise self._raised("reset", row, error) from error
        return self._observations

    def step(self, actions: np.ndarray) -> BackendStep:
        """Take one action in every environment."""
        rewards = np.empty(self.num_envs, np.float32)
        terminated = np.empty(self.num_envs, bool)
        truncated = np.empty(self.num_envs, bool)
        row = 0
        try:
            for row, env in enumerate(self._envs):
                observation, rewards[row], terminated[row], truncated[row], _ = env.step(
                    self._decode(actions[row])
                )
                self._observations[row] = self._encode(observation)
        except Exception as error:
            raise self._raised("step", row, error) from error
        return BackendStep(self._observations, rewards, terminated, truncated, self._nobody)

    def render(self, row: int, actions: np.ndarray) -> np.ndarray | None:
        """What the environment draws itself, or None if it cannot draw."""
        del actions  # the environment itself is at hand
        if self._envs[row].render_mode != "rgb_array":
            return None
        try:
            picture = self._envs[row].render()
        except gymnasium.error.DependencyNotInstalled:
            return None
        except Exception as error:
            raise self._raised("render", row, error) from error
        return np.asarray(picture, np.uint8)

    def close(self) -> None:
        """Close every copy."""
        for env in self._envs:
            env.close()

    def _raised(self, call: str, row: int, error: Exception) -> EnvError:
        return EnvError(
            f"{self.name} raised in {call}() of row {row}: {type(error).__name__}: {error}"
        )


def _make(config: Gymnasium) -> gymnasium.Env[Any, Any]:
    options: dict[str, Any] = dict(config.kwargs)
    if config.max_episode_steps is not None:
        options["max_episode_steps"] = config.max_episode_steps
    try:
        if "render_mode" not in options and _draws(config.id):
            options["render_mode"] = "rgb_array"
        return gymnasium.make(config.id, disable_env_checker=True, **options)
    except Exception as error:
        raise EnvError(
            f"{config.id} cannot be made with kwargs={config.kwargs}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _draws(env_id: str) -> bool:
    """Whether the environment's class says that it can render to an array."""
    spec = gymnasium.spec(env_id)
    creator = spec.entry_point
    if isinstance(creator, str):
        creator = gymnasium.envs.registration.load_env_creator(creator)
    return "rgb_array" in getattr(creator, "metadata", {}).get("render_modes", ())


def _observation_encoder(
    space: spaces.Space[Any],
) -> tuple[spaces.Box, Callable[[Any], np.ndarray]]:
    """The space that a policy sees, and the function that turns an observation into it."""
    if isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) in (2, 3):
        if len(space.shape) == 2:
            shape, encode = (*space.shape, 1), lambda image: image[:, :, None]
        elif space.shape[2] > _MAX_CHANNELS >= space.shape[0]:
            channels, height, width = space.shape
            shape, encode = (height, width, channels), lambda image: image.transpose(1, 2, 0)
        else:
            shape, encode = space.shape, np.asarray
        return spaces.Box(0, 255, shape, np.uint8), encode
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        return spaces.Box(low, high, dtype=np.float32), np.asarray
    size = int(np.prod(spaces.flatten_space(space).shape))
    return (
        spaces.Box(-np.inf, np.inf, (size,), np.float32),
        lambda observation: spaces.flatten(space, observation),
    )


def _action_decoder(
    env_id: str, space: spaces.Space[Any]
) -> tuple[ActionSpace, Callable[[np.ndarray], Any]]:
    """The space that a policy acts in, and the function that turns its action into the env's."""
    match space:
        case spaces.Discrete():
            start = int(space.start)
            return spaces.Discrete(int(space.n)), lambda action: int(action) + start
        case spaces.MultiDiscrete():
            starts = space.start
            return (
                spaces.MultiDiscrete(space.nvec.ravel()),
                lambda action: (action.reshape(starts.shape) + starts).astype(space.dtype),
            )
        case spaces.MultiBinary():
            size = int(np.prod(space.shape))
            return (
                spaces.MultiDiscrete(np.full(size, 2)),
                lambda action: action.reshape(space.shape).astype(space.dtype),
            )
        case spaces.Box():
            low, high = space.low.ravel(), space.high.ravel()
            return (
                spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32),
                lambda action: np.clip(action, low, high).astype(space.dtype).reshape(space.shape),
            )
        case _:
            raise ConfigError(
                f"{env_id} acts in {space}; supported are Discrete, MultiDiscrete, MultiBinary "
                "and Box. Wrap the environment so that its action space is one of them."
            )
