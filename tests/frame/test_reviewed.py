"""Values that a review found other than pandas'; each was silently wrong once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest

import raylab.frame as pd
from tests.frame.agreement import Operation, check

DAYS = pandas.date_range("2024-01-01", periods=6, unit="us")
TABLE = pandas.DataFrame(
    {
        "k": [1, 1, 2, 2, 2, 3],
        "i8": np.array([1, 2, 3, -128, 127, 0], dtype="int8"),
        "i16": np.array([1, 300, 3, 4, 127, 0], dtype="int16"),
        "least": np.array([-(2**63), 0, 1, 2, 3, 4]),
        "f": [0.1, np.nan, 0.0, -np.inf, 0.0, np.inf],
        "same": [1.0] * 6,
        "half": np.array([0.1, 1.0, 16777216.0, 1.0, 0.0, 0.3], dtype="float32"),
        "s": ["a", "ab", "a{,2}", ":", "alpha", None],
        "t": [*DAYS[:5], DAYS[5] + pandas.Timedelta(seconds=1)],
        "d": pandas.to_timedelta([1, 2, 3, 4, 5, 90_000], unit="s").as_unit("us"),
    }
).astype({"s": "str"})

CASES: dict[str, Operation] = {
    "moments as text": lambda p, d: d.t.astype(str),
    "moments as nullable text": lambda p, d: d.t.astype("string"),
    "spans as text": lambda p, d: d.d.astype(str),
    "a day of a shuffled index": lambda p, d: (
        d.iloc[[4, 2, 0, 5, 1, 3]].set_index("t").loc["2024-01-03"]
    ),
    "a month of a shuffled index": lambda p, d: (
        d.iloc[[4, 2, 0, 5, 1, 3]].set_index("t").loc["2024-01"]
    ),
    "no bound of a repetition": lambda p, d: d.s.str.contains("a{,2}"),
    "a class by its name": lambda p, d: d.s.str.contains("[[:alpha:]]"),
    "more of the largest than there are": lambda p, d: d.groupby("k").f.nlargest(4),
    "more of the smallest than there are": lambda p, d: d.groupby("k").f.nsmallest(4),
    "skew of constants": lambda p, d: d.same.skew(),
    "skew of constants in groups": lambda p, d: d.groupby("k").same.skew(),
    "kurtosis of constants": lambda p, d: d[["same"]].kurt(),
    "a mask as an index": lambda p, d: d.i8.loc[
        pandas.Index([True, False, True, True, False, True])
    ],
    "an ellipsis": lambda p, d: d.loc[..., "i8"],
    "moments in no order": lambda p, d: (
        d.iloc[[4, 2, 0, 5, 1, 3]].set_index("t").i8.loc["2024-01-02":"2024-01-04"]
    ),
    "windows of months": lambda p, d: d[["t", "i8"]].rolling("2MS", on="t").sum(),
    "windows of days": lambda p, d: d[["t", "i8"]].rolling("2D", on="t").sum(),
    "sizes beside their keys": lambda p, d: d.groupby("k", as_index=False)["i8"].agg("size"),
    "sizes of a column": lambda p, d: d.groupby("k")["i8"].agg("size"),
    "sparse with a fill of another kind": lambda p, d: (
        d.k.astype(pandas.SparseDtype(np.int64, np.nan)).dtype.name
    ),
    "an array beside a square frame": lambda p, d: d[["k", "least"]].head(2) + np.array([1, 2]),
    "an array as columns of a frame": lambda p, d: d[["k", "least"]].head(2).add([1, 2], axis=0),
    "columns of one array": lambda p, d: d[["k", "least"]].head(2) + np.array([[1], [2]]),
    "labels by a part of moments": lambda p, d: d.set_index("t").drop("2024-01-03"),
    "columns by an axis and rows by name": lambda p, d: d.drop(index=1, axis=1),
    "correlation of constants": lambda p, d: p.DataFrame({"a": [0.4] * 2000, "b": 0.1}).corr(),
    "a level that is not there": lambda p, d: d[["k"]].unstack("nothing"),
    "names that are missing": lambda p, d: [
        (d.k.rename(a) + d.i8.rename(b)).name is a
        for a, b in [(np.nan, np.nan), (pandas.NA, pandas.NA), (pandas.NA, "x"), ("x", "x")]
    ],
    "the name of an index": lambda p, d: d.k + pandas.Index([1, 2, 3, 4, 5, 6], name="other"),
    "a tolerance of another kind": lambda p, d: p.merge_asof(
        d[["k"]], d[["k", "i8"]], on="k", tolerance=1.0
    ),
    "exact matches as text": lambda p, d: p.merge_asof(
        d[["k"]], d[["k", "i8"]], on="k", allow_exact_matches="true"
    ),
    "products along rows": lambda p, d: d[["k", "i16"]].product(axis=1),
    "kurtosis along rows": lambda p, d: d[["k", "i8", "i16", "same"]].kurtosis(axis=1),
    "skew far from 0": lambda p, d: round((p.Series([1.0, 2, 4, 7, 3]) + 1e10).skew(), 9),
    "kurtosis far from 0": lambda p, d: round((p.Series([1.0, 2, 4, 7, 3]) + 1e10).kurt(), 9),
    "totals beside missing labels": lambda p, d: d.pivot_table(
        index="k", columns="s", values="i8", aggfunc="count", dropna=False, margins=True
    ),
    "functions of a column in time": lambda p, d: d.resample("2D", on="t")["i16"].apply(len),
    "named functions in time": lambda p, d: d.resample("2D", on="t")[["i8", "i16"]].agg(
        total=("i16", "sum")
    ),
    "indicators of bytes": lambda p, d: p.get_dummies(
        p.DataFrame({"b": p.Series([b"x", b"y"], dtype=p.ArrowDtype(pa.binary())), "i": [1, 2]})
    ),
    "float32 among floats": lambda p, d: d.half.isin([0.1, 1.0]),
    "float32 among a column": lambda p, d: d.half.isin(d.f),
    "moments among texts": lambda p, d: d.t.isin(["2024-01-01"]),
    "seconds among finer moments": lambda p, d: d.t.astype("datetime64[s]").isin(
        [p.Timestamp("2024-01-01 00:00:00.5")]
    ),
    "the least integer among floats": lambda p, d: d.least.isin([float(-(2**63))]),
    "narrow integers among wider ones": lambda p, d: d.i8.isin(d.i16),
    "wide integers among narrower ones": lambda p, d: d.i16.isin(d.i8),
    "integers among unsigned ones": lambda p, d: d.k.isin(d.k.astype("uint64")),
    "mean of float32 in groups": lambda p, d: d.groupby("k").half.mean(),
    "transformed mean of float32": lambda p, d: d.groupby("k").half.transform("mean"),
    "means of float32": lambda p, d: d[["half"]].mean(),
    "mean of a float32 column": lambda p, d: d.half.mean(),
    "map to narrow integers": lambda p, d: d.k.map(
        p.Series(np.array([1, 2, 3], dtype="int8"), index=[1, 2, 3])
    ),
    "map from what cannot be there": lambda p, d: d.i8.map({300: 1, 1: 2}),
    "cases of another dtype": lambda p, d: d.k.case_when([(d.k > 100, 1.5)]),
    "cases of float32": lambda p, d: d.half.case_when([(d.k > 1, 0.1)]),
    "cases of the same dtype": lambda p, d: d.k.case_when([(d.k > 2, 7), (d.k > 1, 8)]),
    "median with an infinity": lambda p, d: d.f.iloc[2:4].median(),
    "ranks of text in Python's storage": lambda p, d: d.f.astype("string[python]").rank(),
    "unstacked levels with names that are tuples": lambda p, d: (
        d.iloc[:4]
        .set_index(["k", "i8"])["i16"]
        .rename_axis([("A", "a"), ("B", "b")])
        .unstack(("A", "a"))
    ),
    "keys of a concatenation with a name": lambda p, d: p.concat(
        [d[["k"]], d[["k"]]], keys=p.Index(["x", "y"], name="part")
    ),
    "keys of several levels": lambda p, d: p.concat(
        [d.k, d.k], keys=p.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["p", "q"])
    ),
    "a label of a level whose name is a number": lambda p, d: (
        d.set_index(["k", "i8"])["f"].rename_axis([1, 0]).loc[2]
    ),
    "a label as an array without dimensions": lambda p, d: d.k.loc[np.array(2)],
    "a position as an array without dimensions": lambda p, d: d.k.iloc[np.array(2)],
    "medians with infinities": lambda p, d: d.groupby("k").f.median(),
    "the most frequent of moments and a missing one": lambda p, d: p.concat(
        [d.t.shift(), d.t.shift()]
    ).mode(dropna=False),
    "the most frequent of spans and a missing one": lambda p, d: d.d.shift(2).mode(dropna=False),
    "the most frequent of numbers and a missing one": lambda p, d: d.f.mode(dropna=False),
    "groups by moments with a frequency": lambda p, d: d.groupby(
        p.date_range("2024-01-01", periods=6, freq="D")
    )["i16"].sum(),
    "a number that is not one, beside a missing one": lambda p, d: (
        _with_nan_and_na(p).groupby("k")["v"].sum(skipna=False)
    ),
    "two sides whose names are missing alike": lambda p, d: np.add(
        d.k.rename(np.nan), d.i16.rename(np.nan)
    ),
    "spans times a span": lambda p, d: d.d * np.timedelta64(5, "ns"),
    "spans times a span of pandas": lambda p, d: d.d * p.Timedelta(5),
    "spans over a span": lambda p, d: d.d / np.timedelta64(5, "s"),
    "integers of floats where a condition holds": lambda p, d: d.half.astype(int).where(
        d.k == 1, 0
    ),
    "integers of floats or nothing": lambda p, d: d.half.astype(int).where(d.k == 1),
    "integers of floats masked twice": lambda p, d: (
        d.half.astype(int).mask(d.k == 1, 7).where(d.i8 > 0, 8) + 1
    ),
    "integers of floats as the other ones": lambda p, d: d.k.where(d.k == 2, d.half.astype(int)),
    "integers of missing floats that are not chosen": lambda p, d: (
        d.f.where(d.f > -1).astype(int).where(d.k > 5, 0)
    ),
    "integers of floats in cells": lambda p, d: (
        d.iloc[:4].set_index(["k", "i8"])["half"].astype(int).unstack()
    ),
    "integers of floats in pivoted cells": lambda p, d: d.assign(v=d.half.astype(int)).pivot(
        index="i8", columns="k", values="v"
    ),
    "integers of text, assigned to some rows": lambda p, d: _assigned(
        d, d.k == 2, d.k.astype(str).astype(int)
    ),
    "integers of floats beside missing numbers": lambda p, d: round(
        d.half.astype(int).corr(d.f.replace([np.inf, -np.inf], np.nan)), 9
    ),
    "quotients of integers of floats": lambda p, d: (
        d.half.astype(int) / (d.half.astype(int) * d.i8.clip(0, 1))
    ).sum(),
    "functions of columns in a pivot table": lambda p, d: d.pivot_table(
        index="k", columns="s", aggfunc={"i8": ["max"], "i16": ["sum"]}
    ),
    "groups by a mapping to tuples": lambda p, d: [
        (name, len(rows)) for name, rows in d.groupby({i: ("a", i % 2) for i in range(6)})
    ],
    "whether it is missing": lambda p, d: _with_nan_and_na(p)["v"].isna(),
}


def _assigned(frame: Any, rows: Any, values: Any) -> Any:
    frame.loc[rows, "i16"] = values
    return frame


def _with_nan_and_na(p: Any) -> Any:
    """Nullable floats that hold NaN as a number, beside NA."""
    values = np.array([1.0, np.nan, 3.0, 4.0])
    missing = np.array([False, False, True, False])
    return p.DataFrame({"k": [1, 1, 2, 2], "v": p.arrays.FloatingArray(values, missing)})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_answer_is_the_one_of_pandas(name: str) -> None:
    check(CASES[name], TABLE, native=False)


def test_nan_and_na_are_told_apart_where_pandas_is_asked_to() -> None:
    def quotients(p: Any) -> Any:
        return p.Series([0.0, 1.0, None], dtype="Float64") / 0.0

    with pandas.option_context("future.distinguish_nan_and_na", True):
        own, expected = quotients(pd), quotients(pandas)
        assert own.isna().tolist() == expected.isna().tolist() == [False, False, True]
        assert own.sum() is expected.sum() is pandas.NA
