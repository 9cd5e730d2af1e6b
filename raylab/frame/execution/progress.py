"""A bar for each stage of long work: on a terminal, after some seconds; nothing otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

QUIET_S = 2.0
"""Work that is done by then shows nothing."""

_NAME = 60


class StageBars:
    """How many tasks of each stage are done.

    Args:
        stream: where the bars go; quiet unless it is a terminal. None for the standard error.
        clock: the time in seconds.
    """

    def __init__(self, stream: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._start = clock()
        self._stages: dict[int, tuple[str, int, int]] = {}  # name, done, all
        self._shown: Any = None
        self._bars: dict[int, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown is not None:
            self._shown.stop()

    def expect(self, stage: int, name: str, tasks: int) -> None:
        """A stage that will run; its number tells it from others."""
        short = name if len(name) <= _NAME else f"{name[:_NAME]}..."
        self._stages[stage] = (short, 0, tasks)
        self._update()

    def done(self, stage: int) -> None:
        """One more task of a stage is done."""
        name, finished, tasks = self._stages[stage]
        self._stages[stage] = (name, finished + 1, tasks)
        self._update()

    def _update(self) -> None:
        if self._shown is None and not self._begins():
            return
        for stage, (name, finished, tasks) in self._stages.items():
            if stage not in self._bars:
                self._bars[stage] = self._shown.add_task(name, total=tasks)
            self._shown.update(self._bars[stage], completed=finished)

    def _begins(self) -> bool:
        """Whether it is time for bars; they are there afterwards."""
        if self._clock() - self._start < QUIET_S or not self._stream.isatty():
            return False
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
        )
        self._shown = Progress(*columns, console=Console(file=self._stream), transient=True)
        self._shown.start()
        return True
