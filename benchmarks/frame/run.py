"""One system answers one suite of questions in a process of its own; prints JSON.

Keys are ``<question>, <source>`` in seconds, and ``check <question>, ...`` with a checksum of the
answer, by which the answers of the systems are compared. An answer counts when it is a plain
pandas object: raylab's conversion from its own memory is inside the clock.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as real_pandas

from benchmarks.frame.data import Tables, load
from benchmarks.frame.questions import SUITES, TABLES
from benchmarks.frame.small import OPERATIONS, Operation, frames
from benchmarks.tpch.systems import start_ray

MODULES = {"pandas": "pandas", "raylab": "raylab.frame", "raylab on ray": "raylab.frame"}
ALL_SUITES = (*SUITES, "small", "import")
SMALL_ROWS = (100, 10_000)
SOURCES = ("memory", "parquet")
WARM_ROWS = 10_000


def open_module(system: str) -> Any:
    """The module that stands for pandas, with the options of the system set."""
    pd = importlib.import_module(MODULES[system])
    if system == "raylab on ray":
        start_ray()
        pd.set_option("raylab.execution", "ray")
        pd.set_option("raylab.npartitions", 2)
        # Both workers start before the clock does.
        pd.DataFrame({"x": range(200_000)})["x"].map(str)
    elif system == "raylab":
        pd.set_option("raylab.execution", "local")
    return pd


def finish(answer: Any) -> Any:
    """The answer as a plain pandas object or scalar."""
    return answer.to_pandas() if hasattr(answer, "to_pandas") else answer


def checksum(answer: Any) -> float:
    """Rows, and the sum of everything numeric: equal answers have equal checksums to 1e-9."""
    frame = (
        answer.to_frame()
        if isinstance(answer, real_pandas.Series)
        else real_pandas.DataFrame(answer)
    )
    numbers = frame.select_dtypes("number").to_numpy(dtype="float64", na_value=np.nan)
    return float(len(frame) + np.nansum(numbers))


def relational(pd: Any, suite: str, tables: Tables, source: str) -> dict[str, float]:
    """Seconds and checksums of a suite's questions, from files or from frames in memory."""
    metrics = {}
    loaded = _loaded(suite, tables) if source == "memory" else {}
    for name, question in SUITES[suite].items():
        label = f"{name}, {source}"
        if pd is not real_pandas:
            pd.clear_cache()  # no question starts where another one ended
        if source == "memory":
            frames_by_name = _in_memory(pd, loaded)
            started = time.perf_counter()
        else:
            started = time.perf_counter()
            frames_by_name = {n: pd.read_parquet(tables.path(n)) for n in TABLES[suite]}
        answer = finish(question(frames_by_name))
        metrics[label] = time.perf_counter() - started
        metrics[f"check {label}"] = checksum(answer)
    return metrics


def _loaded(suite: str, tables: Tables) -> dict[str, real_pandas.DataFrame]:
    return {name: real_pandas.read_parquet(tables.path(name)) for name in TABLES[suite]}


def _in_memory(pd: Any, loaded: dict[str, real_pandas.DataFrame]) -> dict[str, Any]:
    """Fresh frames over the loaded data: nothing that a question left behind is used again."""
    if pd is real_pandas:
        return {name: frame.copy(deep=False) for name, frame in loaded.items()}
    return {name: pd.from_pandas(frame) for name, frame in loaded.items()}


def small_frames(pd: Any, seconds_each: float) -> dict[str, float]:
    """Seconds of one call of each operation, the best of several rounds."""
    metrics = {}
    for rows in SMALL_ROWS:
        frame, lookup = frames(pd, rows)
        for name, operation in OPERATIONS.items():
            call = _force(operation, frame, lookup)
            metrics[f"{name}, {rows} rows"] = _best_time(call, seconds_each)
    return metrics


def _force(operation: Operation, frame: Any, lookup: Any) -> Callable[[], Any]:
    """A call that ends with the answer's length known, so that laziness hides nothing."""

    def call() -> Any:
        answer = operation(frame, lookup)
        return len(answer) if hasattr(answer, "__len__") else answer

    return call


def _best_time(call: Callable[[], Any], seconds: float, rounds: int = 5) -> float:
    started = time.perf_counter()
    call()
    calls = max(1, int(seconds / rounds / max(1e-7, time.perf_counter() - started)))
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(calls):
            call()
        times.append((time.perf_counter() - started) / calls)
    return min(times)


def import_time(system: str) -> dict[str, float]:
    """Seconds of a fresh interpreter that only imports the module; the best of five."""
    command = [sys.executable, "-c", f"import {MODULES[system]}"]
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, check=True)
        times.append(time.perf_counter() - started)
    return {"import": min(times)}


def main() -> None:
    """Warm up, time, print; the last line of standard output has the numbers."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--system", choices=MODULES, required=True)
    parser.add_argument("--suite", choices=ALL_SUITES, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seconds-each", type=float, default=0.2, help="per small operation")
    parser.add_argument("--sources", choices=SOURCES, nargs="+", default=list(SOURCES))
    args = parser.parse_args()
    if args.suite == "import":
        metrics = import_time(args.system)
    elif args.suite == "small":
        metrics = small_frames(open_module(args.system), args.seconds_each)
        if "ray" in sys.modules:
            sys.exit("Ray was imported for small frames.")
    else:
        pd = open_module(args.system)
        metrics = {}
        for source in args.sources:
            relational(pd, args.suite, load(min(args.rows, WARM_ROWS)), source)
            metrics |= relational(pd, args.suite, load(args.rows), source)
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
