"""What a simulator must offer so that :class:`raylab.rl.envs.vector.VectorEnv` can run it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import gymnasium
import numpy as np

ActionSpace = gymnasium.spaces.Discrete | gymnasium.spaces.MultiDiscrete | gymnasium.spaces.Box
"""The action spaces that reach a policy: discrete ones start at 0, a Box has one axis."""


class BackendStep(NamedTuple):
    """One step of N rows, before anyone resets the finished ones."""

    observations: np.ndarray  # [N, *obs]  of a finished row: its true last observation
    rewards: np.ndarray  # float32 [N]  raw
    game_over: np.ndarray  # bool [N]  the game ended by its own rules
    truncated: np.ndarray  # bool [N]  the simulator's own time limit cut the game off
    life_lost: np.ndarray  # bool [N]  the return ends here, but the game goes on


class Backend(Protocol):
    """N environments stepped together; nothing is reset unless :meth:`reset` says so.

    Given the same seeds and actions, the future after a seeded reset must be the same: that is
    what exact resume stands on.
    """

    name: str  # for messages: the game or the id
    num_envs: int
    observation_space: gymnasium.spaces.Box  # of one row: uint8 [H, W, C] or float32 [D]
    action_space: ActionSpace  # of one row
    frames_per_step: int
    frame_stack: int  # successive frames in an image, equal parts of its last axis, newest last
    max_episode_steps: int | None  # a limit that VectorEnv shall enforce

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Start a new game in some rows.

        Args:
            rows: bool [N], the rows to reset; all of them the first time.
            seeds: int64 [N], a seed for each row to be seeded, -1 to go on with its generator.

        Returns:
            The observations of all rows [N, *obs], valid until the next call.
        """
        ...

    def step(self, actions: np.ndarray, rows: np.ndarray) -> BackendStep:
        """Take one action in ``rows`` (bool [N]); arrays are valid until the next call.

        Only a replay leaves rows out. They are reset before they are used, so a simulator that
        can step nothing but all of them may do so; one that is free must leave them alone.
        """
        ...

    def render(self, row: int, actions: np.ndarray) -> np.ndarray | None:
        """A colour picture uint8 [H, W, 3] of a row, or None if there is none.

        Args:
            row: which row.
            actions: [n, *action], what the row did since its last seeded reset.
        """
        ...

    def close(self) -> None:
        """Free what the simulators hold."""
        ...
