"""One system answers the queries once, in a process of its own; prints seconds as JSON.

Before the clock starts, the same queries run on a small scale, so that imports, thread pools and
Ray's workers are warm for everybody. Every answer is compared with DuckDB's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import pandas as pd

from benchmarks.memory import PeakMemory
from benchmarks.tpch.answers import difference
from benchmarks.tpch.data import VARIANTS, load
from benchmarks.tpch.systems import NUMBERS, SYSTEMS


def main() -> None:
    """Warm up, time, check; the last line of standard output has the numbers."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--system", choices=SYSTEMS, required=True)
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--variant", choices=VARIANTS, required=True)
    parser.add_argument("--query", type=int, nargs="+", default=list(NUMBERS))
    parser.add_argument("--expected", type=Path, required=True, help="folder of DuckDB's answers")
    parser.add_argument("--warm-scale", type=float, default=0.01)
    parser.add_argument("--limit-s", type=float, default=float("inf"), help="start no query after")
    parser.add_argument("--memory", action="store_true", help="sample memory twice a second")
    args = parser.parse_args()

    tables, small = load(args.scale, args.variant), load(args.warm_scale, args.variant)
    system = SYSTEMS[args.system]()
    for number in args.query:
        system.run(number, small)
    seconds: dict[str, float] = {}
    with PeakMemory(enabled=args.memory) as memory:
        for number in args.query:
            if sum(seconds.values()) > args.limit_s:
                break
            started = time.perf_counter()
            answer = system.run(number, tables)
            seconds[f"q{number:02d}"] = time.perf_counter() - started
            expected = pd.read_parquet(args.expected / f"q{number:02d}.parquet")
            if problem := difference(system.to_pandas(answer), expected):
                sys.exit(f"{args.system} answers Q{number} wrongly: {problem}")
    total = {"total": sum(seconds.values())}
    peak = {"peak_bytes": memory.peak_bytes} if args.memory else {}
    print(json.dumps({**seconds, **total, **peak}))


if __name__ == "__main__":
    main()
