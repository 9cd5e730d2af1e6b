"""N environments with one contract for the end of an episode, and exact save and restore."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import gymnasium
import numpy as np

from raylab.errors import ConfigError, EnvError
from raylab.rl.envs.action_log import ActionLog
from raylab.rl.envs.backend import ActionSpace, Backend

RESEED_AFTER_STEPS = 10_000
"""Agent steps after which a row is seeded anew, at the next end of a game: bounds a replay."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A whole game that ended."""

    row: int
    episode_return: float  # sum of raw rewards
    length_steps: int  # agent steps
    length_frames: int  # agent steps x frames per step


@dataclass(frozen=True, slots=True)
class Step:
    """What one agent step of N rows gave; arrays are valid until the next step.

    ``terminated`` and ``truncated`` are never set together. Every step is a real transition: a
    finished row is reset at once, without a step in between.
    """

    observations: np.ndarray  # [N, *obs]  of a finished row: the first of its next episode
    rewards: np.ndarray  # float32 [N]  raw, not clipped
    terminated: np.ndarray  # bool [N]  the future is worth nothing
    truncated: np.ndarray  # bool [N]  the future was cut off by a time limit
    final_observations: np.ndarray  # [K, *obs]  true final observations of the truncated rows
    truncated_rows: np.ndarray  # int64 [K]  which rows those are
    episodes: tuple[Episode, ...]  # whole games that ended at this step


