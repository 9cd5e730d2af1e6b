"""Environments that take their process down, or raise: ``tests.rl.doomed:Doomed-v0``."""

import os
import signal
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.envs.classic_control import CartPoleEnv


class Doomed(gymnasium.Env):
    """Kills its process in its ``last``-th step."""

    observation_space = gymnasium.spaces.Box(0.0, 1.0, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, last=20, render_mode=None):
        self.render_mode = render_mode
        self._left = last

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.zeros(2, np.float32), 1.0, self._left % 5 == 0, False, {}


class Moody(CartPoleEnv):
    """CartPole that raises in the ``last``-th step after every other seed."""

    def __init__(self, last=20, render_mode=None):
        super().__init__(render_mode=render_mode)
        self._last = last
        self._raises = False

    def reset(self, *, seed=None, options=None):
        if seed is not None:
            self._raises, self._left = seed % 2 == 1, self._last
        return super().reset(seed=seed, options=options)

    def step(self, action):
        self._left -= 1
        if self._raises and self._left == 0:
            raise ArithmeticError("the pole is gone")
        return super().step(action)


class Stillborn(CartPoleEnv):
    """CartPole that kills its process as it is made, once, when the file ``fate`` is there."""

    def __init__(self, fate="", render_mode=None):
        super().__init__(render_mode=render_mode)
        if Path(fate).is_file():
            Path(fate).unlink()
            os.kill(os.getpid(), signal.SIGKILL)


gymnasium.register("Doomed-v0", Doomed, max_episode_steps=20)
gymnasium.register("Moody-v0", Moody)
gymnasium.register("Stillborn-v0", Stillborn, max_episode_steps=500)
