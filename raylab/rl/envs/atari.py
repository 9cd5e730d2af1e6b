"""Atari through ``ale_py.AtariVectorEnv``: emulation, skipping and stacking in C++ threads."""

from __future__ import annotations

import gymnasium
import numpy as np
from ale_py.vector_env import AtariVectorEnv

from raylab.errors import EnvError
from raylab.rl.cores import one_for_each_core
from raylab.rl.envs.atari_replay import AtariReplay
from raylab.rl.envs.backend import ActionSpace, BackendStep
from raylab.rl.envs.config import Atari

# The emulator's own time limit drops the last frame of a cut game, so VectorEnv keeps the limit
# and the emulator gets one that is never reached (twice of it still fits its 32-bit counter).
_NEVER = 2**30


class AtariBackend:
    """N games in the emulator's thread pool; nothing is copied on this side of it.

    A lost life is seen in the counter of lives, not in the emulator's ``terminated``: with
    ``life_loss_info`` that flag means either a lost life or the end of the game, and
    ``episodic_life`` resets the whole game. Without both it means the end of the game alone.

    Args:
        config: game and protocol.
        num_envs: number of games.
        num_threads: threads of the emulator.

    Raises:
        EnvError: if the emulator does not start.
    """

    def __init__(self, config: Atari, num_envs: int, num_threads: int) -> None:
        rules = config.rules
        try:
            self._games = AtariVectorEnv(
                config.game,
                num_envs,
                num_threads=num_threads,
                thread_affinity_offset=0 if one_for_each_core(num_threads) else -1,
                max_num_frames_per_episode=_NEVER,
                repeat_action_probability=rules.sticky_actions,
                full_action_space=rules.full_action_set,
                autoreset_mode="NextStep",  # every finished row is reset before a next step
                img_height=config.screen_size,
                img_width=config.screen_size,
                stack_num=config.stack,
                frameskip=config.frame_skip,
                noop_max=rules.noop_max,
                episodic_life=False,
                life_loss_info=False,
                reward_clipping=False,
                use_fire_reset=rules.fire_reset,
            )
        except Exception as error:
            raise EnvError(f"The game {config.game!r} does not start: {error}") from error
        self.name = f"Atari {config.game}"
        self.num_envs = num_envs
        self.observation_space: gymnasium.spaces.Box = gymnasium.spaces.Box(
            0, 255, (config.screen_size, config.screen_size, config.stack), np.uint8
        )
        actions = self._games.ale.get_action_set()
        self.action_space: ActionSpace = gymnasium.spaces.Discrete(len(actions))
        self.frames_per_step = config.frame_skip
        self.frame_stack = config.stack
        self.max_episode_steps: int | None = config.max_episode_steps
        self._config = config
        self._life_loss_terminates = rules.life_loss_terminates
        self._lives = np.zeros(num_envs, np.int32)
        self._nobody = np.zeros(num_envs, bool)
        self._seeds = np.full(num_envs, -1, np.int64)
        # For pictures: frames that passed before the first action, of each game since seeding.
        self._start_frames: list[list[int]] = [[] for _ in range(num_envs)]
        self._replays: dict[int, AtariReplay] = {}

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Start a new game in ``rows``; a seeded one takes 80 ms, another 4."""
        observations, info = self._games.reset(seed=seeds[rows], options={"reset_mask": rows})
        self._lives = info["lives"]
        frames = info["episode_frame_number"]
        for row in np.flatnonzero(rows):
            if seeds[row] >= 0:
                self._seeds[row] = seeds[row]
                self._start_frames[row].clear()
                self._replays.pop(int(row), None)
            self._start_frames[row].append(int(frames[row]))
        return _images(observations)

    def step(self, actions: np.ndarray, rows: np.ndarray) -> BackendStep:
        """Hold one action for ``frame_skip`` frames in every game."""
        del rows  # the emulator steps all of its games
        observations, rewards, game_over, _, info = self._games.step(actions)
        life_lost = self._nobody
        if self._life_loss_terminates:
            lives = info["lives"]
            life_lost = (lives < self._lives) & (lives > 0) & ~game_over
            self._lives = lives
        return BackendStep(
            _images(observations), rewards.astype(np.float32), game_over, self._nobody, life_lost
        )

    def render(self, row: int, actions: np.ndarray) -> np.ndarray | None:
        """The colour screen uint8 [210, 160, 3], from a second emulator that replays the row."""
        if row not in self._replays:
            self._replays[row] = AtariReplay(self._config, int(self._seeds[row]))
        return self._replays[row].screen(actions, self._start_frames[row])

    def close(self) -> None:
        """End the emulator's threads."""
        self._replays.clear()
        self._games.close()
        del self._games  # only its destructor ends the threads


def _images(observations: np.ndarray) -> np.ndarray:
    """[N, stack, H, W] -> [N, H, W, stack], a view."""
    return observations.transpose(0, 2, 3, 1)
