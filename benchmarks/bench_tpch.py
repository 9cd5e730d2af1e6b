"""TPC-H in the pandas API: raylab.frame, in-process and on Ray, against its peers.

Each round runs every system once, in turn, each in a fresh process that warms up on a small
scale, answers the 22 queries from Parquet and has every answer checked against DuckDB to 1e-6.
Results go to ``benchmarks/results/tpch_sf<scale>_<variant>.json`` and ``.svg``.

``python -m benchmarks.bench_tpch --scale 0.01 --pairs 1 --max-foreign-share 1`` is a smoke test.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import RESULTS, ROOT, Result, Row, installed_versions
from benchmarks.interleave import Comparison, Program, ProgramError, interleave
from benchmarks.peers import peer_python, peer_versions
from benchmarks.tpch.data import VARIANTS, Tables, load
from benchmarks.tpch.plot import plot
from benchmarks.tpch.queries import connect_duckdb, run_duckdb
from benchmarks.tpch.systems import NUMBERS, SYSTEMS

MODIN = "modin on ray"
MODIN_REQUIREMENTS = ("modin[ray]==0.37.1", "pandas==2.3.3", "pyarrow==26.0.1", "ray==2.60.0")
MODIN_QUERIES = (1, 3, 6)  # seven of them take 145 s, and none is near pandas
DEFAULT_SYSTEMS = tuple(name for name in SYSTEMS if name != "pandas, columns named")
SPARE_ROUNDS = 2
"""Rounds beyond the wanted pairs, in the place of disturbed ones; then it is done with fewer."""
LIBRARIES = ("pandas", "polars", "duckdb", "pyarrow", "numpy", "ray", "tpchgen-cli")
DTYPES = {
    "plain": "files and frames: float64, datetime64[us], str, int64, int32",
    "decimal": "files: decimal128(15, 2), date32, string; cast to float64 and datetime64[us] "
    "by each query",
}


def write_expected(tables: Tables, numbers: Sequence[int], folder: Path) -> None:
    """DuckDB's answers as ``<folder>/q<number>.parquet``."""
    with connect_duckdb(tables) as connection:
        for number in numbers:
            answer = run_duckdb(number, connection, tables)
            answer.to_parquet(folder / f"q{number:02d}.parquet")


def program(
    system: str, args: argparse.Namespace, expected: Path, python: Path, numbers: Sequence[int]
) -> Program:
    """The command line of one system."""
    command = [str(python), "-m", "benchmarks.tpch.run", "--system", system]
    command += ["--scale", f"{args.scale:g}", "--variant", args.variant]
    command += ["--expected", str(expected), "--query", *map(str, numbers)]
    if args.memory:
        command.append("--memory")
    limit_s = args.limit_s
    if system == MODIN:
        limit_s = args.modin_limit_s
        command += ["--limit-s", f"{limit_s:g}"]
        limit_s *= 2  # the limit lets a started query end; this one ends the process
    return Program(
        system=system,
        command=tuple(command),
        environment={"PYTHONPATH": str(ROOT)},
        timeout_s=limit_s,
    )


def rows_of(comparison: Comparison, system: str) -> list[Row]:
    """The medians of one system over its undisturbed runs."""
    runs = comparison.undisturbed(system)
    if not runs:
        return []
    finished = [name for name in runs[0].metrics if all(name in run.metrics for run in runs)]
    return [
        Row(
            system=system,
            metric=name,
            value=comparison.median(system, name),
            unit="B" if name == "peak_bytes" else "s",
            n=len(runs),
        )
        for name in finished
    ]


def modin_comparison(args: argparse.Namespace, expected: Path) -> tuple[Comparison, Path]:
    """Compare raylab and Modin on Modin's subset of the queries.

    Raises:
        ProgramError: Modin failed or took more than twice its limit.
        subprocess.CalledProcessError: its environment cannot be installed.
    """
    python = peer_python("modin", MODIN_REQUIREMENTS)
    numbers = [number for number in MODIN_QUERIES if number in args.query]
    programs = [
        program("raylab", args, expected, Path(sys.executable), numbers),
        program(MODIN, args, expected, python, numbers),
    ]
    comparison = interleave(
        programs,
        pairs=args.modin_pairs,
        max_foreign_share=args.max_foreign_share,
        max_rounds=args.modin_pairs + 1,
    )
    return comparison, python


