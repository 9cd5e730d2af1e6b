"""What a placement has from its supervisor: waiting with limits and signs of life, and telling."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from raylab import runtime
from raylab.errors import RoleTimeoutError

_SLICE_S: Final = 2.0  # between two signs of life
_RECENT: Final = 16  # durations that a pace remembers

PREPARE_S: Final = 600.0
"""Limit of loading torch and building environments and networks, on a machine that is busy."""
RESTORE_S: Final = 3600.0
"""Limit of replaying the actions of environments since they were seeded."""
CHECKPOINT_S: Final = 600.0
"""Limit of copying a learner's state."""
GAMES_S: Final = 6 * 3600.0
"""Limit of an evaluation's games."""
GAMES: Final = "the games of an evaluation"
"""What a stop may have to wait for, in the user's words."""


class Stopped(Exception):  # noqa: N818 - no error: the user asked for it
    """The run was told to stop while it waited for something that it can do without."""


class Pace:
    """How long one kind of call may take: several times what the last ones took.

    Args:
        first_s: limit of the first call, of which nothing is known.
        floor_s: limits are never shorter; a machine may stall that long.
    """

    def __init__(self, first_s: float, floor_s: float) -> None:
        self._first_s = first_s
        self._floor_s = floor_s
        self._recent = deque[float](maxlen=_RECENT)

    def add(self, duration_s: float) -> None:
        """Count a call that ended well."""
        self._recent.append(duration_s)

    @property
    def limit_s(self) -> float:
        """The limit of the next call."""
        if not self._recent:
            return self._first_s
        return max(self._floor_s, 8.0 * max(self._recent))


@dataclass
class Watch:
    """Waits for roles in slices of a few seconds, so that the run shows that it lives.

    Its clock stands still while this process itself does not run (a suspended machine, a stopped
    process): that time counts against nobody's limit.
    """

    beat: Callable[[], None]  # called in every slice
    is_stopped: Callable[[], bool]  # whether the run was told to stop
    message: Callable[[str], None]  # tells the user, and the run's log
    inexact: Callable[[str], None]  # the run cannot be repeated exactly any more, and why
    clock: Callable[[], float] = time.monotonic
    now_s: float = 0.0
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def ready(self, refs: Sequence[runtime.Ref]) -> list[runtime.Ref]:
        """Wait for a slice at most; return all that are ready, none if none is."""
        ready = runtime.wait(refs, _SLICE_S)
        if ready:
            ready = runtime.wait(refs, 0.0, count=len(refs))
        self.tick()
        return ready

    def tick(self) -> None:
        """Bring the clock up to date, and show that the run lives; at least every slice."""
        now = self.clock()
        self.now_s += min(now - self._last, 2 * _SLICE_S)
        self._last = now
        self.beat()

    def result(
        self,
        ref: runtime.Ref,
        limit_s: float | None,
        *,
        stoppable: bool = False,
        waiting_for: str = "",
    ) -> Any:
        """Wait for a result.

        Args:
            ref: what to wait for.
            limit_s: None waits for as long as it takes; for cores, which others may have.
            stoppable: do not wait longer once the run was told to stop.
            waiting_for: what a run that was told to stop tells that it waits for, if it must.

        Raises:
            Stopped: the run was told to stop.
            RoleTimeoutError: nothing came within the limit; names the role.
            RaylabError: as :meth:`raylab.runtime.Ref.get`.
        """
        self.ready([ref])  # brings the clock up to date
        start_s = self.now_s
        while not self.ready([ref]):
            if self.is_stopped():
                if stoppable:
                    raise Stopped
                if waiting_for:
                    self.message(
                        f"stopping: waiting for the end of {waiting_for} "
                        f"(Ctrl-C again leaves at once)"
                    )
                    waiting_for = ""
            if limit_s is not None and self.now_s - start_s > limit_s:
                raise RoleTimeoutError(
                    f"{ref.role} gave no answer to {ref.method} within {limit_s:.0f} s."
                )
        return ref.get()

    def paced(self, ref: runtime.Ref, pace: Pace) -> Any:
        """Wait for a result within the limit of its kind, and count how long it took."""
        start_s = self.now_s
        result = self.result(ref, pace.limit_s)
        pace.add(self.now_s - start_s)
        return result
