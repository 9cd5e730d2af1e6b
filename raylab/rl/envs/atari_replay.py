"""Colour pictures of a game that runs in the vector emulator, which keeps grey ones only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ale_py import Action, ALEInterface, LoggerMode, roms

from raylab.rl.envs.config import Atari


class AtariReplay:
    """A second emulator that follows one row by its seed, its actions and the length of each start.

    It makes the same calls in the same order as a row of ``AtariVectorEnv``, so its generator of
    sticky actions draws the same numbers: the screens are equal, as tests prove. It costs nothing
    until a picture is asked for, and then one emulated step for each agent step.

    Args:
        config: game and protocol of the row.
        seed: what the row was last seeded with.
    """

    def __init__(self, config: Atari, seed: int) -> None:
        ALEInterface.setLoggerMode(LoggerMode.Error)
        rules = config.rules
        self._ale = ALEInterface()
        self._ale.setFloat("repeat_action_probability", rules.sticky_actions)
        self._ale.setInt("random_seed", seed)
        self._ale.loadROM(roms.get_rom_path(config.game))
        full, own = self._ale.getLegalActionSet(), self._ale.getMinimalActionSet()
        self._actions = full if rules.full_action_set else own
        self._presses_fire = rules.fire_reset and Action.FIRE in self._actions
        self._config = config
        self._step = 0  # agent steps followed since seeding
        self._game = 0  # games begun since seeding
        self._game_steps = 0  # agent steps followed in the current game

    def screen(self, actions: np.ndarray, start_frames: Sequence[int]) -> np.ndarray:
        """Follow the row to its present and show it.

        Args:
            actions: int [n], all that the row did since it was seeded.
            start_frames: for each game since then, the frames before its first action.

        Returns:
            uint8 [210, 160, 3]: the maximum of the last two frames, as flickering sprites need.
        """
        before = self._ale.getScreenRGB()
        if self._game == 0:
            self._begin_game(start_frames)
            before = self._ale.getScreenRGB()
        for action in actions[self._step :]:
            for frame in range(self._config.frame_skip):
                if frame == self._config.frame_skip - 1:
                    before = self._ale.getScreenRGB()
                self._ale.act(self._actions[action])
                if self._ale.game_over():
                    break
            self._step += 1
            self._game_steps += 1
            if self._ale.game_over() or self._game_steps >= self._config.max_episode_steps:
                self._begin_game(start_frames)
                before = self._ale.getScreenRGB()
        return np.maximum(before, self._ale.getScreenRGB())

    def _begin_game(self, start_frames: Sequence[int]) -> None:
        self._ale.reset_game()
        if self._presses_fire:
            self._ale.act(Action.FIRE)
        for _ in range(start_frames[self._game] - self._presses_fire):
            self._ale.act(Action.NOOP)
        self._game += 1
        self._game_steps = 0
