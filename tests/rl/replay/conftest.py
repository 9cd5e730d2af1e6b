"""Environments whose every observation says where it comes from."""

import gymnasium
import numpy as np
import pytest

from raylab.rl.envs import VectorEnv
from raylab.rl.envs.backend import BackendStep


class Counting:
    """N games of pseudo-random length whose images are stacks of frames that are all different.

    A frame holds (row, game, age) in its pixels; the first observation of a game repeats zeros or
    older frames, so that no rule of padding is taken for granted.
    """

    name = "counting"
    frames_per_step = 1
    max_episode_steps = 7

    def __init__(self, num_envs, stack, seed=0):
        self.num_envs, self.frame_stack = num_envs, stack
        self.observation_space = gymnasium.spaces.Box(0, 255, (4, 4, stack), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(5)
        self._rng = np.random.default_rng(seed)
        self._game = np.zeros(num_envs, np.int64)
        self._age = np.zeros(num_envs, np.int64)
        self._stacks = np.zeros((num_envs, 4, 4, stack), np.uint8)

    def reset(self, rows, seeds):
        for row in np.flatnonzero(rows):
            self._game[row] += 1
            self._age[row] = 0
            self._stacks[row] = self._rng.integers(200, 255, size=self._stacks[row].shape)
            self._stacks[row, ..., -1] = self._frame(row)
        return self._stacks.copy()

    def step(self, actions, rows):
        self._age += 1
        for row in range(self.num_envs):
            self._stacks[row] = np.roll(self._stacks[row], -1, axis=-1)
            self._stacks[row, ..., -1] = self._frame(row)
        over = self._rng.random(self.num_envs) < 0.1
        life_lost = self._rng.random(self.num_envs) < 0.1
        return BackendStep(
            self._stacks.copy(),
            self._rng.normal(size=self.num_envs).astype(np.float32),
            over,
            np.zeros(self.num_envs, bool),
            life_lost & ~over,
        )

    def render(self, row, actions):
        return None

    def close(self):
        pass

    def _frame(self, row):
        frame = np.full((4, 4), 7, np.uint8)
        frame[0] = (row, self._game[row] % 199, self._age[row] % 199, self._game[row] // 199)
        return frame


@pytest.fixture
def counting():
    """Builds such environments: (num_envs, stack) to a VectorEnv."""
    return lambda num_envs, stack: VectorEnv(Counting(num_envs, stack), seed=0)
