"""Environments that mask actions, and raise if an illegal one is taken."""

import gymnasium
import numpy as np

ACTIONS, LEGAL, STEPS = 6, 2, 8


class Doors(gymnasium.Env):
    """Two of six doors are open, and nothing shows which; the later one pays 1, the other 0.

    Whoever does not look at the mask cannot know what pays, and soon takes a closed door.
    """

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(ACTIONS)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._left = STEPS
        return self._show()

    def step(self, action):
        if not self._open[action]:
            raise ValueError(f"door {action} is closed")
        reward = float(action == np.flatnonzero(self._open)[-1])
        self._left -= 1
        return self._see(reward)

    def _see(self, reward):
        shown, info = self._show(over=self._left == 0)
        return shown, reward, self._left == 0, False, info

    def _show(self, over=False):
        self._open = np.zeros(ACTIONS, np.int8)
        if not over:  # nothing can be done in a game that ended
            self._open[self.np_random.choice(ACTIONS, LEGAL, replace=False)] = 1
        return np.ones(2, np.float32), {"action_mask": self._open}


class SeenDoors(Doors):
    """The same, with the mask in the observation."""

    observation_space = gymnasium.spaces.Dict(
        observation=Doors.observation_space,
        action_mask=gymnasium.spaces.Box(0, 1, (ACTIONS,), np.int8),
    )

    def _show(self, over=False):
        shown, info = super()._show(over)
        return {"observation": shown, **info}, {}


class Board(gymnasium.Env):
    """A small image with a mask: action a is legal where pixel (a, 0) is 255. Never ends by itself."""

    observation_space = gymnasium.spaces.Dict(
        observation=gymnasium.spaces.Box(0, 255, (8, 8, 1), np.uint8),
        action_mask=gymnasium.spaces.MultiBinary(3),
    )
    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, nothing_at=-1):
        self._nothing_at = nothing_at

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._t = 0
        return self._show(), {}

    def step(self, action):
        self._t += 1
        return self._show(), 0.0, False, False, {}

    def _show(self):
        mask = np.ones(3, np.int8)
        mask[self._t % 3] = 0
        if self._t == self._nothing_at:
            mask[:] = 0
        image = np.zeros((8, 8, 1), np.uint8)
        image[:3, 0, 0] = np.where(mask, 255, 0)
        return {"observation": image, "action_mask": mask}


class Switches(gymnasium.Env):
    """Two choices, of which the first offers only its number 1, and the second 0 and 2."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.MultiDiscrete([2, 3])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), self._info()

    def step(self, action):
        if action[0] != 1 or action[1] == 1:
            raise ValueError(f"{action} is not offered")
        return np.zeros(1, np.float32), 1.0, False, False, self._info()

    def _info(self):
        return {"action_mask": (np.array([0, 1], np.int8), np.array([1, 0, 1], np.int8))}


gymnasium.register("raylab-tests/Doors-v0", Doors)
gymnasium.register("raylab-tests/SeenDoors-v0", SeenDoors)
gymnasium.register("raylab-tests/Board-v0", Board, max_episode_steps=5)
gymnasium.register("raylab-tests/Switches-v0", Switches, max_episode_steps=6)
