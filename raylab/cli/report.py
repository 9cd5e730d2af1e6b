"""``raylab report``: tables in the terminal, plots and one HTML page in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from raylab.cli.parser import VerbParser

_PER_TABLE = 3
"""Experiments side by side in one table: more do not fit a terminal."""


def run(arguments: Sequence[str]) -> int:
    """Report runs; the exit code is 0 also when a part of them could not be read."""
    parser = VerbParser(
        "report",
        (
            "raylab report runs/pong-ppo-1a2b3c4d/1          one run",
            "raylab report runs/pong-ppo-1a2b3c4d            all seeds of an experiment",
            "raylab report runs/pong-* --out compare          several experiments, compared",
        ),
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="run", help="a run, an experiment's folder, or runs/"
    )
    parser.add_argument(
        "--out", type=Path, help="folder to write to (default: report/ in the given folder)"
    )
    options = parser.parse_args(arguments)

    from raylab.analysis.report import make_report
    from raylab.analysis.tables import experiment_rows
    from raylab.cli.terminal import console, plain_table, say

    out = console()
    with out.status("reading runs and drawing"):
        report = make_report(options.runs, options.out)
    for start in range(0, len(report.experiments), _PER_TABLE):
        group = report.experiments[start : start + _PER_TABLE]
        table = plain_table()
        table.add_column("experiment", style="dim")
        for experiment in group:
            table.add_column(experiment.experiment_id, overflow="fold")
        rows = [experiment_rows(experiment) for experiment in group]
        for name in rows[0]:
            table.add_row(name, *(row[name] for row in rows))
        out.print(table, "")
    for problem in report.problems:
        say(out, f"warning  {problem}", style="yellow")
    for plot in report.plots:
        say(out, f"plot     {plot}")
    for experiment in report.experiments:
        if experiment.newest_video:
            say(out, f"video    {experiment.newest_video}")
    say(out, f"report   {report.page}")
    return 0
