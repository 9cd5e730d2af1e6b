"""Compare the answers of a system to all 22 queries with DuckDB's.

``python -m benchmarks.tpch.check --scale 0.01 --system raylab polars`` prints what is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import cast

from benchmarks.tpch.answers import difference
from benchmarks.tpch.data import VARIANTS, Tables, Variant, load
from benchmarks.tpch.queries import connect_duckdb, run_duckdb
from benchmarks.tpch.systems import NUMBERS, SYSTEMS, System


def check(tables: Tables, system: System, numbers: Sequence[int] = NUMBERS) -> dict[int, str]:
    """Query number -> what is wrong with the system's answer; right answers are left out."""
    problems = {}
    with connect_duckdb(tables) as connection:
        for number in numbers:
            expected = run_duckdb(number, connection, tables)
            try:
                answer = system.to_pandas(system.run(number, tables))
                problem = difference(answer, expected)
            except Exception as error:  # noqa: BLE001 - one failure must not hide the others
                problem = f"{type(error).__name__}: {error}"
            if problem is not None:
                problems[number] = problem
    return problems


def main() -> int:
    """Check systems at scale factors; the exit code is 1 when an answer is wrong."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--scale", type=float, nargs="+", default=[0.01])
    parser.add_argument("--variant", choices=VARIANTS, nargs="+", default=list(VARIANTS))
    parser.add_argument("--system", choices=SYSTEMS, nargs="+", default=["pandas", "polars"])
    parser.add_argument("--query", type=int, choices=NUMBERS, nargs="+", default=list(NUMBERS))
    args = parser.parse_args()
    wrong = 0
    for name in args.system:
        system = SYSTEMS[name]()
        for scale_factor in args.scale:
            for variant in cast(list[Variant], args.variant):
                problems = check(load(scale_factor, variant), system, args.query)
                right = len(args.query) - len(problems)
                print(f"{name}, SF {scale_factor:g} {variant}: {right} of {len(args.query)}")
                for number, problem in problems.items():
                    print(f"  Q{number}: {problem[:300]}")
                wrong += len(problems)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
