"""Out of core: sort and join data several times the object store; Ray spills, nothing is lost.

Each step runs on a Ray with a small object store, writes its result as a folder of Parquet files
and checks it by streams: the number of rows, the sum of a column, the order, the partner of each
row. A finished step is noted in the folder of the data and is not run again, so that an
interrupted run goes on where it stopped; ``--again`` starts anew. Results go to
``benchmarks/results/outofcore.json``.

``python -m benchmarks.bench_outofcore --gigabytes 0.1 --store-gigabytes 0.08`` is a smoke test.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars as pl

import raylab.frame as pd
from benchmarks.common import RESULTS, Result, Row, installed_versions
from benchmarks.memory import PeakMemory
from raylab import runtime

DATA_DIR = Path(__file__).resolve().parent / "data" / "outofcore"
FILE_ROWS = 2_000_000
ROW_BYTES = 32  # four columns of eight bytes
KEY_STRIDE = 7_919  # spreads neighbouring keys over all files
LIBRARIES = ("pandas", "polars", "pyarrow", "numpy", "ray")


class WrongAnswerError(RuntimeError):
    """A result lacks rows, has wrong ones or is not in order; the message says which."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """What was measured of one step."""

    seconds: float
    peak_bytes: int
    rows: int


def generate(folder: Path, rows: int) -> None:
    """Two tables of distinct keys in random-looking order, so many rows each, in files."""
    for name in ("left", "right"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, start in enumerate(range(0, rows, FILE_ROWS)):
            path = folder / name / f"{number:04d}.parquet"
            if path.exists():
                continue
            random = np.random.default_rng((number, name == "left"))
            places = np.arange(start, min(start + FILE_ROWS, rows))
            stride = KEY_STRIDE if name == "left" else KEY_STRIDE + 2
            frame = pandas.DataFrame(
                {
                    f"{name}_key": places * stride % rows,
                    f"{name}_a": random.normal(size=len(places)),
                    f"{name}_b": random.integers(0, 1 << 60, len(places)),
                    f"{name}_c": random.normal(size=len(places)),
                }
            )
            unfinished = path.with_suffix(".tmp")
            frame.to_parquet(unfinished, row_group_size=FILE_ROWS // 4)
            unfinished.replace(path)


def sort(folder: Path, out: Path) -> None:
    """The left table by its key."""
    left = pd.read_parquet(folder / "left")
    left.sort_values("left_key").to_parquet(out, parts=True)


def join(folder: Path, out: Path) -> None:
    """Each row of the left table with its partner in the right one."""
    left, right = pd.read_parquet(folder / "left"), pd.read_parquet(folder / "right")
    left.merge(right, left_on="left_key", right_on="right_key").to_parquet(out, parts=True)


def check_sort(out: Path, rows: int) -> None:
    """All keys, each once, rising; raises WrongAnswerError."""
    before = -1
    for path in sorted(out.glob("*.parquet")):
        keys = pl.read_parquet(path, columns=["left_key"])["left_key"]
        if keys.is_empty():
            continue
        if keys[0] != before + 1 or not (keys.diff().drop_nulls() == 1).all():
            raise WrongAnswerError(f"sort: {path.name} does not go on from key {before}.")
        before = int(keys[-1])
    if before != rows - 1:
        raise WrongAnswerError(f"sort: the last key is {before}, expected {rows - 1}.")


def check_join(out: Path, rows: int) -> None:
    """As many rows as keys, each with its own partner; raises WrongAnswerError."""
    found = (
        pl.scan_parquet(out / "*.parquet")
        .select(
            rows=pl.len(),
            keys=pl.col("left_key").sum(),
            strangers=(pl.col("left_key") != pl.col("right_key")).sum(),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    expected = {"rows": rows, "keys": rows * (rows - 1) // 2, "strangers": 0}
    if found != expected:
        raise WrongAnswerError(f"join: found {found}, expected {expected}.")


STEPS: dict[str, tuple[Callable[[Path, Path], None], Callable[[Path, int], None]]] = {
    "sort": (sort, check_sort),
    "join": (join, check_join),
}


def run_step(name: str, folder: Path, rows: int) -> Step:
    """Run, time and check one step; its output is removed again."""
    work, check = STEPS[name]
    out = folder / f"{name}.out"
    shutil.rmtree(out, ignore_errors=True)
    with PeakMemory() as memory:
        started = time.perf_counter()
        work(folder, out)
        seconds = time.perf_counter() - started
    check(out, rows)
    shutil.rmtree(out)
    return Step(seconds, memory.peak_bytes, rows)


def benchmark(args: argparse.Namespace) -> Result:
    """The steps that are not done yet, then the result of all."""
    rows = int(args.gigabytes * 1e9) // (2 * ROW_BYTES)
    while rows % KEY_STRIDE == 0 or rows % (KEY_STRIDE + 2) == 0:
        rows -= 1  # the strides must have no common factor with the rows
    folder = args.data / f"{args.gigabytes:g}"
    generate(folder, rows)
    store = int(args.store_gigabytes * 1e9)
    runtime.connect("local", num_cpus=2, object_store_bytes=store)
    pd.set_option("raylab.execution", "ray")
    pd.set_option("raylab.target_partition_bytes", store // 16)
    noted: list[Row] = []
    for name in STEPS:
        note = folder / f"{name}.{args.store_gigabytes:g}.json"
        if args.again or not note.exists():
            note.write_text(json.dumps(dataclasses.asdict(run_step(name, folder, rows))))
        step = Step(**json.loads(note.read_text(encoding="utf-8")))
        print(f"{name}: {step}", flush=True)
        noted.append(Row(system="raylab", metric=name, value=step.seconds, unit="s", n=1))
        peak: dict[str, Any] = {"metric": f"{name}, peak memory", "value": step.peak_bytes}
        noted.append(Row(system="raylab", unit="B", n=1, **peak))
    return Result(
        name=args.name,
        rows=tuple(noted),
        ratios={},
        versions=installed_versions(LIBRARIES),
        settings={
            "data_bytes": 2 * rows * ROW_BYTES,
            "object_store_bytes": store,
            "rows_of_each_table": rows,
            "dtypes": "int64 and float64",
            "ray": "two workers of one CPU",
            "peak_memory": "driver and its children; started Ray, workers and store included",
        },
    )


def main() -> None:
    """Sort and join, then write the JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--gigabytes", type=float, default=8.0, help="of both tables together")
    parser.add_argument("--store-gigabytes", type=float, default=2.0)
    parser.add_argument("--again", action="store_true", help="run finished steps again")
    parser.add_argument("--data", type=Path, default=DATA_DIR)
    parser.add_argument("--name", default="outofcore", help="of the file written")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    print(benchmark(args).write(args.out))


if __name__ == "__main__":
    main()
