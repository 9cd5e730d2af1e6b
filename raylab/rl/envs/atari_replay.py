"""Colour pictures of a game that runs in the vector emulator, which keeps grey ones only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ale_py import Action, ALEInterface, LoggerMode, roms

from raylab.errors import EnvError
from raylab.rl.envs.config import Atari


class AtariReplay:
    """A second emulator that follows one row by seed, actions and the frames of each start.

    It makes the same calls in the same order as a row of ``AtariVectorEnv``, so its generator of
    sticky actions draws the same numbers and the screens are equal. It costs nothing until a
    picture is asked for; then it emulates what the row did since it was seeded or last shown.

    Args:
        config: game and protocol of the row.
        seed: what the row was last seeded with.
    """

    def __init__(self, config: Atari, seed: int) -> None:
        rules = config.rules
        path = roms.get_rom_path(config.game)
        if path is None:
            raise EnvError(f"The ROM of {config.game!r} is not installed with ale-py.")
        ALEInterface.setLoggerMode(LoggerMode.Error)
        self._ale = ALEInterface()
        self._ale.setFloat("repeat_action_probability", rules.sticky_actions)
        self._ale.setInt("random_seed", seed)
        self._ale.loadROM(path)
        full, own = self._ale.getLegalActionSet(), self._ale.getMinimalActionSet()
        self._actions = full if rules.full_action_set else own
        self._presses_fire = rules.fire_reset and Action.FIRE in self._actions
        self._frame_skip = config.frame_skip
        self._max_episode_steps = config.max_episode_steps
        self._games = 0  # begun since seeding
        self._steps = 0  # agent steps followed since seeding
        self._game_steps = 0  # agent steps followed in the current game
        self._previous_frame = self._ale.getScreenRGB()

    def screen(self, actions: np.ndarray, start_frames: Sequence[int]) -> np.ndarray:
        """Follow the row to its present and show it.

        Args:
            actions: int [n], all that the row did since it was seeded.
            start_frames: for each game since then, the frames before its first action.

        Returns:
            uint8 [210, 160, 3]: the maximum of the last two frames, as flickering sprites need.
        """
        if self._games == 0:
            self._begin_game(start_frames[0])
        for action in actions[self._steps :]:
            self._step(self._actions[action])
            if self._ale.game_over() or self._game_steps == self._max_episode_steps:
                self._begin_game(start_frames[self._games])
        return np.maximum(self._previous_frame, self._ale.getScreenRGB())

    def _begin_game(self, start_frames: int) -> None:
        self._ale.reset_game()
        if self._presses_fire:
            self._ale.act(Action.FIRE)
        for _ in range(start_frames - self._presses_fire):
            self._ale.act(Action.NOOP)
        self._games += 1
        self._game_steps = 0
        self._previous_frame = self._ale.getScreenRGB()

    def _step(self, action: Action) -> None:
        for _ in range(self._frame_skip):
            self._previous_frame = self._ale.getScreenRGB()
            self._ale.act(action)
            if self._ale.game_over():
                break
        self._steps += 1
        self._game_steps += 1
