"""The shards of a run's replay, as its supervisor sees them: one a place, replaced when it fails.

The supervisor makes every call, so it decides their order: between reading the masses and drawing by
them nothing else is asked of a shard, and what is drawn follows exactly from what was read. Pixels
stay in the object store; the supervisor sees masses and receipts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch

from raylab import runtime
from raylab.errors import ConfigError, DataLostError, RaylabError, RoleDiedError, RoleTimeoutError
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.job import Job
from raylab.rl.placements.places import Reservation
from raylab.rl.placements.watch import CHECKPOINT_S, PREPARE_S, Pace, Watch
from raylab.rl.replay import Mass, divide
from raylab.rl.roles.shard_role import REPLAY_STREAM, ShardRole
from raylab.rl.trajectory import Arrays

MAX_FAILURES: Final = 3
"""Of one place without an answer in between; one more ends the attempt."""

_FIRST_S: Final = 300.0  # limit of a first call, about whose length nothing is known


@dataclass(frozen=True, slots=True)
class Streams:
    """Which fragment goes to which shard: the environments of all workers, laid end to end."""

    workers: int
    shards: int
    envs_per_worker: int

    def __post_init__(self) -> None:
        few, many = sorted((self.workers, self.shards))
        if many % few:
            raise ConfigError(
                f"{self.workers} workers cannot write to {self.shards} shards of replay: one of the "
                f"numbers must divide the other; try --placement.replay-shards {self.workers}."
            )
        if self.envs_per_worker % self.pieces:
            raise ConfigError(
                f"a worker's {self.envs_per_worker} environments cannot be shared by {self.pieces} "
                f"shards of replay; try --placement.envs-per-worker {self.pieces}."
            )

    @property
    def pieces(self) -> int:
        """Fragments into which a worker cuts what it plays."""
        return max(1, self.shards // self.workers)

    @property
    def of_a_shard(self) -> int:
        """Streams that a shard is written by."""
        return self.workers * self.pieces // self.shards

    @property
    def envs_of_a_shard(self) -> int:
        """Environments that write to a shard."""
        return self.workers * self.envs_per_worker // self.shards

    def place(self, worker: int, piece: int) -> tuple[int, int]:
        """Return the shard of a worker's piece, and which of its streams it is."""
        return divmod(worker * self.pieces + piece, self.of_a_shard)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a shard whose end was not waited for yet."""

    ref: runtime.Ref
    agent_steps: int = 0  # that it brings


@dataclass(slots=True)
class Place:
    """The place of a shard."""

    index: int
    number: int  # of the shard, counted over all that the run has had
    role: runtime.Role
    pace: Pace
    mass: Mass = Mass(0.0, 0)  # noqa: RUF009 - immutable
    open: deque[Call] = field(default_factory=deque)  # oldest first
    failures: int = 0  # since the last answer


@dataclass(frozen=True, slots=True)
class Drawn:
    """A round that shards were asked for."""

    due: tuple[int, ...]  # agent steps at which each minibatch is due
    masses: tuple[Mass, ...]  # read in this round
    parts: np.ndarray  # int64 [minibatches, shards]
    numbers: tuple[int, ...]  # of the shards
    receipts: tuple[runtime.Ref | None, ...]  # bytes of each part
    samples: tuple[runtime.Ref | None, ...]  # and the part


class ReplaySide:
    """Shards on their places.

    Args:
        job: what is trained, and with how many shards.
        watch: waits and tells.
        nodes: where the shards go.
        streams: who writes where.
    """

    def __init__(self, job: Job, watch: Watch, nodes: Reservation, streams: Streams) -> None:
        self._job = job
        self._watch = watch
        self._nodes = nodes
        self._streams = streams
        assert isinstance(job.algorithm, DQN)  # noqa: S101 - the team has checked it
        self._algorithm = job.algorithm
        word = np.random.SeedSequence(job.seed, spawn_key=(REPLAY_STREAM,)).generate_state(1)[0]
        self._generator = torch.Generator().manual_seed(int(word))
        self.started = 0  # shards that the run has had
        self.lost = 0  # of them in this attempt
        self.dropped_fragments = 0
        self.dropped_agent_steps = 0
        self.places: list[Place] = []

    def start(self) -> list[runtime.Ref]:
        """Start the processes; return what tells that they stand."""
        for index in range(self._job.layout.replay_shards):
            self.places.append(self._new_place(index))
        return [place.role.submit("here") for place in self.places]

    def prepare(self) -> None:
        """Let every shard allocate its memory; returns when all have."""
        for place in self.places:
            place.open.append(Call(place.role.submit("prepare", place.number)))
        self.read()

    def append(self, worker: int, pieces: Sequence[runtime.Ref], agent_steps: int) -> None:
        """Hand a worker's fragments to their shards; they have so many agent steps together."""
        for piece, fragment in enumerate(pieces):
            shard, stream = self._streams.place(worker, piece)
            place = self.places[shard]
            call = place.role.submit("append", fragment, stream)
            place.open.append(Call(call, agent_steps // len(pieces)))

    def read(self) -> Mass:
        """Wait until the shards have done what they were asked for, and read their masses.

        Returns:
            That of all together. A shard that fails is replaced, by an empty one.
        """
        asked = [place.role.submit("mass") for place in self.places]
        for place, mass in zip(self.places, asked, strict=True):
            try:
                self._finish(place)
                place.mass = self._watch.paced(mass, place.pace)
                place.failures = 0
            except (RoleDiedError, RoleTimeoutError) as error:
                self._replace(place, error)
        return sum((place.mass for place in self.places), Mass(0.0, 0))

    def draw(self, due: Sequence[int]) -> Drawn | None:
        """Ask for a minibatch for each agent step in ``due``; None where too little is there.

        The masses are read first, and nothing is asked of a shard in between.
        """
        total = self.read()
        if total.count < self._algorithm.learning_starts:
            return None
        masses = tuple(place.mass for place in self.places)
        parts = divide(masses, len(due), self._algorithm.batch_size, self._generator)
        asked: list[tuple[runtime.Ref | None, ...]] = [
            place.role.submit_parts("draw", int(count), parts=2) if count else (None, None)
            for place, count in zip(self.places, parts.sum(axis=0), strict=True)
        ]
        receipts, samples = zip(*asked, strict=True)
        numbers = tuple(place.number for place in self.places)
        return Drawn(tuple(due), masses, parts, numbers, receipts, samples)

    def gather(self, drawn: Drawn) -> tuple[list[runtime.Ref | None], int]:
        """Wait for a round; return its samples, None for what is lost, and their bytes."""
        samples, nbytes = list(drawn.samples), 0
        for place, receipt in zip(self.places, drawn.receipts, strict=True):
            if receipt is None:
                continue
            try:
                if place.number == drawn.numbers[place.index]:
                    nbytes += self._watch.paced(receipt, place.pace)
                    continue
            except (RoleDiedError, RoleTimeoutError) as error:
                self._replace(place, error)
            samples[place.index] = None
        return samples, nbytes

    def set_masses(self, drawn: Drawn, masses: Sequence[runtime.Ref]) -> None:
        """Write the new masses of a round back to the shards that it came from."""
        for place, new in zip(self.places, masses, strict=True):
            if place.number == drawn.numbers[place.index] and drawn.samples[place.index]:
                place.open.append(Call(place.role.submit("set_masses", new)))

    def state(self, limit_bytes: float) -> Arrays:
        """Return the state of all shards and of what divides among them.

        Without the shards where one is larger than its part of the limit, or fails.
        """
        limit = limit_bytes / len(self.places)
        asked = [place.role.submit("state", limit) for place in self.places]
        arrays: Arrays = {}
        for place, state in zip(self.places, asked, strict=True):
            try:
                one: Arrays = self._watch.result(state, CHECKPOINT_S)
            except (RoleDiedError, RoleTimeoutError):
                return {}  # the next round replaces it
            if not one:
                return {}
            arrays |= {f"{place.index}.{name}": array for name, array in one.items()}
        division = self._generator.get_state().numpy().copy()
        numbers = np.array([place.number for place in self.places])
        return {**arrays, "division": division, "numbers": numbers}

    def restore(self, state: Arrays) -> bool:
        """Take over what :meth:`state` returned; False if it is of another number of shards."""
        numbers = state.get("numbers", np.zeros(0, np.int64)).tolist()
        if len(numbers) != len(self.places):
            return False
        self._generator.set_state(torch.from_numpy(state["division"].copy()))
        asked = []
        for place, number in zip(self.places, numbers, strict=True):
            prefix = f"{place.index}."
            place.number = number
            part = {n.removeprefix(prefix): a for n, a in state.items() if n.startswith(prefix)}
            asked.append(place.role.submit("restore", part))
        for answer in asked:
            self._watch.result(answer, CHECKPOINT_S)
        self.started = max(self.started, *(number + 1 for number in numbers))
        return True

    def kill(self) -> None:
        """End all processes."""
        for place in self.places:
            place.role.kill()

    def _finish(self, place: Place) -> None:
        """Wait for the open calls of a shard; fragments that were lost with a node are counted."""
        while place.open:
            call = place.open[0]
            try:
                if call.ref.method == "prepare":
                    self._watch.result(call.ref, PREPARE_S)
                else:
                    self._watch.paced(call.ref, place.pace)
            except DataLostError as error:
                if call.agent_steps:
                    self._watch.message(f"{error} The fragment is dropped.")
                    self._watch.inexact("a fragment was lost with its node")
                    self.dropped_fragments += 1
                    self.dropped_agent_steps += call.agent_steps
            place.open.popleft()

    def _replace(self, place: Place, error: RaylabError) -> None:
        """Kill a shard and put an empty one in its place."""
        failures = place.failures + 1
        if failures > MAX_FAILURES:
            raise error
        self.lost += 1
        self._watch.message(f"{error} An empty shard takes its place.")
        self._watch.inexact(f"{place.role.role} was lost, with what it remembered")
        place.role.kill()
        new = self._new_place(place.index)
        new.failures = failures
        new.open.append(Call(new.role.submit("prepare", new.number)))
        self.places[place.index] = new

    def _new_place(self, index: int) -> Place:
        job, layout = self._job, self._job.layout
        role = runtime.actor(
            ShardRole,
            job.env,
            job.algorithm,
            job.seed,
            self._streams.envs_of_a_shard,
            self._streams.of_a_shard,
            self._algorithm.capacity // layout.replay_shards,
            role=f"replay shard {index} of {job.run}",
            num_cpus=layout.shard_cores,
            threads=1,
            **self._nodes.options(self._nodes.places.shards[index]),
        )
        self.started += 1
        return Place(index, self.started - 1, role, Pace(_FIRST_S, layout.patience_s))
