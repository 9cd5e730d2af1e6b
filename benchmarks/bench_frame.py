"""raylab.frame beside pandas: relational questions, pipelines, functions, small frames, import.

Each round runs pandas and raylab in turn, a suite at a time, each in a fresh process. The
checksums of all answers must agree. Results go to ``benchmarks/results/frame.json`` and ``.svg``.

``python -m benchmarks.bench_frame --rows 20000 --pairs 1 --max-foreign-share 1`` is a smoke test.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.common import RESULTS, ROOT, Result, Row, installed_versions
from benchmarks.frame.data import load
from benchmarks.frame.run import ALL_SUITES, SMALL_ROWS, SOURCES
from benchmarks.interleave import Comparison, Program, interleave

OURS, ON_RAY, PEER = "raylab", "raylab on ray", "pandas"
CHECK = "check "
SPARE_ROUNDS = 2
"""Rounds beyond the wanted pairs, in the place of disturbed ones; then it is done with fewer."""
LIBRARIES = ("pandas", "polars", "pyarrow", "numpy", "ray")


class WrongAnswerError(RuntimeError):
    """Two systems gave different answers; the message names the question and both checksums."""


def program(system: str, suite: str, args: argparse.Namespace) -> Program:
    """The command line of one system on one suite."""
    rows = max(1, args.rows // 10) if suite == "udf" else args.rows
    command = [sys.executable, "-m", "benchmarks.frame.run", "--system", system]
    command += ["--suite", suite, "--rows", str(rows), "--seconds-each", str(args.seconds_each)]
    command += ["--sources", *args.sources]
    return Program(
        system=system,
        command=tuple(command),
        # Modules are compiled once, as in an installed package: imports would be compilations.
        environment={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""},
        timeout_s=args.limit_s,
    )


def compare_answers(comparison: Comparison, systems: list[str]) -> None:
    """All checksums of all rounds agree with pandas' to 1e-9; raises WrongAnswerError."""
    for runs in comparison.rounds:
        for name, expected in runs[PEER].metrics.items():
            for system in systems:
                found = runs[system].metrics[name]
                if name.startswith(CHECK) and not math.isclose(found, expected, rel_tol=1e-9):
                    raise WrongAnswerError(
                        f"{name.removeprefix(CHECK)}: {system} has the checksum {found!r}, "
                        f"{PEER} {expected!r}."
                    )


def geometric_mean(values: list[float]) -> float:
    """The mean that treats twice as fast and half as fast alike."""
    return math.exp(statistics.fmean(math.log(value) for value in values))


def suite_result(
    suite: str, comparison: Comparison, systems: list[str]
) -> tuple[list[Row], dict[str, float]]:
    """Rows, and the ratios of a suite: each question, and their summary."""
    rows = []
    for system in systems:
        runs = comparison.undisturbed(system)
        for metric in runs[0].metrics if runs else ():
            if not metric.startswith(CHECK):
                value = comparison.median(system, metric)
                label = f"{suite}: {metric}"
                rows.append(Row(system=system, metric=label, value=value, unit="s", n=len(runs)))
    ratios: dict[str, float] = {}
    for ours in systems:
        pairs = comparison.pairs(ours, PEER)
        if ours == PEER or not pairs:
            continue
        faster = {
            metric: 1 / comparison.median_ratio(ours, PEER, metric)
            for metric in pairs[0][0].metrics
            if not metric.startswith(CHECK)
        }
        prefix = PEER if ours == OURS else f"{PEER} ({ours})"
        ratios |= summarise(prefix, suite, faster)
        if suite == "reductions":
            ratios |= repetition(ours, comparison)
    return rows, ratios


def summarise(prefix: str, suite: str, faster: dict[str, float]) -> dict[str, float]:
    """The ratios worth naming: the typical, the worst, and each question's where they are few."""
    if suite == "small":
        by_size = {
            n: [v for k, v in faster.items() if k.endswith(f", {n} rows")] for n in SMALL_ROWS
        }
        return {
            f"{prefix}, small: median of {len(values)} operations, {n} rows": statistics.median(
                values
            )
            for n, values in by_size.items()
        }
    each = {f"{prefix}, {suite}: {metric}": value for metric, value in faster.items()}
    if len(faster) == 1:
        return each
    values = list(faster.values())
    return {
        f"{prefix}, {suite}: geometric mean": geometric_mean(values),
        f"{prefix}, {suite}: worst": min(values),
        **each,
    }


