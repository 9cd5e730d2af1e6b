"""Every native dtype through the same operations: what pandas gives, without a fallback."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet
import pytest

import raylab.frame as pd
from raylab.frame import support
from tests.frame.agreement import Operation, assert_same, check

ROWS = 24
_random = np.random.default_rng(3)


def _missing(values: list[Any], share: float = 0.25) -> list[Any]:
    return [None if _random.random() < share else value for value in values]


def _integers() -> list[int]:
    return [int(x) for x in _random.integers(-4, 5, ROWS)]


def _days() -> list[dt.date]:
    return [dt.date(2024, 2, 27) + dt.timedelta(days=x) for x in _integers()]


def _words() -> list[str]:
    return [str(x) for x in _random.choice(["", "a", "B", "ab", "\u00e9"], ROWS)]


def _column(dtype: str) -> Any:
    """Values of a dtype with repetitions, and with missing ones where it knows them."""
    make: Callable[..., Any] = pandas.array
    if dtype.startswith(("datetime64", "timedelta64")):
        days = pandas.to_timedelta(pandas.Series(_missing(_integers()), dtype="float64"), unit="D")
        if dtype.startswith("timedelta64"):
            return days.astype(dtype).array
        moments = (days + pandas.Timestamp("2024-03-31 00:30")).astype(
            f"{dtype.split(',')[0].rstrip(']')}]"
        )
        zone = dtype.partition(", ")[2].rstrip("]")
        return (moments.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else moments).array
    match dtype:
        case "decimal":
            cents = [decimal.Decimal(x).scaleb(-2) for x in _integers()]
            return make(_missing(cents), dtype=pandas.ArrowDtype(pa.decimal128(15, 2)))
        case "date":
            return make(_missing(_days()), dtype=pandas.ArrowDtype(pa.date32()))
        case "category":
            return pandas.Categorical(_missing(_words()), categories=["ab", "B", "a", "", "\u00e9"])
        case "boolean" | "bool[pyarrow]":
            return make(_missing([x > 0 for x in _integers()]), dtype=dtype)
        case "string" | "text[pyarrow]":
            arrow = pandas.ArrowDtype(pa.string())
            return make(_missing(_words()), dtype="string" if dtype == "string" else arrow)
        case "timestamp[us][pyarrow]":
            return make(_missing([pandas.Timestamp(day) for day in _days()]), dtype=dtype)
        case "int16" | "uint8" | "float32":
            return np.abs(_integers()).astype(dtype)
        case _:
            return make(
                _missing([x / 2 if "oat" in dtype or "dou" in dtype else x for x in _integers()]),
                dtype=dtype,
            )


DTYPES = [
    "int16", "uint8", "float32", "category",
    "Int64", "Int8", "Float64", "boolean", "string",
    "date", "decimal", "int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]", "text[pyarrow]", "timestamp[us][pyarrow]",
    *(f"datetime64[{unit}]" for unit in ("s", "ms", "us", "ns")),
    *(f"datetime64[{unit}, Europe/Berlin]" for unit in ("s", "ms", "us", "ns")),
    *(f"timedelta64[{unit}]" for unit in ("s", "ms", "us", "ns")),
]  # fmt: skip

ANY: dict[str, Operation] = {
    "column": lambda p, d: d[["c"]],
    "isna": lambda p, d: d.c.isna(),
    "present": lambda p, d: d[d.c.notna()],
    "sort": lambda p, d: d.sort_values(["c", "k"], kind="stable"),
    "sort down": lambda p, d: d.sort_values("c", kind="stable", ascending=False, na_position="first"),
    "group": lambda p, d: d.groupby("c", observed=True).k.sum(),
    "group with missing": lambda p, d: d.groupby("c", dropna=False, observed=True)[["k"]].sum(),
    "count": lambda p, d: d.groupby("k").c.count(),
    "nunique": lambda p, d: d.groupby("k").c.nunique(),
    "distinct": lambda p, d: d.drop_duplicates("c"),
    "concat": lambda p, d: p.concat([d, d.head(3)]),
    "as index": lambda p, d: d.set_index("c"),
    "index as column": lambda p, d: d.set_index("c").reset_index(),
    "inner": lambda p, d: d.merge(d.head(9)[["c", "i"]], on="c"),
    "left": lambda p, d: d.merge(d.head(9)[["c", "i"]], on="c", how="left"),

    "length": lambda p, d: len(d.dropna()),
}  # fmt: skip
OUTER: dict[str, Operation] = {
    "outer": lambda p, d: d[["c", "k"]].merge(d.tail(5)[["c", "i"]], on="c", how="outer"),
}
ORDERED: dict[str, Operation] = {
    "smallest": lambda p, d: d.c.min(),
    "largest of groups": lambda p, d: d.groupby("k").c.max(),
    "first of groups": lambda p, d: d.groupby("k").c.first(),
    "equal": lambda p, d: d.c == d.c,
    "less": lambda p, d: d[d.c < d.c.shift()],
    "where": lambda p, d: d.c.where(d.k > 0),
    "shift": lambda p, d: d.c.shift(),
    "ffill": lambda p, d: d.c.ffill(),
    "unique": lambda p, d: d.c.unique(),
    "duplicated": lambda p, d: d.c.duplicated(),
    "to text": lambda p, d: d.c.astype("str"),
}  # fmt: skip
NUMBERS: dict[str, Operation] = {
    "sum": lambda p, d: d.c.sum(),
    "sum of groups": lambda p, d: d.groupby("k").c.sum(),
    "numeric only": lambda p, d: d.groupby("k").sum(numeric_only=True),
    "plus": lambda p, d: d.c + 2,
    "times": lambda p, d: d.c * d.c,
    "minus other": lambda p, d: d.c - d.i,
    "greater": lambda p, d: d[d.c > 1],
    "filled": lambda p, d: d.c.fillna(0),
    "among": lambda p, d: d.c.isin([1, 2]),
    "between": lambda p, d: d.c.between(-1, 2),
    "negative": lambda p, d: -d.c,
    "to floats": lambda p, d: d.c.astype("float64"),
    "to arrow floats": lambda p, d: d.c.astype("double[pyarrow]"),
}  # fmt: skip
OTHERS: dict[tuple[str, str], Operation] = {
    ("Int64", "mean of groups"): lambda p, d: d.groupby("k").c.mean(),
    ("Int64", "std of groups"): lambda p, d: d.groupby("k").c.std(),
    ("Int64", "mean"): lambda p, d: d.c.mean(),
    ("Int64", "rank"): lambda p, d: d.c.rank(),
    ("Int64", "running total"): lambda p, d: d.c.cumsum(),
    ("Int64", "difference"): lambda p, d: d.c.diff(),
    ("Int64", "values counted"): lambda p, d: d.c.value_counts(),
    ("Int64", "division"): lambda p, d: d.c / d.c,
    ("Int64", "floor division"): lambda p, d: d.c // 2,
    ("Int64", "sizes"): lambda p, d: d.groupby("k").agg(n=("c", "size")),
    ("Float64", "rounded"): lambda p, d: d.c.round(),
    ("Float64", "mean of groups"): lambda p, d: d.groupby("k").c.mean(),
    ("Float64", "clipped"): lambda p, d: d.c.clip(-1, 1),
    ("boolean", "and"): lambda p, d: d.c & d.c.shift(),
    ("boolean", "or"): lambda p, d: d.c | (d.k > 1),
    ("boolean", "not"): lambda p, d: d[~d.c],
    ("boolean", "mask"): lambda p, d: d[d.c],
    ("boolean", "mask of both"): lambda p, d: d[d.c | (d.k > 1)],
    ("boolean", "sum"): lambda p, d: d.groupby("k").c.sum(),
    ("string", "upper"): lambda p, d: d.c.str.upper(),
    ("string", "contains"): lambda p, d: d.c.str.contains("a"),
    ("string", "len"): lambda p, d: d.c.str.len(),
    ("string", "filled"): lambda p, d: d.c.fillna("?"),
    ("string", "equal to a"): lambda p, d: d.c == "a",
    ("string", "joined"): lambda p, d: d.c + "!",
    ("date", "compared"): lambda p, d: d[d.c > dt.date(2024, 2, 27)],
    ("date", "to moments"): lambda p, d: d.c.astype("timestamp[us][pyarrow]").astype("datetime64[us]"),
    ("decimal", "product of three"): lambda p, d: d.c.astype("double[pyarrow]").astype("float64") * d.c.astype("float64"),
}  # fmt: skip
_SORTED_APART = ("category", "datetime", "timedelt")
"""Keys for which an outer join of pandas has an order of its own: these fall back."""

CASES = [
    *((dtype, name, operation) for dtype in DTYPES for name, operation in ANY.items()),
    *((d, name, op) for d in DTYPES if d != "category" for name, op in ORDERED.items()),
    *((d, name, op) for d in DTYPES if d[:8] not in _SORTED_APART for name, op in OUTER.items()),
    *(
        (dtype, name, operation)
        for dtype in ("Int64", "Float64", "decimal", "int64[pyarrow]", "double[pyarrow]")
        for name, operation in NUMBERS.items()
    ),
    *((dtype, name, operation) for (dtype, name), operation in OTHERS.items()),
]


@pytest.fixture(scope="module")
def tables() -> dict[str, pandas.DataFrame]:
    keys = _random.integers(0, 4, ROWS)
    others = pandas.array(_integers(), dtype="Int64")
    return {d: pandas.DataFrame({"k": keys, "i": others, "c": _column(d)}) for d in DTYPES}


@pytest.mark.parametrize(
    ("dtype", "name", "operation"), CASES, ids=[f"{d}-{n}" for d, n, _ in CASES]
)
def test_dtype_is_native(
    dtype: str, name: str, operation: Operation, tables: dict[str, pandas.DataFrame]
) -> None:
    # How pandas writes a moment as text depends on all of them: that is left to pandas.
    as_text = name == "to text" and dtype.startswith(("datetime", "timedelta"))
    check(operation, tables[dtype], exact=False, native=not as_text)


@pytest.mark.parametrize("dtype", ["category", "datetime64[us]", "timedelta64[ns]"])
def test_outer_join_whose_order_is_pandas_own_falls_back(
    dtype: str, tables: dict[str, pandas.DataFrame]
) -> None:
    check(OUTER["outer"], tables[dtype], native=False)


BACKENDS: dict[str, Any] = {"arrow": "pyarrow", "masked": "numpy_nullable"}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("missing", [False, True])
def test_scan_gives_nullable_dtypes(backend: str, missing: bool, tmp_path: Path) -> None:
    table = pa.table(
        {
            "d": pa.array([dt.date(2024, 1, 1), None if missing else dt.date(1969, 1, 2)]),
            "m": pa.array(
                [decimal.Decimal("1.10"), None if missing else decimal.Decimal("-2.35")],
                pa.decimal128(15, 2),
            ),
            "i": pa.array([1, None if missing else 2], pa.int32()),
            "f": pa.array([0.5, None if missing else float("nan")]),
            "s": pa.array(["a", None if missing else "b"]),
            "t": pa.array([1, None if missing else 2], pa.timestamp("us")),
        }
    )
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    expected = pandas.read_parquet(tmp_path / "t.parquet", dtype_backend=BACKENDS[backend])

    lazy = pd.read_parquet(tmp_path / "t.parquet", dtype_backend=BACKENDS[backend])

    assert "_lazy" in lazy.__dict__
    assert list(lazy.dtypes) == list(expected.dtypes)
    assert_same(lazy.sort_values("i").to_pandas(), expected.sort_values("i"), exact=True)
    assert support.fallbacks() == []


def test_one_file_in_two_backends_keeps_two_results(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"i": [1, None, 3]}), tmp_path / "t.parquet")

    dtypes = [
        str(
            pd.read_parquet(tmp_path / "t.parquet", **given).sort_values("i").to_pandas()["i"].dtype
        )
        for given in ({}, {"dtype_backend": "pyarrow"}, {"dtype_backend": "numpy_nullable"})
    ]

    assert dtypes == ["float64", "int64[pyarrow]", "Int64"]


def _plain(frame: Any) -> Any:
    by_arrow = frame.astype({"m": "double[pyarrow]", "d": "timestamp[us][pyarrow]"})
    return by_arrow.astype({"m": "float64", "d": "datetime64[us]"})


def test_decimals_and_dates_of_a_scan_become_floats_and_moments(tmp_path: Path, lazy: None) -> None:
    values = [decimal.Decimal(int(x)).scaleb(-2) for x in _random.integers(-(10**15), 10**15, 500)]
    table = pa.table(
        {"m": pa.array(values, pa.decimal128(15, 2)), "d": pa.array([dt.date(2024, 2, 29)] * 500)}
    )
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    expected = _plain(pandas.read_parquet(tmp_path / "t.parquet", dtype_backend="pyarrow"))

    result = _plain(pd.read_parquet(tmp_path / "t.parquet", dtype_backend="pyarrow"))

    assert_same(result.to_pandas(), expected, exact=True)
    assert support.fallbacks() == []
