"""Make a report of runs: tables as text, PNG plots and one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import raylab
from raylab.analysis.curves import AXES, learning_curves
from raylab.analysis.folders import find_runs
from raylab.analysis.page import Page, render
from raylab.analysis.plots import Plot, diagnostics_plot, learning_curve, throughput_plot
from raylab.analysis.records import load_run
from raylab.analysis.summary import ExperimentSummary, summarise
from raylab.analysis.tables import markdown_table
from raylab.errors import RunError, SourceChangedError


@dataclass(frozen=True)
class Report:
    """A written report and what it says."""

    experiments: tuple[ExperimentSummary, ...]
    page: Path
    table: Path  # Markdown: one column an experiment, for a pull request or a README
    plots: tuple[Path, ...]
    problems: tuple[str, ...]


def make_report(
    paths: Sequence[Path], out: Path | None = None, labels: Mapping[str, str] | None = None
) -> Report:
    """Report the runs under the given run, experiment or runs folders.

    Args:
        paths: run folders, experiment folders, or folders of experiments.
        out: where the files go; by default ``report`` in the one given folder, or in the
            working directory when several are given.
        labels: what to call experiments, by their id.

    Raises:
        RunNotFoundError: a path does not exist or holds no run.
        RunError: no run has any metrics that can be read, or ``out`` cannot be written.
    """
    folder = out or (paths[0] / "report" if len(paths) == 1 else Path("report"))
    try:
        return _make_report(find_runs(paths), folder, labels)
    except SourceChangedError:  # a run ended meanwhile, and its parts became one
        return _make_report(find_runs(paths), folder, labels)


def _make_report(paths: Sequence[Path], folder: Path, labels: Mapping[str, str] | None) -> Report:
    runs = [load_run(path) for path in paths]
    problems = tuple(problem for run in runs for problem in run.problems)
    if all(run.metrics.empty for run in runs):
        raise RunError("nothing to report:\n" + "\n".join(f"  {problem}" for problem in problems))
    experiments = summarise(runs, labels)
    learning = _learning_plots(experiments)
    others = [
        plot for plot in (throughput_plot(experiments), diagnostics_plot(experiments)) if plot
    ]
    made = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC")
    page = Page(
        title=_title(experiments),
        made=f"raylab {raylab.__version__} · {made} · {len(runs)} run{'s' * (len(runs) > 1)}",
        experiments=experiments,
        learning=learning,
        others=others,
        problems=problems,
        folder=folder,
    )
    plots = [plot for group in learning.values() for plot in group] + others
    try:
        folder.mkdir(parents=True, exist_ok=True)
        html = folder / "report.html"
        html.write_text(render(page), encoding="utf-8")
        table = folder / "report.md"
        table.write_text(markdown_table(experiments), encoding="utf-8")
        written = tuple(plot.write(folder) for plot in plots)
    except OSError as error:
        raise RunError(
            f"cannot write the report to {folder}: {error.strerror}; choose a folder with --out."
        ) from error
    return Report(tuple(experiments), html, table, written, problems)


def _learning_plots(experiments: Sequence[ExperimentSummary]) -> dict[str, list[Plot]]:
    """Draw one group of figures for what can be compared: one environment under one protocol."""
    comparable: dict[tuple[str, str], list[ExperimentSummary]] = {}
    for experiment in experiments:
        key = (experiment.environment, experiment.protocol)
        comparable.setdefault(key, []).append(experiment)
    environments = [environment for environment, _ in comparable]
    groups = {}
    for (environment, protocol), group in comparable.items():
        is_only = environments.count(environment) == 1
        title = environment if is_only else f"{environment} ({protocol})"
        suffix = f"-{_slug(title)}" if len(comparable) > 1 else ""
        curves = [learning_curves(experiment.runs) for experiment in group]
        plots = [
            learning_curve(
                group,
                [axes[axis] for axes in curves],
                axis,
                name=f"learning-curve-{_slug(name)}{suffix}",
                title=f"{title}: return over {name}",
            )
            for axis, name in AXES.items()
        ]
        if drawn := [plot for plot in plots if plot]:
            groups[title] = drawn
    return groups


def _title(experiments: Sequence[ExperimentSummary]) -> str:
    if len(experiments) == 1:
        return experiments[0].experiment_id
    return f"Report of {len(experiments)} experiments"


def _slug(text: str) -> str:
    kept = "".join(char if char.isalnum() else "-" for char in text.lower())
    return "-".join(part for part in kept.split("-") if part)
