"""An environment that only sleeps: ``benchmarks.sleeping:Sleeping-v0``. What is left is control."""

from __future__ import annotations

import time
from typing import Any

import gymnasium
import numpy as np


class Sleeping(gymnasium.Env[np.ndarray, int]):
    """Every step takes the same time and no processor."""

    def __init__(self, step_s: float, size: int = 4, render_mode: str | None = None) -> None:
        self._step_s = step_s
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Box(-1, 1, (size,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)
        self._observation = np.zeros(size, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a game of no content."""
        super().reset(seed=seed, options=options)
        return self._observation, {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Sleep."""
        del action
        time.sleep(self._step_s)
        return self._observation, 1.0, False, False, {}


gymnasium.register("Sleeping-v0", Sleeping, max_episode_steps=100)
