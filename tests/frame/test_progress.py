"""Progress of long work: a bar for each stage on a terminal, nothing else anywhere."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pandas
import pytest

import raylab.frame as pd
from raylab.frame.execution import local
from raylab.frame.execution.progress import QUIET_S, StageBars


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _bars(stream: io.StringIO, *, seconds_each: float) -> StageBars:
    ticks = itertools.count()
    return StageBars(stream, clock=lambda: seconds_each * next(ticks))


def _run(bars: StageBars) -> None:
    with bars:
        bars.expect(1, "Aggregate(keys=[day])", 3)
        bars.expect(2, "Sort(by=day)", 1)
        for stage in (1, 1, 1, 2):
            bars.done(stage)


def test_long_work_shows_each_stage_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()

    _run(_bars(terminal, seconds_each=QUIET_S))

    assert "Aggregate(keys=[day])" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "1/1" in terminal.getvalue()


@pytest.mark.parametrize(("stream", "seconds_each"), [(Terminal(), 0.1), (io.StringIO(), QUIET_S)])
def test_short_work_and_files_stay_quiet(stream: io.StringIO, seconds_each: float) -> None:
    _run(_bars(stream, seconds_each=seconds_each))

    assert stream.getvalue() == ""


def test_every_task_of_every_stage_is_told(
    table: pandas.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int]] = []

    class Noting(StageBars):
        def expect(self, stage: int, name: str, tasks: int) -> None:
            told.append(("expect", tasks))
            super().expect(stage, name, tasks)

        def done(self, stage: int) -> None:
            told.append(("done", 1))
            super().done(stage)

    monkeypatch.setattr(local, "StageBars", Noting)
    table.to_parquet(tmp_path / "table.parquet", row_group_size=20)
    pd.set_option("raylab.npartitions", 3)

    pd.read_parquet(tmp_path / "table.parquet").groupby("name")["x"].median().to_pandas()

    expected = sum(tasks for what, tasks in told if what == "expect")
    assert expected == sum(count for what, count in told if what == "done") >= 4
