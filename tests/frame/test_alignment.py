"""Two sides with the same rows but other labels: pandas matches the labels, or refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest

import raylab.frame as pd
from tests.frame.agreement import Operation, check

TABLE = pandas.DataFrame(
    {
        "a": [3, 1, 2, 5, 4],
        "f": [0.5, -1.0, 2.5, 4.0, 3.0],
        "b": [True, False, True, True, False],
        "s": ["x", "y", "x", "z", "y"],
    }
)

MADE: dict[str, Operation] = {
    "filtered": lambda p, d: d[d.a > 1],
    "sorted": lambda p, d: d.sort_values("a"),
    "set": lambda p, d: d.set_index("a", drop=False).rename_axis("label"),
    "grouped": lambda p, d: (
        d.groupby("s")
        .agg(a=("a", "sum"), f=("f", "max"), b=("b", "any"), s=("s", "first"))
        .rename_axis("group")
    ),
}
"""Frames whose labels are not those of their own rows numbered anew."""


def _set_column(x: Any, y: Any) -> Any:
    x = x.copy()
    x["z"] = y.f
    return x


def _set_rows(x: Any, y: Any) -> Any:
    x = x.copy()
    x.loc[y.b, "f"] = 0.0
    return x


def _set_values(x: Any, y: Any) -> Any:
    x = x.copy()
    x.loc[x.b, "a"] = y.a
    return x


PAIRS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "column": lambda p, x, y: x.assign(z=y.a),
    "column set": lambda p, x, y: _set_column(x, y),
    "rows set": lambda p, x, y: _set_rows(x, y),
    "values set": lambda p, x, y: _set_values(x, y),
    "sum": lambda p, x, y: x.a + y.f,
    "method": lambda p, x, y: x.a.sub(y.f),
    "comparison": lambda p, x, y: x.a > y.f,
    "equal text": lambda p, x, y: x.s == y.s,
    "logic": lambda p, x, y: x.b & y.b,
    "ufunc": lambda p, x, y: np.maximum(x.a, y.f),
    "frames": lambda p, x, y: x[["a", "f"]] * y[["a", "f"]],
    "frames equal": lambda p, x, y: x[["a", "f"]] == y[["a", "f"]],
    "mask": lambda p, x, y: x[y.b],
    "mask of a series": lambda p, x, y: x.f[y.b],
    "mask in loc": lambda p, x, y: x.loc[y.b, ["a"]],
    "where": lambda p, x, y: x.f.where(y.b),
    "where other": lambda p, x, y: x.f.where(x.b, y.f),
    "mask method": lambda p, x, y: x.a.mask(y.b, 0),
    "frame where": lambda p, x, y: x[["a", "f"]].where(y.b, 0.0),
    "frame where frame": lambda p, x, y: x[["a", "f"]].where(y[["a", "f"]] > 1),
    "frame where other": lambda p, x, y: x[["a", "f"]].where(x[["a", "f"]] > 1, -y[["a", "f"]]),
    "clip": lambda p, x, y: x.f.clip(y.a),
    "between": lambda p, x, y: x.f.between(y.a, 3),
    "case_when": lambda p, x, y: x.f.case_when([(y.b, 0.0)]),
    "corr": lambda p, x, y: round(x.a.corr(y.f), 12),
    "cov": lambda p, x, y: round(x.a.cov(y.f), 12),
    "dot": lambda p, x, y: x.a.dot(y.f),
    "fillna": lambda p, x, y: x.f.where(x.b).fillna(y.f),
    "groupby": lambda p, x, y: x.groupby(y.s.rename("by")).f.sum(),
    "groupby own column": lambda p, x, y: x.groupby(y.s).f.sum(),
    "crosstab": lambda p, x, y: p.crosstab(x.s, y.b),
    "str.cat": lambda p, x, y: x.s.str.cat(y.s, sep="-"),
    "beside": lambda p, x, y: p.concat([x.a, y.f], axis=1),
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.filterwarnings("ignore:Boolean Series key will be reindexed:UserWarning")
def test_other_labels_are_matched(name: str, made: str) -> None:
    def numbered(p: Any, d: Any) -> Any:
        x = MADE[made](p, d)
        return PAIRS[name](p, x, x.reset_index(drop=True))

    def relabelled(p: Any, d: Any) -> Any:
        x = MADE[made](p, d)
        return PAIRS[name](p, x, x.reset_index(drop=True).set_index("f", drop=False))

    check(numbered, TABLE, native=False)
    check(relabelled, TABLE, native=False)


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("name", PAIRS)
def test_the_same_labels_stay_lazy(name: str, made: str) -> None:
    def renamed(p: Any, d: Any) -> Any:
        x = MADE[made](p, d)
        return PAIRS[name](p, x, x.rename_axis("other"))

    check(renamed, TABLE, native=name != "beside")  # its labels lose their name


SORTED: dict[str, Operation] = {
    "frame": lambda p, d: d[d.a > 1].sort_values("f", key=lambda s: -s.reset_index(drop=True)),
    "frame own numbers": lambda p, d: d[d.a > 1].sort_values(
        "f", key=lambda s: s - s.reset_index(drop=True).abs()
    ),
    "frame of several": lambda p, d: d[d.a > 1].sort_values(
        ["s", "f"], key=lambda s: s if s.name == "s" else -s
    ),
    "series": lambda p, d: d[d.a > 1].f.sort_values(key=lambda s: -s.reset_index(drop=True)),
    "series by name": lambda p, d: d.f.sort_values(key=lambda s: -s if s.name == "f" else s),
}


@pytest.mark.parametrize("name", SORTED)
def test_keys_are_taken_by_position(name: str) -> None:
    check(SORTED[name], TABLE)


def test_other_numbers_of_a_range_are_matched() -> None:
    def rows(p: Any, d: Any) -> Any:
        tail = d.iloc[2:]
        return tail.a + tail.reset_index(drop=True).a

    check(rows, TABLE, native=False)


def test_labels_of_a_file_are_matched(tmp_path: Any, lazy: None) -> None:
    TABLE.set_index("a").to_parquet(tmp_path / "table.parquet")

    def both(p: Any) -> Any:
        d = p.read_parquet(tmp_path / "table.parquet")
        return d.f - d.reset_index().a

    pd.set_option("raylab.fallback", "silent")
    pandas.testing.assert_series_equal(both(pd).to_pandas(), both(pandas))
