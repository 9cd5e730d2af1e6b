"""Compare the answers of all dialects with DuckDB's.

Run as a program: ``python -m benchmarks.tpch.check --scale 0.01 --system pandas polars``.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl

from benchmarks.tpch.data import VARIANTS, Tables, Variant, load
from benchmarks.tpch.queries import NUMBERS, PANDAS, connect_duckdb, run_duckdb, run_polars

TOLERANCE = 1e-6
MODULES = {"pandas": "pandas", "raylab": "raylab.frame"}
SYSTEMS = (*MODULES, "polars")


def normalise(answer: Any) -> pd.DataFrame:
    """An answer as a pandas frame of float64, int64, datetime64[us] and str columns."""
    if isinstance(answer, pl.DataFrame):
        answer = pd.DataFrame(answer.to_dict(as_series=False))
    columns = {name: _normalise_column(answer[name]) for name in answer.columns}
    return pd.DataFrame(columns)


def _normalise_column(column: Any) -> pd.Series:
    values = pd.Series(column.to_numpy(), name=column.name)
    if values.dtype == object:
        values = values.infer_objects()
    if values.dtype.kind in "iub":
        return values.astype("int64")
    if values.dtype.kind == "f":
        return values.astype("float64")
    if values.dtype.kind == "M" or pd.api.types.infer_dtype(values) == "date":
        return pd.to_datetime(values).astype("datetime64[us]")
    if pd.api.types.infer_dtype(values) == "decimal":
        return values.astype("float64")
    return values.astype("str")


def difference(answer: Any, expected: Any) -> str | None:
    """What is wrong with an answer, or None when it is right.

    Columns, row order, integers, dates and strings must be equal; floats may differ by
    ``TOLERANCE`` relative to the expected value.
    """
    got, want = normalise(answer), normalise(expected)
    if list(got.columns) != list(want.columns):
        return f"columns {list(got.columns)}, expected {list(want.columns)}"
    if len(got) != len(want):
        return f"{len(got)} rows, expected {len(want)}"
    for name in want.columns:
        left, right = got[name], want[name]
        if "f" in (left.dtype.kind, right.dtype.kind):
            same = np.isclose(
                left.astype("float64"),
                right.astype("float64"),
                rtol=TOLERANCE,
                atol=0,
                equal_nan=True,
            )
        else:
            same = (left == right).to_numpy()
        if not same.all():
            row = int(np.argmin(same))
            return f"{name}[{row}] is {left.iloc[row]!r}, expected {right.iloc[row]!r}"
    return None


def check(
    tables: Tables, run: Callable[[int, Tables], Any], numbers: tuple[int, ...] = NUMBERS
) -> dict[int, str]:
    """Query number -> what is wrong with the answer of ``run``; right answers are left out."""
    connection = connect_duckdb(tables)
    problems = {}
    for number in numbers:
        expected = run_duckdb(number, connection, tables)
        try:
            problem = difference(run(number, tables), expected)
        except Exception as error:  # noqa: BLE001 - one failure must not hide the other queries
            problem = f"{type(error).__name__}: {error}"
        if problem is not None:
            problems[number] = problem
    connection.close()
    return problems


def runner(system: str) -> Callable[[int, Tables], Any]:
    """How a system of ``SYSTEMS`` answers a query."""
    if system == "polars":
        return run_polars
    module: ModuleType = importlib.import_module(MODULES[system])
    return lambda number, tables: PANDAS[number](module, tables)


def main() -> int:
    """Check systems at scale factors; the exit code is 1 when an answer is wrong."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--scale", type=float, nargs="+", default=[0.01])
    parser.add_argument("--variant", choices=VARIANTS, nargs="+", default=list(VARIANTS))
    parser.add_argument("--system", choices=SYSTEMS, nargs="+", default=["pandas", "polars"])
    parser.add_argument("--query", type=int, choices=NUMBERS, nargs="+", default=list(NUMBERS))
    args = parser.parse_args()
    wrong = 0
    for scale_factor in args.scale:
        for variant in cast(list[Variant], args.variant):
            tables = load(scale_factor, variant)
            for system in args.system:
                problems = check(tables, runner(system), tuple(args.query))
                right = len(args.query) - len(problems)
                print(f"SF {scale_factor:g} {variant} {system}: {right} of {len(args.query)}")
                for number, problem in problems.items():
                    print(f"  Q{number}: {problem[:300]}")
                wrong += len(problems)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
