"""MinAtar: its five games, stepped in this thread."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np

from raylab.errors import EnvError
from raylab.rl.envs.backend import ActionSpace, BackendStep
from raylab.rl.envs.config import MinAtar

_ACTIONS = 6  # of every MinAtar game
_CELL_PIXELS = 16


class MinAtarBackend:
    """N MinAtar games with the package's own rules; sticky actions are drawn as it draws them.

    Args:
        config: game and protocol.
        num_envs: number of games.

    Raises:
        EnvError: if the package is not installed.
    """

    def __init__(self, config: MinAtar, num_envs: int) -> None:
        rules = _load_game(config.game)
        self._games = [rules.Env(ramping=config.difficulty_ramping) for _ in range(num_envs)]
        shape = tuple(self._games[0].state_shape())
        self._actions = (
            list(self._games[0].minimal_action_set())
            if config.minimal_actions
            else list(range(_ACTIONS))
        )
        self.name = f"MinAtar {config.game}"
        self.num_envs = num_envs
        self.observation_space: gymnasium.spaces.Box = gymnasium.spaces.Box(0, 1, shape, np.uint8)
        self.action_space: ActionSpace = gymnasium.spaces.Discrete(len(self._actions))
        self.frames_per_step = 1
        self.frame_stack = 1
        self.max_episode_steps = config.max_episode_steps
        self._sticky_actions = config.sticky_actions
        self._last_actions = [0] * num_envs
        self._observations = np.zeros((num_envs, *shape), np.uint8)
        self._nobody = np.zeros(num_envs, bool)

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Start a new game in ``rows``; only a seeded one forgets the last action."""
        for row in np.flatnonzero(rows).tolist():
            if seeds[row] >= 0:
                # The game draws from the legacy generator; its stream is part of the game.
                self._games[row].random = np.random.RandomState(seeds[row])
                self._last_actions[row] = 0
            self._games[row].reset()
            self._observations[row] = self._games[row].state()
        return self._observations

    def step(self, actions: np.ndarray, rows: np.ndarray) -> BackendStep:
        """Take one action in every game of ``rows``; each sticks with the given probability."""
        rewards = np.zeros(self.num_envs, np.float32)
        game_over = np.zeros(self.num_envs, bool)
        for row in np.flatnonzero(rows).tolist():
            game = self._games[row]
            action = self._actions[actions[row]]
            if game.random.rand() < self._sticky_actions:
                action = self._last_actions[row]
            self._last_actions[row] = action
            rewards[row], game_over[row] = game.act(action)
            self._observations[row] = game.state()
        return BackendStep(self._observations, rewards, game_over, self._nobody, self._nobody)

    def render(self, row: int, actions: np.ndarray) -> np.ndarray | None:
        """The board in colour, one colour for each channel, later channels on top."""
        del actions  # the board itself is at hand
        board = self._observations[row]
        channels = board.shape[-1]
        topmost = (board * np.arange(1, channels + 1, dtype=np.uint8)).max(axis=-1)
        picture = _palette(channels)[topmost]
        return picture.repeat(_CELL_PIXELS, axis=0).repeat(_CELL_PIXELS, axis=1)

    def close(self) -> None:
        """Nothing is held."""


def _palette(channels: int) -> np.ndarray:
    """uint8 [channels + 1, 3]: black, then evenly spaced hues."""
    hue = np.arange(channels) / channels
    wave = np.cos(2 * np.pi * (hue[:, None] - np.array([0.0, 1 / 3, 2 / 3])))
    colours = np.rint(148 + 107 * wave).astype(np.uint8)
    return np.concatenate([np.zeros((1, 3), np.uint8), colours])


def _load_game(game: str) -> ModuleType:
    """Load the module of one game by its file.

    Importing the package would import matplotlib's pyplot and, where seaborn is missing, log a
    warning to the root logger: nothing that a worker should pay for.
    """
    package = importlib.util.find_spec("minatar")
    if package is None or package.origin is None:
        raise EnvError("MinAtar is not installed; run: pip install MinAtar")
    path = Path(package.origin).parent / "environments" / f"{game}.py"
    spec = importlib.util.spec_from_file_location(f"raylab.rl.envs._minatar_{game}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise EnvError(f"The installed MinAtar has no game {game!r} at {path}.")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