class VectorEnv:
    """N environments of one kind, stepped together.

    The seed of a row is a function of (``seed``, row, how often the row was seeded). A row is
    seeded at the first end of a game after ``reseed_after_steps`` agent steps, so that its state
    is a short replay: the seed and the actions since.

    Args:
        backend: the simulators; owned by this object from now on.
        seed: the run's seed, from 0.
        first_row: number of the first row among all rows of the run, where several objects share
            them; the seeds are those that one object of all rows would give.
        reseed_after_steps: agent steps of a row before it is seeded anew.

    Raises:
        ConfigError: if the seed is negative.
    """

    def __init__(
        self,
        backend: Backend,
        seed: int,
        *,
        first_row: int = 0,
        reseed_after_steps: int = RESEED_AFTER_STEPS,
    ) -> None:
        if not 0 <= seed < 2**63:
            raise ConfigError(f"seed={seed} is out of range; give a whole number from 0 on.")
        self._backend = backend
        self._seed = seed
        self._first_row = first_row
        self._reseed_after_steps = reseed_after_steps
        space = backend.action_space
        self._action_shape = (backend.num_envs, *(space.shape or ()))
        self._action_dtype = np.dtype(
            np.float32 if isinstance(space, gymnasium.spaces.Box) else np.int64
        )
        self._action_end = _action_end(space)  # exclusive, None for continuous actions
        self._log = ActionLog(backend.num_envs, self._action_shape[1:], _logged_dtype(space))
        self._everyone = np.ones(backend.num_envs, bool)
        self._seedings = np.full(backend.num_envs, -1, np.int64)  # -1: never reset
        self._returns = np.zeros(backend.num_envs)
        self._lengths = np.zeros(backend.num_envs, np.int64)
        self._diverged_rows: tuple[int, ...] = ()
        self._closed = False
        self._no_rows = np.zeros(0, np.int64)
        self._no_observations = np.zeros(
            (0, *self.observation_space.shape), self.observation_space.dtype
        )
        self._observations = self._no_observations

    @property
    def num_envs(self) -> int:
        """Number of rows, N."""
        return self._backend.num_envs

    @property
    def observation_space(self) -> gymnasium.spaces.Box:
        """Of one row; images are uint8 [H, W, C], everything else float32 [D]."""
        return self._backend.observation_space

    @property
    def action_space(self) -> ActionSpace:
        """Of one row; discrete actions start at 0, continuous ones have one axis."""
        return self._backend.action_space

    @property
    def frames_per_step(self) -> int:
        """Emulator frames in one agent step."""
        return self._backend.frames_per_step

    @property
    def frame_stack(self) -> int:
        """Successive frames in an observation, equal parts of its last axis, the newest last."""
        return self._backend.frame_stack

    @property
    def diverged_rows(self) -> tuple[int, ...]:
        """Rows that the last :meth:`restore` did not bring back to what was saved.

        Empty unless the environment is not a function of its seed and actions on this machine.
        """
        return self._diverged_rows

    def reset(self, seeding: int | None = None) -> np.ndarray:
        """Start a new game in every row, newly seeded.

        Args:
            seeding: number of the seeding, from 0 on, from which the rows' seeds follow; None
                takes the next one of each row.

        Returns:
            The first observations [N, *obs], valid until the next step; images may be a view
            that is not contiguous.
        """
        if seeding is None:
            self._seedings += 1
        else:
            self._seedings[:] = seeding
        self._seed_rows(self._everyone)
        self._log.restart(self._everyone)
        return self._observations

    def step(self, actions: np.ndarray) -> Step:
        """Take one action in every row; finished rows come back with their next game begun.

        Args:
            actions: int [N], int [N, k] or float [N, d], as the action space says.

        Raises:
            EnvError: if an environment raises, the actions do not fit, or reset was not called.
        """
        actions = self._checked(actions)
        self._log.append(actions)
        return self._advance(actions, self._everyone, may_reseed=True)

    def state(self) -> dict[str, np.ndarray]:
        """What :meth:`restore` needs, as flat arrays without Python objects."""
        self._require_reset()
        return {
            "seed": np.array([self._seed], np.int64),
            "seedings": self._seedings.copy(),
            "steps_since_seeding": self._log.steps,
            "actions": self._log.aligned(),
            "episode_returns": self._returns.copy(),
            "episode_lengths": self._lengths.copy(),
            "observation_checksums": self._checksums(),
        }

    def restore(self, state: dict[str, np.ndarray]) -> np.ndarray:
        """Come back to a saved state by seeding every row and replaying its actions.

        The future is bitwise that of the saved environments if they are a function of seed and
        actions; :attr:`diverged_rows` says which rows are not.

        Takes as long as playing the steps of the row that was seeded longest ago.

        Returns:
            The current observations [N, *obs], valid until the next step.

        Raises:
            EnvError: if the state is of another number of environments, seed or action space.
        """
        actions, steps = state["actions"], state["steps_since_seeding"]
        self._check_fits(state)
        self._seedings = state["seedings"].copy()
        self._seed_rows(self._everyone)
        for t, action in enumerate(actions.astype(self._action_dtype)):
            if t > 0:
                self._seed_rows(steps == len(actions) - t)
            self._advance(action, steps >= len(actions) - t, may_reseed=False)
        self._seed_rows(steps == 0)
        self._log.load(actions, steps)
        same = (
            (self._checksums() == state["observation_checksums"])
            & (self._returns == state["episode_returns"])
            & (self._lengths == state["episode_lengths"])
        )
        self._diverged_rows = tuple(np.flatnonzero(~same).tolist())
        return self._observations

    def render(self, row: int = 0) -> np.ndarray | None:
        """A colour picture uint8 [H, W, 3] of one row, or None if the environment has none."""
        self._require_reset()
        return self._backend.render(row, self._log.of_row(row).astype(self._action_dtype))

    def close(self) -> None:
        """Free the simulators; the object cannot be used afterwards."""
        if not self._closed:
            self._closed = True
            self._backend.close()

    def _advance(self, actions: np.ndarray, running: np.ndarray, *, may_reseed: bool) -> Step:
        result = self._backend.step(actions, running)
        self._returns += result.rewards
        self._lengths += running
        cut_off = result.truncated
        if self._backend.max_episode_steps is not None:
            cut_off = cut_off | (self._lengths >= self._backend.max_episode_steps)
        over = result.game_over | cut_off
        terminated = result.game_over | result.life_lost
        truncated = cut_off & ~terminated
        rows, final_observations = self._no_rows, self._no_observations
        episodes: tuple[Episode, ...] = ()
        self._observations = result.observations
        if over.any():
            if truncated.any():
                rows = np.flatnonzero(truncated)
                final_observations = result.observations[rows]
            episodes = tuple(self._episode(int(row)) for row in np.flatnonzero(over))
            self._begin_next_games(over, may_reseed=may_reseed)
        return Step(
            self._observations,
            result.rewards,
            terminated,
            truncated,
            final_observations,
            rows,
            episodes,
        )

    def _begin_next_games(self, over: np.ndarray, *, may_reseed: bool) -> None:
        due = over & (self._log.steps >= self._reseed_after_steps) & may_reseed
        self._seedings += due
        self._observations = self._backend.reset(over, self._row_seeds(due))
        self._log.restart(due)
        self._returns[over] = 0.0
        self._lengths[over] = 0

    def _seed_rows(self, rows: np.ndarray) -> None:
        """Begin new games in ``rows`` from the seeds of their current seeding."""
        if rows.any():
            self._observations = self._backend.reset(rows, self._row_seeds(rows))
            self._returns[rows] = 0.0
            self._lengths[rows] = 0

    def _episode(self, row: int) -> Episode:
        steps = int(self._lengths[row])
        return Episode(row, float(self._returns[row]), steps, steps * self.frames_per_step)

    def _row_seeds(self, rows: np.ndarray) -> np.ndarray:
        """int64 [N]: for each of ``rows`` the seed of its current seeding, else -1."""
        seeds = np.full(self.num_envs, -1, np.int64)
        for row in np.flatnonzero(rows):
            key = (self._first_row + int(row), int(self._seedings[row]))
            word = np.random.SeedSequence(self._seed, spawn_key=key).generate_state(1)[0]
            seeds[row] = word & 0x7FFF_FFFF  # the emulator takes non-negative 32-bit integers
        return seeds

    def _checked(self, actions: np.ndarray) -> np.ndarray:
        """Actions in the canonical type; what does not fit would hang the C++ emulator."""
        self._require_reset()
        actions = np.asarray(actions, self._action_dtype)
        if actions.shape != self._action_shape:
            raise EnvError(
                f"{self._backend.name}: actions have shape {actions.shape}; the shape is "
                f"{self._action_shape} for {self.num_envs} environments with {self.action_space}."
            )
        if self._action_end is None:
            fits = np.isfinite(actions)
        else:
            fits = (actions >= 0) & (actions < self._action_end)
        if not fits.all():
            row = int(np.argwhere(~fits)[0][0])
            raise EnvError(
                f"{self._backend.name}: action {actions[row].tolist()} of row {row} is not in "
                f"{self.action_space}."
            )
        return actions

    def _require_reset(self) -> None:
        if self._closed:
            raise EnvError(f"{self._backend.name}: the environments are closed; make new ones.")
        if self._seedings[0] < 0:
            raise EnvError(f"{self._backend.name}: call reset() or restore() first.")

    def _check_fits(self, state: dict[str, np.ndarray]) -> None:
        saved = (int(state["seed"][0]), state["actions"].shape[1:], state["actions"].dtype)
        own = (self._seed, self._action_shape, self._log.dtype)
        if saved != own:
            raise EnvError(
                f"{self._backend.name}: the saved state has (seed, shape of actions, type) = "
                f"{saved}, these environments have {own}; restore with the configuration and "
                "seed of the run that saved it."
            )

    def _checksums(self) -> np.ndarray:
        """uint32 [N]: a checksum of each row's current observation."""
        rows = np.ascontiguousarray(self._observations)
        return np.array([zlib.crc32(row.tobytes()) for row in rows], np.uint32)


def _action_end(space: ActionSpace) -> np.ndarray | None:
    match space:
        case gymnasium.spaces.Discrete():
            return np.asarray(space.n)
        case gymnasium.spaces.MultiDiscrete():
            return np.asarray(space.nvec)
        case _:
            return None


def _logged_dtype(space: ActionSpace) -> np.dtype:
    end = _action_end(space)
    if end is None:
        return np.dtype(np.float32)
    return np.min_scalar_type(int(end.max()) - 1)
