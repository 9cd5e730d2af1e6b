"""Operators, element-wise methods, selection and summaries against pandas, on random frames."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import raylab.frame as pd
from tests.frame.agreement import Operation, check, frames

LIMIT = 1.5

OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "eq", "ne", "lt", "le", "gt")
COLUMNS = ("k", "i", "small", "f", "g", "half", "b", "d")
CONSTANTS: tuple[Any, ...] = (0, 2, -3, 2.5, 0.0, True, np.float32(2), np.int8(3))
UFUNCS = ("sqrt", "exp", "log1p", "sin", "floor", "sign", "isnan", "rint", "square", "negative")


def _set(label: Any, value: Any) -> Operation:
    """``df.loc[df.f > 0, label] = value``; the value may be a function of the frame."""

    def assign(p: Any, d: Any) -> Any:
        d = d.copy()
        d.loc[d.f > 0, label] = value(d) if callable(value) else value
        return d

    return assign


VALUES: dict[str, Operation] = {
    **{f"numpy {u}": (lambda p, d, u=u: getattr(np, u)(d.f)) for u in UFUNCS},
    "numpy frame": lambda p, d: np.cbrt(d[["f", "k"]]),
    "numpy maximum": lambda p, d: np.maximum(d.f, d.g),
    "numpy minimum constant": lambda p, d: np.minimum(2.5, d.k),
    "method": lambda p, d: d.k.mul(d.f),
    "method reversed": lambda p, d: d[["k", "f"]].rsub(1),
    "method by rows": lambda p, d: d[["k", "f"]].mul(d.g, axis=0),
    "frame divided": lambda p, d: d[["k", "f"]] / 3,
    "round": lambda p, d: d.f.round(1),
    "round to tens": lambda p, d: d.half.round(-1),
    "round some": lambda p, d: d[["f", "g", "k"]].round({"f": 1}),
    "where": lambda p, d: d.k.where(d.f > 0, -1),
    "where wider": lambda p, d: d.k.where(d.f > 0, 0.5),
    "where beyond": lambda p, d: d.small.where(d.b, 1000),
    "where frame": lambda p, d: d[["f", "k"]].where(d[["f", "k"]] > 0, 0),
    "where frame missing": lambda p, d: d[["f", "g"]].where(d[["f", "g"]] > 0),
    "where other frame": lambda p, d: d[["f", "g"]].where(d[["f", "g"]] > 0, -d[["f", "g"]]),
    "mask text": lambda p, d: d.s.mask(d.b, "none"),
    "mask moment": lambda p, d: d.t.mask(d.b),
    "fillna frame": lambda p, d: d[["f", "g", "k", "b"]].fillna(0),
    "fillna by column": lambda p, d: d.fillna({"f": 1.5, "s": "?", "none": 3}),
    "fillna of nothing missing": lambda p, d: d.k.fillna("a"),
    "clip frame": lambda p, d: d[["f", "k"]].clip(-1, 1),
    "isin frame": lambda p, d: d[["k", "small"]].isin([1, 2]),
    "isin by column": lambda p, d: d[["k", "small"]].isin({"k": [1]}),
    "isin nothing": lambda p, d: d.k.isin([]),
    "isin missing": lambda p, d: d.s.isin([None]),
    "replace": lambda p, d: d.k.replace(1, 5),
    "replace by map": lambda p, d: d.k.replace({0: 1, 1: 0}),
    "replace list": lambda p, d: d.k.replace([0, 1], 9),
    "replace text": lambda p, d: d.s.replace({"a": "b", "": "empty"}),
    "replace float": lambda p, d: d.f.replace(1.5, 2),
    "map series": lambda p, d: d.k.map(pandas.Series({0: 1.5, 1: 2.5})),
    "astype text": lambda p, d: d.f.astype("str"),
    "astype integer": lambda p, d: d.f.astype("int64"),
    "astype narrow": lambda p, d: d.i.astype("int32"),
    "astype bool": lambda p, d: d.f.astype("bool"),
    "astype of text": lambda p, d: d.u.astype("int64"),
    "astype back": lambda p, d: d.i.astype("str").astype("int64"),
    "astype several": lambda p, d: d.astype({"k": "str", "f": "float32"}),
    "astype moment": lambda p, d: d.t.astype("datetime64[ns]"),
}  # fmt: skip
SELECTION: dict[str, Operation] = {
    "filter items": lambda p, d: d.filter(["f", "none", "k"]),
    "filter like": lambda p, d: d.filter(like="a"),
    "filter regex": lambda p, d: d.filter(regex="^[fk]$"),
    "select numbers": lambda p, d: d.select_dtypes("number"),
    "select others": lambda p, d: d.select_dtypes(exclude=["number", "bool"]),
    "dropna series": lambda p, d: d.f.dropna(),
    "dropna thresh": lambda p, d: d[["f", "s", "t"]].dropna(thresh=2),
    "duplicated": lambda p, d: d.duplicated(["k", "b"]),
    "duplicated last": lambda p, d: d.duplicated("s", keep="last"),
    "duplicated all": lambda p, d: d.f.duplicated(keep=False),
    "not duplicated": lambda p, d: d[~d.duplicated("s")],
    "drop_duplicates series": lambda p, d: d.s.drop_duplicates(keep="last"),
    "rename series": lambda p, d: d.f.rename("other"),
    "reset_index series": lambda p, d: d.groupby("k").i.sum().reset_index(name="total"),
    "sort_index series": lambda p, d: d.groupby("s", sort=False).i.sum().sort_index(),
    "nlargest series": lambda p, d: d.i.nlargest(3),
    "nsmallest series": lambda p, d: d.k.nsmallest(4),
    "query": lambda p, d: d.query("f > 0 and s == 'a' or not b"),
    "query bits": lambda p, d: d.query("f > 0 & k < 2 | small == 1"),
    "query list": lambda p, d: d.query("k in [1, 2] and k != [2]"),
    "query local": lambda p, d: d.query("f > @LIMIT"),
    "query chained": lambda p, d: d.query("-1 < f <= 1.5"),
    "query arithmetic": lambda p, d: d.query("f + k * 2 > i / 3"),
    "query unknown": lambda p, d: d.query("nope > 1"),
    "eval": lambda p, d: d.eval("f + k"),
    "eval assignment": lambda p, d: d.eval("new = f * 2"),
    "set": _set("g", 1.5),
    "set text": _set("s", "new"),
    "set several": _set(["f", "g"], 0),
    "set column": _set("f", lambda d: d.g),
    "set moment": _set("t", pandas.Timestamp("2020-01-01")),
    "set narrow": _set("small", 3),
}  # fmt: skip
SUMMARIES: dict[str, Operation] = {
    "agg list": lambda p, d: d.i.agg(["sum", "mean", "count"]),
    "agg frame": lambda p, d: d[["i", "k"]].agg(["min", "max"]),
    "agg by column": lambda p, d: d.agg({"i": "sum", "s": "count"}),
    "count": lambda p, d: d.count(),
    "nunique": lambda p, d: d.nunique(),
    "any": lambda p, d: (d[["f", "g"]] > 0).any(),
    "all": lambda p, d: (d[["f", "g"]] > 0).all(),
    "sum of rows": lambda p, d: d[["k", "small"]].sum(axis=1),
    "largest of rows": lambda p, d: d[["f", "g"]].max(axis=1),
    "any of rows": lambda p, d: (d[["f", "g"]] > 0).any(axis=1),
    "quantiles": lambda p, d: d.k.quantile([0.1, 0.5]),
    "value_counts": lambda p, d: d.s.value_counts(),
    "value_counts missing": lambda p, d: d.f.value_counts(dropna=False),
    "value_counts shares": lambda p, d: d.b.value_counts(normalize=True),
    "value_counts found": lambda p, d: d.k.value_counts(sort=False),
    "mode": lambda p, d: d.k.mode(),
    "unique": lambda p, d: d.s.unique(),
    "unique moments": lambda p, d: d.t.unique(),
    "idxmax": lambda p, d: d.i.idxmax(),
    "idxmin": lambda p, d: d.k.idxmin(),
    "describe": lambda p, d: d[["k", "small", "s"]].describe(),
}  # fmt: skip
FALLING_BACK: dict[str, Operation] = {
    "isin of several kinds": lambda p, d: d.k.isin([1, "a"]),
    "isin other missing": lambda p, d: d.f.isin([None]),
    "isin zone": lambda p, d: d.z.isin([pandas.Timestamp("2020-01-01")]),
    "replace wider": lambda p, d: d.k.replace(1, 4.5),
    "replace by column": lambda p, d: d.replace({"k": {1: 2}}),
    "frame and series": lambda p, d: d[["k", "f"]].head(3) + d.k.head(3),
    "filter rows": lambda p, d: d.dropna(axis=1),
    "query index": lambda p, d: d.query("index > 1"),
    "query method": lambda p, d: d.query("s.str.len() > 1"),
    "set missing": _set("f", np.nan),
    "set wider": _set("k", 1.5),
    "set new": _set("new", 1.5),
    "mod zero": lambda p, d: d.k % 0,
}


@settings(deadline=None, max_examples=150)
@given(
    frames(),
    st.sampled_from(OPERATORS),
    st.sampled_from(COLUMNS),
    st.one_of(st.sampled_from(COLUMNS), st.sampled_from(CONSTANTS)),
    st.booleans(),
)
def test_operators_agree_to_the_last_bit(
    table: pandas.DataFrame, name: str, column: str, other: Any, swapped: bool
) -> None:
    compute: Callable[[Any, Any], Any] = getattr(operator, name)

    def operation(p: Any, d: Any) -> Any:
        sides = (d[column], d[other] if isinstance(other, str) else other)
        return compute(*sides[::-1]) if swapped else compute(*sides)

    check(operation, table, native=False)


@settings(deadline=None, max_examples=120)
@given(frames(), st.sampled_from(sorted(VALUES)))
def test_values_are_native_and_exact(table: pandas.DataFrame, name: str) -> None:
    check(VALUES[name], table)


@settings(deadline=None, max_examples=100)
@given(frames(), st.sampled_from(sorted(SELECTION)))
def test_selection_is_native_and_exact(table: pandas.DataFrame, name: str) -> None:
    check(SELECTION[name], table)


@settings(deadline=None, max_examples=80)
@given(frames(smallest=2), st.sampled_from(sorted(SUMMARIES)))
def test_summaries_agree(table: pandas.DataFrame, name: str) -> None:
    check(SUMMARIES[name], table, exact=False)


@settings(deadline=None, max_examples=40)
@given(frames(smallest=1), st.sampled_from(sorted(FALLING_BACK)))
def test_what_falls_back_gives_pandas_values(table: pandas.DataFrame, name: str) -> None:
    check(FALLING_BACK[name], table, native=False)


def test_assignment_by_mask_stays_lazy(lazy: None) -> None:
    df = pd.from_pandas(pandas.DataFrame({"x": [1.0, -1.0, 2.0]}))[["x"]]

    df.loc[df.x > 0, "x"] = 0.0

    assert "_lazy" in df.__dict__
    assert df.x.tolist() == [0.0, -1.0, 0.0]


@pytest.mark.parametrize("divisor", [3, 7, 10, 0.1])
def test_division_by_a_constant_is_a_division(lazy: None, divisor: float) -> None:
    values = np.arange(1.0, 500.0)

    result = (pd.Series(values) / divisor).to_numpy()

    np.testing.assert_array_equal(result, values / divisor)
