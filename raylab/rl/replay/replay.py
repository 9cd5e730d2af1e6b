"""Replay: transitions of n steps, drawn uniformly or by priority, from rings of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from raylab.errors import ConfigError
from raylab.rl.envs import Step
from raylab.rl.replay.fragment import ReplayFragment
from raylab.rl.replay.ring import FrameRing
from raylab.rl.replay.sample import Mass, Sample, split_frames
from raylab.rl.replay.sum_tree import SumTree
from raylab.rl.targets import n_step_returns
from raylab.rl.trajectory import Arrays


@dataclass(frozen=True, slots=True)
class ReplaySpec:
    """What a replay holds and how it is drawn from."""

    num_envs: int
    capacity: int  # agent steps, of all environments together
    stored_shape: tuple[int, ...]  # of an observation as the network stores it
    stored_dtype: np.dtype
    stack: int  # frames in an observation, equal parts of its last axis
    num_actions: int
    n_step: int
    discount: float  # per agent step
    sign_rewards: bool  # learn from the sign of rewards; what is stored stays raw
    prioritized: bool

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Of one frame as it is stored."""
        *outer, last = self.stored_shape
        return (*outer, last // self.stack)


class Replay:
    """Remembers the newest agent steps of N environments.

    A transition can be drawn from the time when its ``n_step`` next frames are known until its
    oldest frame is overwritten. New ones get the largest mass so far. The same calls and generator
    give the same samples.

    Args:
        spec: sizes, and how to draw.

    Raises:
        ConfigError: the capacity is too small.
    """

    def __init__(self, spec: ReplaySpec) -> None:
        self.spec = spec
        self._ring = FrameRing(
            spec.num_envs,
            spec.capacity // spec.num_envs,
            spec.frame_shape,
            spec.stored_dtype,
            stack=spec.stack,
            horizon=spec.n_step,
            action_dtype=np.min_scalar_type(spec.num_actions - 1),
        )
        self._is_drawable = np.zeros((spec.num_envs, self._ring.slots), bool)
        self._count = 0
        self._tree = SumTree(self._is_drawable.size) if spec.prioritized else None
        self._largest_mass = 1.0
        # Positions below were made drawable, and below were taken out again.
        self._entered = np.full(spec.num_envs, spec.stack - 1)
        self._left = np.full(spec.num_envs, spec.stack - 1)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        tree = 0 if self._tree is None else self._tree.nbytes
        return self._ring.nbytes + self._is_drawable.nbytes + tree

    @property
    def mass(self) -> Mass:
        """What can be drawn from just now."""
        mass = float(self._count) if self._tree is None else self._tree.total
        return Mass(mass, self._count)

    def begin(self, stored: np.ndarray) -> None:
        """Take the first observations [N, *stored]."""
        self._ring.begin(split_frames(stored, self.spec.stack))
        self._follow()

    def append(self, fragment: ReplayFragment, rows: np.ndarray, *, continues: bool) -> None:
        """Remember the agent steps of some of the environments.

        Args:
            fragment: of N environments.
            rows: int64 [N], which these are.
            continues: it goes on where the last one of these rows ended; else games begin.
        """
        if not continues:
            self._ring.begin(fragment.first, rows)
        finals, begun = 0, 0
        for t, truncated in enumerate(fragment.truncated):
            last = finals + int(truncated.sum())
            end = int(np.searchsorted(fragment.begun[:, 0], t, side="right"))
            self._ring.add(
                fragment.actions[t],
                fragment.rewards[t],
                fragment.terminated[t],
                truncated,
                fragment.frames[t],
                fragment.finals[finals:last],
                fragment.begun[begun:end, 1],
                fragment.begun_stacks[begun:end],
                rows,
            )
            self._follow()
            finals, begun = last, end

    def add(
        self, actions: np.ndarray, step: Step, stored: np.ndarray, final_stored: np.ndarray
    ) -> None:
        """Remember one agent step of every environment.

        Args:
            actions: [N], taken on the observations that came last.
            step: what they led to.
            stored: [N, *stored], the observations after the step.
            final_stored: [K, *stored], the true final observations of the truncated rows.
        """
        stacks = split_frames(stored, self.spec.stack)
        reset_rows = np.array(sorted(episode.row for episode in step.episodes), np.int64)
        self._ring.add(
            actions,
            step.rewards,
            step.terminated,
            step.truncated,
            stacks[:, -1],
            split_frames(final_stored, self.spec.stack)[:, -1],
            reset_rows,
            stacks[reset_rows],
        )
        self._follow()

    def sample(self, count: int, generator: torch.Generator) -> Sample:
        """Draw transitions, with replacement.

        Raises:
            ConfigError: there is none to draw.
        """
        if self._count == 0:
            raise ConfigError("replay is empty; add agent steps (more than n_step) before sampling")
        spec, ring = self.spec, self._ring
        if self._tree is None:
            rows, positions = self._draw_uniformly(count, generator)
            masses = np.ones(count)
        else:
            rows, positions, masses = self._draw_by_mass(self._tree, count, generator)
        rewards, terminated, truncated = ring.outcomes(rows, positions)
        returns, discounts, lengths = n_step_returns(
            np.sign(rewards) if spec.sign_rewards else rewards,
            terminated,
            truncated,
            spec.discount,
        )
        return Sample(
            frames=ring.windows(rows, positions),
            actions=ring.actions(rows, positions),
            returns=returns,
            discounts=discounts,
            lengths=lengths,
            masses=masses,
            keys=positions * spec.num_envs + rows,
            stack=spec.stack,
            drawn_from=self.mass,
        )

    def set_masses(self, keys: np.ndarray, masses: np.ndarray) -> None:
        """Give drawn transitions new masses; those that were overwritten since are left out."""
        if self._tree is None or len(keys) == 0:
            return
        positions, rows = np.divmod(keys, self.spec.num_envs)
        there = (positions >= self._left[rows]) & (positions < self._entered[rows])
        leaves = rows * self._ring.slots + positions % self._ring.slots
        self._tree.set(leaves[there], masses[there])
        self._largest_mass = max(self._largest_mass, float(masses.max()))

    def state(self) -> Arrays:
        """Return a copy of all that :meth:`restore` needs."""
        state = self._ring.state()
        written = state["actions"].shape[1]
        state["is_drawable"] = self._is_drawable[:, :written].copy()
        if self._tree is not None:
            masses = self._tree.masses.reshape(self._is_drawable.shape)
            state["masses"] = masses[:, :written].copy()
            state["largest_mass"] = np.array([self._largest_mass])
        return state

    def restore(self, state: Arrays) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            ConfigError: the state is of a replay of another size.
        """
        self._ring.restore(state)
        written = state["actions"].shape[1]
        self._is_drawable[:, :written] = state["is_drawable"]
        self._count = int(self._is_drawable.sum())
        self._entered = np.maximum(self._ring.newest() + 1, self.spec.stack - 1)
        self._left = self._ring.oldest()
        if self._tree is not None:
            masses = np.zeros(self._is_drawable.shape)
            masses[:, :written] = state["masses"]
            self._tree.load(masses.reshape(-1))
            self._largest_mass = float(state["largest_mass"][0])

    def _follow(self) -> None:
        """Take out what is overwritten, let in what is complete."""
        oldest = self._ring.oldest()
        while len(rows := np.flatnonzero(self._left < oldest)):
            self._switch(rows, self._left[rows], to=False)
            self._left[rows] += 1
        newest = self._ring.newest()
        while len(rows := np.flatnonzero(self._entered <= newest)):
            positions = self._entered[rows]
            with_action = self._ring.has_action(rows, positions)
            self._switch(rows[with_action], positions[with_action], to=True)
            self._entered[rows] += 1

    def _switch(self, rows: np.ndarray, positions: np.ndarray, *, to: bool) -> None:
        slots = positions % self._ring.slots
        self._count += (1 if to else -1) * int((self._is_drawable[rows, slots] != to).sum())
        self._is_drawable[rows, slots] = to
        if self._tree is not None:
            masses = np.full(len(rows), self._largest_mass if to else 0.0)
            self._tree.set(rows * self._ring.slots + slots, masses)

    def _draw_uniformly(
        self, count: int, generator: torch.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw places until each is a transition: uniform over all of them."""
        first, spans = self._left, self._entered - self._left
        longest = int(spans.max())
        rows = np.empty(count, np.int64)
        positions = np.empty(count, np.int64)
        open_ = np.arange(count)
        while len(open_):
            points = _uniform(2 * len(open_), generator).reshape(2, -1)
            row = (points[0] * self.spec.num_envs).astype(np.int64)
            offset = (points[1] * longest).astype(np.int64)
            position = first[row] + offset
            rows[open_], positions[open_] = row, position
            is_there = self._is_drawable[row, position % self._ring.slots]
            open_ = open_[~((offset < spans[row]) & is_there)]
        return rows, positions

    def _draw_by_mass(
        self, tree: SumTree, count: int, generator: torch.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw one from each of ``count`` equal ranges of mass (Schaul et al. 2016, B.2.1).

        They come in random order, so that a part of them is no worse than all.
        """
        ranges = torch.randperm(count, generator=generator).numpy()
        points = (ranges + _uniform(count, generator)) * (tree.total / count)
        leaves = tree.find(np.minimum(points, np.nextafter(tree.total, 0.0)))
        rows, slots = np.divmod(leaves, self._ring.slots)
        last = self._entered[rows] - 1
        positions = last - (last - slots) % self._ring.slots
        return rows, positions, tree.masses[leaves]


def _uniform(count: int, generator: torch.Generator) -> np.ndarray:
    return torch.rand(count, dtype=torch.float64, generator=generator).numpy()