def repetition(system: str, comparison: Comparison) -> dict[str, float]:
    """The time of ten reductions in one query by that of asking them one by one, from each source."""
    runs = comparison.undisturbed(system)
    return {
        f"{system}, in one query, reductions: one by one, {source}": statistics.median(
            run.metrics[f"in one query, {source}"] / run.metrics[f"one by one, {source}"]
            for run in runs
        )
        for source in SOURCES
        if f"one by one, {source}" in runs[0].metrics
    }


def plot(result: Result, path: Path) -> None:
    """Bars of how many times faster than pandas raylab is, question by question."""
    ratios = {k: v for k, v in result.ratios.items() if "worst" not in k and "mean" not in k}
    figure = Figure(figsize=(9, 1 + 0.22 * len(ratios)), layout="constrained")
    axes = figure.subplots()
    names = [name.removeprefix(f"{PEER}, ") for name in ratios]
    colours = ["C1" if value >= 1 else "C3" for value in ratios.values()]
    bars = axes.barh(names, list(ratios.values()), color=colours)
    axes.bar_label(bars, [f"{value:.2f}" for value in ratios.values()], padding=2, fontsize=7)
    axes.axvline(1.0, color="grey", linewidth=1)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.margins(x=0.15, y=0.01)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel("times faster than pandas (log scale)")
    axes.set_title(
        f"raylab.frame, {result.settings['rows']:,} rows, {result.machine['cores']} cores; "
        f"{result.date[:10]}, {result.commit[:8]}",
        fontsize=9,
    )
    figure.savefig(path, metadata={"Date": None})


def benchmark(args: argparse.Namespace) -> Result:
    """Run the suites and collect the result."""
    load(args.rows)
    load(max(1, args.rows // 10))
    rows: list[Row] = []
    ratios: dict[str, float] = {}
    discarded: dict[str, int] = {}
    foreign: dict[str, list[float]] = {}
    for suite in args.suites:
        systems = [OURS, PEER]
        if suite == "udf" and not args.without_ray:
            systems.insert(1, ON_RAY)
        comparison = interleave(
            [program(system, suite, args) for system in systems],
            pairs=args.pairs,
            max_foreign_share=args.max_foreign_share,
            max_rounds=args.pairs + SPARE_ROUNDS,
        )
        compare_answers(comparison, systems)
        suite_rows, suite_ratios = suite_result(suite, comparison, systems)
        rows += suite_rows
        ratios |= suite_ratios
        discarded[suite] = comparison.discarded(OURS, PEER)
        for system in systems:
            shares = [round(runs[system].foreign_share, 4) for runs in comparison.rounds]
            foreign[f"{suite}, {system}"] = shares
    return Result(
        name=args.name,
        rows=tuple(rows),
        ratios=ratios,
        versions=installed_versions(LIBRARIES),
        settings={
            "rows": args.rows,
            "sources": list(args.sources),
            "udf_rows": max(1, args.rows // 10),
            "dtypes": "int64, float64, str; missing values in the metrics only",
            "answers": "as pandas objects; checksums equal pandas' to 1e-9",
            "ray": "two workers of one CPU",
            "discarded_pairs": discarded,
            "foreign_share_of_each_run": foreign,
        },
    )


def main() -> None:
    """Compare, then write the JSON and the plot."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--suites", choices=ALL_SUITES, nargs="+", default=list(ALL_SUITES))
    parser.add_argument("--sources", choices=SOURCES, nargs="+", default=["memory"])
    parser.add_argument("--pairs", type=int, default=5, help="undisturbed pairs per suite")
    parser.add_argument("--seconds-each", type=float, default=0.1, help="per small operation")
    parser.add_argument("--limit-s", type=float, default=1800.0, help="per system and round")
    parser.add_argument("--max-foreign-share", type=float, default=0.03)
    parser.add_argument("--without-ray", action="store_true", help="leave out functions on Ray")
    parser.add_argument("--name", default="frame", help="of the files written")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    result = benchmark(args)
    path = result.write(args.out)
    plot(result, path.with_suffix(".svg"))
    print(path)


if __name__ == "__main__":
    main()
