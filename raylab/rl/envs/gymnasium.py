"""Any Gymnasium environment: N copies stepped in this thread, without Gymnasium's autoreset."""

from __future__ import annotations

import os
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, load_env_creator

from raylab.errors import ConfigError, EnvError
from raylab.rl.envs.backend import BackendStep
from raylab.rl.envs.config import Gymnasium
from raylab.rl.envs.masks import MaskedBox, checked_mask, mask_length, mask_reader
from raylab.rl.envs.spaces import action_decoder, observation_encoder


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
        seen = self._envs[0].observation_space
        self._mask_reader = mask_reader(config.action_mask, seen)
        try:
            shown, self._encode = observation_encoder(
                seen if self._mask_reader is None else self._mask_reader.shown
            )
            self.action_space, self._decode = action_decoder(self._envs[0].action_space)
            self.observation_space = (
                shown
                if self._mask_reader is None
                else MaskedBox(shown, mask_length(self.action_space))
            )
        except ConfigError as error:
            raise ConfigError(f"{config.id}: {error}") from error
        self.frames_per_step = 1
        self.frame_stack = 1
        self.max_episode_steps: int | None = None  # Gymnasium's TimeLimit keeps the time
        self._observations = np.zeros(
            (num_envs, *self.observation_space.shape), self.observation_space.dtype
        )
        self._nobody = np.zeros(num_envs, bool)

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Start a new episode in ``rows``."""
        row = 0
        try:
            for row in np.flatnonzero(rows).tolist():
                seed = int(seeds[row]) if seeds[row] >= 0 else None
                self._see(row, *self._envs[row].reset(seed=seed), is_over=False)
        except Exception as error:
            raise self._raised("reset", row, error) from error
        return self._observations

    def step(self, actions: np.ndarray, rows: np.ndarray) -> BackendStep:
        """Take one action in every environment of ``rows``."""
        rewards = np.zeros(self.num_envs, np.float32)
        terminated = np.zeros(self.num_envs, bool)
        truncated = np.zeros(self.num_envs, bool)
        row = 0
        try:
            for row in np.flatnonzero(rows).tolist():
                env, action = self._envs[row], self._decode(actions[row])
                seen, rewards[row], terminated[row], truncated[row], info = env.step(action)
                self._see(row, seen, info, is_over=bool(terminated[row] | truncated[row]))
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

    def _see(self, row: int, seen: Any, info: dict[str, Any], *, is_over: bool) -> None:
        """Write what a row shows, and behind it its mask if there is one."""
        if self._mask_reader is None:
            self._observations[row] = self._encode(seen)
            return
        shown, given = self._mask_reader.read(seen, info)
        mask = checked_mask(given, self.action_space, is_over=is_over)
        self._observations[row, : -len(mask)] = self._encode(shown).ravel()
        self._observations[row, -len(mask) :] = mask

    def _raised(self, call: str, row: int, error: Exception) -> EnvError:
        return EnvError(
            f"{self.name} raised in {call}() of row {row}: {type(error).__name__}: {error}"
        )


def _make(config: Gymnasium) -> gymnasium.Env[Any, Any]:
    options: dict[str, Any] = dict(config.kwargs)
    if config.max_episode_steps is not None:
        options["max_episode_steps"] = config.max_episode_steps
    spec = config.spec()
    try:
        if "render_mode" not in options and _draws(spec):
            options["render_mode"] = "rgb_array"
            # Drawing into an array needs no window; without this SDL complains where there is none.
            os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        return gymnasium.make(spec, disable_env_checker=True, **options)
    except Exception as error:
        raise EnvError(
            f"{config.id} cannot be made with kwargs={config.kwargs}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _draws(spec: EnvSpec) -> bool:
    """Whether the environment's class says that it can render to an array."""
    entry = spec.entry_point
    creator: object = load_env_creator(entry) if isinstance(entry, str) else entry
    return "rgb_array" in getattr(creator, "metadata", {}).get("render_modes", ())
