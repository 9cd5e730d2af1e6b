"""``raylab sweep``: many settings of one experiment, each with several seeds, on Ray Tune."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from raylab.cli.parser import VerbParser
from raylab.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from raylab.analysis.report import Report
    from raylab.experiment.sweep import TrialProgress

_REFRESH_S = 0.5
_MOST_ROWS = 30


def run(arguments: Sequence[str]) -> int:
    """Sweep; 1 when a run failed, 130 when the user stopped it."""
    parser = VerbParser(
        "sweep",
        (
            "raylab sweep experiments/x.py --algorithm.learning-rate 1e-4 3e-4 1e-3 --seeds 5",
            "raylab sweep experiments/x.py --algorithm.learning-rate 1e-4..1e-2 --samples 20",
            "raylab sweep experiments/x.py --algorithm.clip 0.1..0.3 --samples 50 --early-stopping",
        ),
    )
    parser.usage = "%(prog)s FILE --field VALUE [VALUE ...] ... [options]"
    parser.add_argument("file", type=Path, help="an experiment file (.py) or a config.json")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 1 to N for each (default: 1)")
    parser.add_argument(
        "--samples",
        type=int,
        help="draw so many settings at random, instead of all combinations; values may then be "
        "ranges, like 1e-5..1e-2",
    )
    parser.add_argument("--sample-seed", type=int, default=0, help="of the draw (default: 0)")
    parser.add_argument(
        "--early-stopping", action="store_true", help="stop runs that are behind (ASHA)"
    )
    parser.add_argument(
        "--first-rung",
        type=int,
        metavar="AGENT_STEPS",
        help="before it none is stopped (default: a ninth of until.agent_steps)",
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster")
    options, rest = parser.parse_known_args(arguments)

    from raylab.analysis.report import make_report
    from raylab.cli.terminal import console, say
    from raylab.cli.train import load_experiment
    from raylab.experiment.sweep import Sweep, draw, grid, plan, run_sweep
    from raylab.runtime.tune import Halving

    base = load_experiment(options.file)
    if options.seeds < 1 or (options.samples is not None and options.samples < 1):
        raise ConfigError("--seeds and --samples count from 1.")
    axes = read_axes(rest)
    if options.samples is None:
        combinations = grid(axes)
    else:
        combinations = draw(axes, options.samples, options.sample_seed)
    settings = tuple(
        replace(s, experiment=replace(s.experiment, seeds=tuple(range(1, options.seeds + 1))))
        for s in plan(base, combinations, prog=f"raylab sweep {options.file}")
    )
    halving = None
    if options.early_stopping:
        longest = settings[0].experiment.until.agent_steps
        halving = Halving(longest, options.first_rung or max(1, longest // 9))
    sweep = Sweep(base.name, settings, halving)
    out = console()
    say(out, f"{len(settings)} settings x {options.seeds} seed(s), in {sweep.folder}")
    with _Board(out) as board:
        rows = run_sweep(sweep, address=options.address, tell=board.show)
    out.print(table_of(rows, len(rows)))
    for row in rows:
        if row.state == "failed":
            say(out, f"failed   {row.path}: {row.note}", style="red")
    folders = [s.experiment.folder for s in settings if s.experiment.folder.is_dir()]
    labels = {s.experiment.experiment_id: s.label for s in settings}
    report = make_report(folders, sweep.folder / "report", labels)
    out.print("", comparison_of(report))
    say(out, f"report   {report.page}")
    if any(row.state == "failed" for row in rows):
        return 1
    return 0 if all(row.state == "finished" or halving for row in rows) else 130


def read_axes(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the fields of the experiment with the values that were given for each.

    >>> read_axes(["--algorithm.clip", "0.1", "0.2", "--until.agent-steps=5"])
    {'--algorithm.clip': ['0.1', '0.2'], '--until.agent-steps': ['5']}
    """
    axes: dict[str, list[str]] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name, has_value, value = argument.partition("=")
            if name in axes:
                raise ConfigError(f"{name} is given twice; list its values after one {name}.")
            axes[name] = [value] if has_value else []
        elif not name:
            raise ConfigError(f"{argument!r} belongs to no field; give --field {argument}.")
        else:
            axes[name].append(argument)
    if empty := [name for name, values in axes.items() if not values]:
        raise ConfigError(f"{empty[0]} has no value; give one or more after it.")
    return axes


class _Board:
    """The live table; on anything but a terminal, a line for each run that ends."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._shown_at = 0.0
        self._ended: set[Path] = set()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, rows: Sequence[TrialProgress]) -> None:
        """Renew it, now and then."""
        if not self._console.is_terminal:
            self._tell_ended(rows)
        elif time.monotonic() - self._shown_at > _REFRESH_S:
            self._shown_at = time.monotonic()
            self._live.update(table_of(rows, _MOST_ROWS), refresh=True)

    def _tell_ended(self, rows: Sequence[TrialProgress]) -> None:
        from raylab.cli.terminal import say

        for row in rows:
            if row.state in ("finished", "failed") and row.path not in self._ended:
                self._ended.add(row.path)
                count = f"{len(self._ended)}/{len(rows)}"
                say(self._console, f"{count}  {row.setting}, seed {row.path.name}: {row.state}")


def table_of(rows: Sequence[TrialProgress], most: int) -> Table:
    """One line a setting, the best first: how its runs are and what they score on average."""
    from raylab.analysis.formats import count, score
    from raylab.cli.terminal import plain_table

    groups: dict[str, list[TrialProgress]] = {}
    for row in rows:
        groups.setdefault(row.setting, []).append(row)

    def mean(group: Sequence[TrialProgress]) -> float:
        known = [row.episode_return for row in group if row.episode_return is not None]
        return sum(known) / len(known) if known else float("nan")

    def rank(label: str) -> float:
        value = mean(groups[label])
        return value if value == value else float("-inf")

    table = plain_table()
    for name in ("setting", "runs", "agent steps", "mean return, last 100"):
        table.add_column(name, justify="left" if name in ("setting", "runs") else "right")
    for label in sorted(groups, key=rank, reverse=True)[:most]:
        group = groups[label]
        states: dict[str, int] = {}
        for row in group:
            states[row.state] = states.get(row.state, 0) + 1
        table.add_row(
            label,
            ", ".join(f"{number} {state}" for state, number in sorted(states.items())),
            count(sum(row.agent_steps for row in group)),
            score(mean(group)),
        )
    if len(groups) > most:
        table.caption = f"and {len(groups) - most} more"
    return table


def comparison_of(report: Report) -> Table:
    """The settings with the interquartile mean over their seeds and its interval, best first."""
    from math import inf

    from raylab.analysis.formats import count, estimate
    from raylab.analysis.summary import ExperimentSummary
    from raylab.cli.terminal import plain_table

    def rank(experiment: ExperimentSummary) -> float:
        return experiment.last_return.value if experiment.last_return else -inf

    table = plain_table()
    for name in ("setting", "seeds", "agent steps", "return, last 100 [95 % interval]"):
        table.add_column(name, justify="left" if name == "setting" else "right")
    for experiment in sorted(report.experiments, key=rank, reverse=True):
        table.add_row(
            experiment.label,
            str(len(experiment.seeds)),
            count(sum(seed.agent_steps for seed in experiment.seeds)),
            estimate(experiment.last_return),
        )
    return table