def common_ratio(comparison: Comparison, ours: str, peer: str) -> float | None:
    """Median over the pairs of peer's time / our time, over the queries that both finished."""
    ratios = []
    for our_run, peer_run in comparison.pairs(ours, peer):
        both = [q for q in peer_run.metrics if q in our_run.metrics and q.startswith("q")]
        ratios.append(
            sum(peer_run.metrics[q] for q in both) / sum(our_run.metrics[q] for q in both)
        )
    return sorted(ratios)[len(ratios) // 2] if ratios else None


def benchmark(args: argparse.Namespace) -> Result:
    """Run everything and collect the result."""
    tables = load(args.scale, args.variant)
    systems = [system for system in args.systems if system != MODIN]
    versions = installed_versions(LIBRARIES)
    settings: dict[str, object] = {
        "scale_factor": args.scale,
        "dtypes": DTYPES[args.variant],
        "queries": list(args.query),
        "answers": "each answer of each run equals DuckDB's to 1e-6",
        "ray": "two workers of one CPU",
        "max_foreign_share": args.max_foreign_share,
    }
    rows: list[Row] = []
    ratios: dict[str, float] = {}
    discarded: dict[str, int] = {}
    foreign: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        expected = Path(folder)
        write_expected(tables, args.query, expected)
        python = Path(sys.executable)
        programs = [program(system, args, expected, python, args.query) for system in systems]
        comparison = interleave(
            programs,
            pairs=args.pairs,
            max_foreign_share=args.max_foreign_share,
            max_rounds=args.pairs + SPARE_ROUNDS,
        )
        for system in systems:
            rows += rows_of(comparison, system)
            foreign[system] = [round(runs[system].foreign_share, 4) for runs in comparison.rounds]
        for ours in [system for system in systems if system.startswith("raylab")]:
            for peer in systems:
                if peer == ours:
                    continue
                discarded[f"{ours} and {peer}"] = comparison.discarded(ours, peer)
                value = common_ratio(comparison, ours, peer)
                if value is not None:
                    ratios[peer if ours == "raylab" else f"{peer}, {ours}"] = value
        if MODIN in args.systems:
            settings["modin"] = (
                f"queries {', '.join(map(str, MODIN_QUERIES))}, none started after "
                f"{args.modin_limit_s:g} s"
            )
            try:
                modin, modin_python = modin_comparison(args, expected)
            except (ProgramError, subprocess.CalledProcessError) as error:
                settings["modin"] = f"left out: {error}"[:500]
            else:
                rows += rows_of(modin, MODIN)
                value = common_ratio(modin, "raylab", MODIN)
                if value is not None:
                    ratios[MODIN] = value
                discarded[f"raylab and {MODIN}"] = modin.discarded("raylab", MODIN)
                versions |= {
                    f"{name} ({MODIN})": version
                    for name, version in peer_versions(
                        modin_python, ("modin", "pandas", "ray")
                    ).items()
                }
    settings["foreign_share_of_each_run"] = foreign
    settings["discarded_pairs"] = discarded
    return Result(
        name=args.name or f"tpch_sf{args.scale:g}_{args.variant}".replace(".", "_"),
        rows=tuple(rows),
        ratios=ratios,
        versions=versions,
        settings=settings,
    )


def main() -> None:
    """Compare, then write the JSON and the plot."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--variant", choices=VARIANTS, default="plain")
    parser.add_argument("--systems", choices=SYSTEMS, nargs="+", default=DEFAULT_SYSTEMS)
    parser.add_argument("--query", type=int, choices=NUMBERS, nargs="+", default=list(NUMBERS))
    parser.add_argument("--pairs", type=int, default=5, help="undisturbed pairs per peer")
    parser.add_argument("--modin-pairs", type=int, default=1)
    parser.add_argument("--modin-limit-s", type=float, default=90.0)
    parser.add_argument("--limit-s", type=float, default=900.0, help="per system and round")
    parser.add_argument("--max-foreign-share", type=float, default=0.03)
    parser.add_argument("--memory", action="store_true", help="record peak memory (costs time)")
    parser.add_argument("--name", help="of the files written; from scale and variant if not given")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    result = benchmark(args)
    path = result.write(args.out)
    plot(result, path.with_suffix(".svg"))
    print(path)


if __name__ == "__main__":
    main()
