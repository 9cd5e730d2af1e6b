"""The rollout workers of a run, as its supervisor sees them: one a seat, replaced when it fails.

A seat holds one worker at a time, and the calls that the worker has not answered yet, oldest
first. A worker that dies, hangs or whose environment raises is killed, and another one takes its
seat and its open calls; what the first one may still have on its way is nobody's any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from raylab import runtime
from raylab.errors import DataLostError, EnvError, RaylabError, RoleDiedError, RoleTimeoutError
from raylab.rl.job import Job
from raylab.rl.placements.places import Reservation
from raylab.rl.placements.watch import PREPARE_S, RESTORE_S, Pace, Watch
from raylab.rl.roles.rollout_worker import RolloutWorker
from raylab.rl.roles.worker import Collected, Worker
from raylab.rl.trajectory import Arrays

MAX_FAILURES: Final = 3
"""Of one seat without a fragment in between; one more ends the attempt."""

_FIRST_S: Final = 300.0  # limit of a first fragment, about whose length nothing is known


@dataclass(slots=True)
class Call:
    """A call that a worker has not answered yet; the first of its references tells that it has."""

    method: str
    refs: tuple[runtime.Ref, ...]


@dataclass(slots=True)
class Seat:
    """The place of a worker."""

    index: int
    number: int  # of the worker, counted over all that the run has had
    role: runtime.Role
    pace: Pace  # of its fragments
    state: runtime.Ref | Arrays | None = None  # of its games behind the last fragment
    calls: deque[Call] = field(default_factory=deque)
    since_s: float = 0.0  # when the oldest call became the oldest
    failures: int = 0  # since the last fragment
    deaths: int = 0  # those of them in which its games had begun

    @property
    def open_fragments(self) -> int:
        """Fragments that the worker was asked for and that have not come."""
        return sum(call.method == "collect" for call in self.calls)


@dataclass(frozen=True, slots=True)
class Filled:
    """What a worker has collected in one call: a fragment, or its pieces by environments."""

    seat: Seat
    collected: Collected
    pieces: tuple[runtime.Ref, ...]

    @property
    def fragment(self) -> runtime.Ref:
        """The only piece."""
        [fragment] = self.pieces
        return fragment


@dataclass(slots=True)
class Counts:
    """What went wrong in an attempt."""

    workers_replaced: int = 0
    environment_errors: int = 0
    fragments_dropped: int = 0

    def metrics(self) -> dict[str, float]:
        """The counts by the names of metrics."""
        return {f"faults/{name}": float(getattr(self, name)) for name in self.__slots__}


class Crew:
    """Workers on their seats.

    Args:
        job: what is trained, and by how many workers.
        watch: waits and tells.
        nodes: where the workers go.
        is_exact: who replaces a worker takes over its games where it left them, and plays them
            as it would have; otherwise new games begin.
        worker: the class of the workers.
        pieces: fragments that a call of ``collect`` returns.
    """

    def __init__(
        self,
        job: Job,
        watch: Watch,
        nodes: Reservation,
        *,
        is_exact: bool,
        worker: type[Worker[Any]] = RolloutWorker,
        pieces: int = 1,
    ) -> None:
        self._job = job
        self._nodes = nodes
        self._worker = worker
        self._pieces = pieces
        self._watch = watch
        self._is_exact = is_exact
        self._weights: tuple[Any, ...] = ()  # arguments of collect: newest version, weights, ...
        self.started = 0  # workers that the run has had
        self.counts = Counts()
        self.seats: list[Seat] = []

    def start(self) -> list[runtime.Ref]:
        """Start the processes; return what tells that they stand."""
        for index in range(self._job.layout.workers):
            pace = Pace(_FIRST_S, self._job.layout.patience_s)
            self.seats.append(Seat(index, self._new_number(), self._start_worker(index), pace))
        return [seat.role.submit("here") for seat in self.seats]

    def prepare(self) -> None:
        """Let every worker build environments and policy; returns when all have."""
        for seat in self.seats:
            self._prepare(seat)
        self._finish_calls()

    def take_over(self, numbers: Sequence[int], states: Sequence[Arrays]) -> list[str]:
        """Bring back the games of a checkpoint; return what did not come back exactly.

        Args:
            numbers: of the workers whose games these were.
            states: of their games; one a seat.
        """
        for seat, number, state in zip(self.seats, numbers, states, strict=True):
            seat.number, seat.state = number, state
            self._prepare(seat)
        return [reason for reasons in self._finish_calls() for reason in reasons]

    def begin_new_games(self, started: int) -> None:
        """Begin games that none of the workers played which were started before."""
        self.started = max(self.started, started)
        for seat in self.seats:
            seat.number, seat.state = self._new_number(), None
            self._prepare(seat)
        self._finish_calls()

    def publish(self, version: int, weights: runtime.Ref, *further: int) -> None:
        """Set the weights that travel with calls from now on, and what else ``collect`` takes."""
        self._weights = (version, weights, *further)

    def collect(self, seat: Seat) -> None:
        """Ask a worker for one more fragment, by the newest weights."""
        self._submit(seat, "collect", *self._weights, parts=2 + self._pieces)

    def poll(self, also: Sequence[runtime.Ref] = ()) -> tuple[list[Filled], list[runtime.Ref]]:
        """Wait some seconds at most for answers, and replace the workers that failed.

        Args:
            also: other references to wait for.

        Returns:
            The fragments that came, in the order of seats, and which of ``also`` are ready.

        Raises:
            RaylabError: a seat failed again and again: the cause of the last time.
        """
        answers, others = self._poll(also)
        return [
            Filled(seat, answer, call.refs[1:-1])
            for seat, call, answer in answers
            if call.method == "collect"
        ], others

    def kill(self) -> None:
        """End all processes."""
        for seat in self.seats:
            seat.role.kill()

    def _finish_calls(self) -> list[Any]:
        """Wait until nothing is open; return the answers to ``restore``."""
        restored = []
        while any(seat.calls for seat in self.seats):
            answers, _ = self._poll(())
            restored += [answer for _, call, answer in answers if call.method == "restore"]
        return restored

    def _poll(
        self, also: Sequence[runtime.Ref]
    ) -> tuple[list[tuple[Seat, Call, Any]], list[runtime.Ref]]:
        oldest = [seat.calls[0].refs[0] for seat in self.seats if seat.calls]
        ready = set(self._watch.ready([*oldest, *also]))
        answers = []
        for seat in self.seats:
            if not seat.calls:
                continue
            call = seat.calls[0]
            try:
                if call.refs[0] in ready:
                    answers.append((seat, call, call.refs[0].get()))
                    self._answered(seat, answers[-1][2])
                else:
                    self._check_limit(seat, call)
            except (RoleDiedError, RoleTimeoutError, DataLostError, EnvError) as error:
                self._replace(seat, error)
        return answers, [ref for ref in also if ref in ready]

    def _answered(self, seat: Seat, answer: Any) -> None:
        call = seat.calls.popleft()
        seat.since_s = self._watch.now_s
        if isinstance(answer, Collected):
            seat.failures = seat.deaths = 0
            seat.pace.add(answer.collect_s)
            if self._is_exact:
                seat.state = call.refs[-1]

    def _check_limit(self, seat: Seat, call: Call) -> None:
        limits = {"prepare": PREPARE_S, "restore": RESTORE_S}
        limit_s = limits.get(call.method, seat.pace.limit_s)
        if self._watch.now_s - seat.since_s > limit_s:
            raise RoleTimeoutError(
                f"{seat.role.role} gave no answer to {call.method} within {limit_s:.0f} s."
            )

    def _replace(self, seat: Seat, error: RaylabError) -> None:
        """Kill a worker, and give its seat and its open calls to another one."""
        seat.failures += 1
        if seat.failures > MAX_FAILURES:
            raise error
        self.counts.workers_replaced += 1
        self.counts.environment_errors += isinstance(error, EnvError)
        # The same games would raise again, and what died twice at one place would die again. Who
        # dies while it prepares has not begun them: its node may be lost, too.
        seat.deaths += seat.calls[0].method != "prepare"
        again = not isinstance(error, EnvError | DataLostError)
        exact = self._is_exact and seat.deaths <= 1 and again
        if not exact:
            seat.number, seat.state = self._new_number(), None
        games = "its games, exactly" if exact else "new games"
        self._watch.message(f"{error} Another worker takes its place, with {games}.")
        if self._is_exact and not exact:
            self._watch.inexact(f"{seat.role.role} began new games")
        seat.role.kill()
        seat.role = self._start_worker(seat.index)
        fragments = seat.open_fragments
        seat.calls.clear()
        self._prepare(seat)
        for _ in range(fragments):
            self.collect(seat)

    def _prepare(self, seat: Seat) -> None:
        self._submit(seat, "prepare", seat.number)
        if seat.state is not None:
            self._submit(seat, "restore", seat.state)

    def _submit(self, seat: Seat, method: str, *args: Any, parts: int = 1) -> None:
        if not seat.calls:
            seat.since_s = self._watch.now_s
        seat.calls.append(Call(method, seat.role.submit_parts(method, *args, parts=parts)))

    def _start_worker(self, index: int) -> runtime.Role:
        job, layout = self._job, self._job.layout
        return runtime.actor(
            self._worker,
            job.env,
            job.algorithm,
            job.seed,
            layout.envs_per_worker,
            layout.worker_threads,
            self._is_exact,
            role=f"rollout worker {index} of {job.run}",
            num_cpus=layout.worker_cores,
            threads=layout.worker_threads,
            **self._nodes.options(self._nodes.places.workers[index]),
        )

    def _new_number(self) -> int:
        self.started += 1
        return self.started - 1
