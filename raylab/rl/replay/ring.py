"""The memory of replay: single frames of each environment in rings, stacks rebuilt by index.

Every environment has a ring of *slots*. A slot holds one frame and, if an action was taken on it,
the action and what came of it. An episode's slots follow each other:

::

    o-3 o-2 o-1  o0 a0 r0   o1 a1 r1   ...   oT aT rT   | next episode
    older frames of the     one slot an agent step      | (a cut-off episode has one more slot
    first observation                                   |  for its true final observation)

so that the ``stack`` frames up to a slot are the observation, and the same frames ``n`` slots later
are what came n steps after, whichever way the environment fills its first observation. A lost life
ends the return and not the stack, as in the environment.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from raylab.errors import ConfigError
from raylab.rl.trajectory import Arrays

_CODEC = pa.Codec("zstd", compression_level=1)  # frames of games shrink by an order of magnitude
_RUNNING, _TERMINATED, _TRUNCATED, _NO_ACTION = range(4)  # what a slot's action led to


class FrameRing:
    """N rings of equal length; each goes on by itself, some or all in a call.

    Args:
        num_envs: number of environments, N.
        slots: length of each ring.
        frame_shape: of one frame, in the layout in which the network stores it.
        frame_dtype: of its elements.
        stack: frames in an observation.
        horizon: how many slots later a window ends; the n of n-step returns.
        action_dtype: the smallest integer type that holds every action.

    Raises:
        ConfigError: the rings are too short to hold a window.
    """

    def __init__(
        self,
        num_envs: int,
        slots: int,
        frame_shape: tuple[int, ...],
        frame_dtype: np.dtype,
        *,
        stack: int,
        horizon: int,
        action_dtype: np.dtype,
    ) -> None:
        window = stack + horizon
        if slots < 2 * window:
            raise ConfigError(
                f"replay holds {slots} agent steps of each of {num_envs} environments, fewer than "
                f"two windows of {window} frames; take capacity={2 * window * num_envs} or more."
            )
        self.num_envs, self.slots, self.stack, self.horizon = num_envs, slots, stack, horizon
        self.frame_shape = frame_shape
        # A window never wraps: its first frames are repeated behind the end of the ring.
        self._row = slots + window - 1
        self._frames = np.zeros((num_envs * self._row, *frame_shape), frame_dtype)
        self._windows = _windows(self._frames, window)
        self._actions = np.zeros((num_envs, slots), action_dtype)
        self._rewards = np.zeros((num_envs, slots), np.float32)
        self._outcomes = np.full((num_envs, slots), _NO_ACTION, np.uint8)
        self._heads = np.zeros(num_envs, np.int64)  # slots written so far, of each ring
        self._rows = np.arange(num_envs)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        arrays = (self._frames, self._actions, self._rewards, self._outcomes)
        return sum(array.nbytes for array in arrays)

    @property
    def heads(self) -> np.ndarray:
        """int64 [N]: slots written so far; position p lies in slot p % slots."""
        return self._heads

    def begin(self, stacks: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Write the first observations [N, stack, *frame] of all environments, or of some.

        What was written before, of games that go on elsewhere or are lost, counts as cut off: its
        newest frame is then the true final one.
        """
        rows = self._rows if rows is None else rows
        begun = rows[self._heads[rows] > self.stack]
        before = (self._heads[begun] - 2) % self.slots
        running = self._outcomes[begun, before] == _RUNNING
        self._outcomes[begun[running], before[running]] = _TRUNCATED
        self._append_stacks(rows, stacks)

    def add(
        self,
        actions: np.ndarray,
        rewards: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
        frames: np.ndarray,
        final_frames: np.ndarray,
        reset_rows: np.ndarray,
        reset_stacks: np.ndarray,
        rows: np.ndarray | None = None,
    ) -> None:
        """Add one agent step of every environment, or of some.

        Args:
            actions: [N], taken on the newest observations.
            rewards: [N], raw.
            terminated: bool [N], the future is worth nothing.
            truncated: bool [N], the future was cut off.
            frames: [N, *frame], the newest frame of the observation after the step.
            final_frames: [K, *frame], of the true final observations of the truncated rows.
            reset_rows: int64 [R], whose game ended: ``frames`` belongs to the next one.
            reset_stacks: [R, stack, *frame], the first observations of those games.
            rows: int64 [N], which environments these are, if not all; the numbers in
                ``reset_rows`` are places among them.
        """
        rows = self._rows if rows is None else rows
        slots = (self._heads[rows] - 1) % self.slots
        self._actions[rows, slots] = actions
        self._rewards[rows, slots] = rewards
        self._outcomes[rows, slots] = np.where(
            terminated, _TERMINATED, np.where(truncated, _TRUNCATED, _RUNNING)
        )
        if len(reset_rows):
            self._append(rows[truncated], final_frames)
            self._append_stacks(rows[reset_rows], reset_stacks)
            going_on = np.delete(np.arange(len(rows)), reset_rows)
            self._append(rows[going_on], frames[going_on])
        else:
            self._append(rows, frames)

    def oldest(self) -> np.ndarray:
        """int64 [N]: first position whose whole window is still there."""
        return np.maximum(self._heads - self.slots, 0) + self.stack - 1

    def newest(self) -> np.ndarray:
        """int64 [N]: last position whose window has been written."""
        return self._heads - 1 - self.horizon

    def has_action(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Whether these positions are transitions, and not frames before or after an episode."""
        return np.asarray(self._outcomes[rows, positions % self.slots] != _NO_ACTION)

    def windows(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Copy the frames [B, stack + horizon, *frame] around positions.

        The first ``stack`` are the observation; those k later are the observation k slots later.
        Behind the end of an episode they are another's.
        """
        start = rows * self._row + (positions - self.stack + 1) % self.slots
        shape = (len(rows), self.stack + self.horizon, *self.frame_shape)
        return np.asarray(self._windows[start]).reshape(shape)

    def actions(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """int64 [B]: the actions that were taken."""
        return self._actions[rows, positions % self.slots].astype(np.int64)

    def outcomes(
        self, rows: np.ndarray, positions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rewards (raw), terminated and truncated [B, horizon] from positions on."""
        slots = (positions[:, None] + np.arange(self.horizon)) % self.slots
        places = rows[:, None] * self.slots + slots
        outcomes = self._outcomes.take(places)
        return self._rewards.take(places), outcomes == _TERMINATED, outcomes == _TRUNCATED

    def state(self) -> Arrays:
        """Return a copy of what was written, the frames of each ring packed."""
        written = min(int(self._heads.max()), self.slots)
        frames = self._frames.reshape(self.num_envs, self._row, *self.frame_shape)
        packed = {
            f"frames.{row}": np.frombuffer(_CODEC.compress(ring[:written]), np.uint8)
            for row, ring in enumerate(frames)
        }
        return packed | {
            "actions": self._actions[:, :written].copy(),
            "rewards": self._rewards[:, :written].copy(),
            "outcomes": self._outcomes[:, :written].copy(),
            "heads": self._heads.copy(),
        }

    def restore(self, state: Arrays) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            ConfigError: the state is of rings of another size.
        """
        written = min(int(state["heads"].max()), self.slots)
        if state["actions"].shape != (self.num_envs, written):
            raise ConfigError(
                f"saved replay has shape {state['actions'].shape}, this one has "
                f"{(self.num_envs, written)}; restore with the configuration that saved it."
            )
        repeated = self._row - self.slots
        for row, ring in enumerate(self._frames.reshape(self.num_envs, self._row, -1)):
            filled = ring[:written]
            packed = pa.py_buffer(np.ascontiguousarray(state[f"frames.{row}"]))
            unpacked = _CODEC.decompress(packed, filled.nbytes)
            filled[:] = np.frombuffer(unpacked, ring.dtype).reshape(filled.shape)
            ring[self.slots :] = ring[:repeated]
        for name in ("actions", "rewards", "outcomes"):
            getattr(self, f"_{name}")[:, :written] = state[name]
        self._heads[:] = state["heads"]

    def _append_stacks(self, rows: np.ndarray, stacks: np.ndarray) -> None:
        for age in range(self.stack):
            self._append(rows, stacks[:, age])

    def _append(self, rows: np.ndarray, frames: np.ndarray) -> None:
        """Write a frame into the next slot of some rings."""
        slots = self._heads[rows] % self.slots
        places = rows * self._row + slots
        self._frames[places] = frames
        wraps = slots < self._row - self.slots
        if wraps.any():
            self._frames[places[wraps] + self.slots] = frames[wraps]
        self._outcomes[rows, slots] = _NO_ACTION
        self._heads[rows] += 1


def _windows(frames: np.ndarray, length: int) -> np.ndarray:
    """Every run of ``length`` successive frames as one row, overlapping: a view."""
    flat = frames.reshape(len(frames), -1)
    stride = flat.strides[0]
    return np.lib.stride_tricks.as_strided(
        flat,
        (len(flat) - length + 1, length * flat.shape[1]),
        (stride, flat.itemsize),
        writeable=False,
    )
