"""What the driver shows: a live line a run on a terminal, and a line where something happens."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from raylab.rl.schedule import Progress

_BAR = 24


class Display:
    """Shows runs while they are trained; on anything but a terminal only messages, no line.

    Args:
        console: where to; the default is standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._told: dict[str, int] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def message(self, text: str) -> None:
        """Print a line that stays, above the live ones."""
        self._console.print(text, soft_wrap=True, markup=False)

    def show(self, runs: Sequence[Progress]) -> None:
        """Renew the live lines, and print the messages that are new."""
        for progress in runs:
            told = self._told.get(progress.run, 0)
            for text in progress.messages[told:]:
                self.message(f"{progress.run}: {text}")
            self._told[progress.run] = len(progress.messages)
        if self._live.is_started:
            table = Table.grid(padding=(0, 2))
            for progress in runs:
                table.add_row(*_cells(progress))
            self._live.update(table)


def line(progress: Progress) -> str:
    """Return one run's progress as a line of text."""
    return "  ".join(str(cell) for cell in _cells(progress))


def duration(seconds: float) -> str:
    """Return seconds as h:mm:ss, or m:ss below an hour."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def _cells(progress: Progress) -> list[Text]:
    done = round(progress.fraction * _BAR)
    bar = Text("━" * done, style="green").append("━" * (_BAR - done), style="bright_black")
    steps = f"{progress.agent_steps:,} / {progress.until_agent_steps:,} agent steps"
    speed = f"{progress.steps_per_s:,.0f}/s" if progress.steps_per_s else ""
    mean = progress.episode_return
    score = "return -" if mean is None else f"return {mean:.2f}"
    if progress.phase == "training" and progress.time_left_s is not None:
        end = f"{duration(progress.time_left_s)} left"
    else:
        end = progress.phase or progress.state
    return [Text(progress.run, style="bold"), bar, Text(steps), Text(speed), Text(score), Text(end)]
