"""``raylab report``: tables in the terminal; plots, a Markdown table and an HTML page in a folder."""

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
            "raylab report --store s3://bucket/runs pong-ppo-1a2b3c4d --out report",
        ),
    )
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        metavar="run",
        help="a run, an experiment's folder, or runs/; with --store the names of such in it",
    )
    parser.add_argument("--store", metavar="URL", help="where the runs are, if not in a folder")
    parser.add_argument(
        "--out", type=Path, help="folder to write to (default: report/ in the given folder)"
    )
    options = parser.parse_args(arguments)
    if not options.runs and options.store is None:
        parser.error("the following arguments are required: run")

    from raylab.analysis.report import make_report
    from raylab.analysis.tables import experiment_rows
    from raylab.cli.terminal import console, plain_table, say
    from raylab.experiment.stores import local_copy

    out = console()
    with out.status("reading runs and drawing"):
        paths, target = options.runs, options.out
        if options.store is not None:
            copy = local_copy(options.store, [str(run) for run in paths], without=("checkpoints",))
            paths = [copy / run for run in paths] or [copy]
            target = target or Path("report")
        report = make_report(paths, target)
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
    say(out, f"table    {report.table}")
    say(out, f"report   {report.page}")
    return 0
