"""A groupby, windows and accessors that were made before their frame was changed in place."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pandas
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

import raylab.frame as pd
from raylab.frame import support

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")
Change = Callable[[Any], Any]
Use = Callable[[Any], Any]


def _frame() -> pandas.DataFrame:
    return pandas.DataFrame(
        {
            "k": ["b", "a", "b", "a", "c"],
            "x": [1.0, 2.0, 3.0, 4.0, 5.0],
            "y": [10, 20, 30, 40, 50],
        }
    )


def _set(label: str, value: Any) -> Change:
    def change(df: Any) -> None:
        df[label] = value(df) if callable(value) else value

    return change


def _delete(label: str) -> Change:
    def change(df: Any) -> None:
        del df[label]

    return change


def _write(position: tuple[int, int], value: Any) -> Change:
    def change(df: Any) -> None:
        df.iloc[position] = value

    return change


def _labels(df: Any) -> None:
    df.columns = ["k", "y", "x"]


def _index(df: Any) -> None:
    df.index = [5, 6, 7, 8, 9]


def _row(df: Any) -> None:
    df.loc[7] = ["a", 9.0, 9]


CHANGES: dict[str, Change] = {
    "nothing": lambda df: None,
    "computed": lambda df: df.to_numpy(),
    "column": _set("x", lambda df: df["x"] * 10),
    "new column": _set("z", lambda df: df["y"] + 1),
    "list": _set("x", [5.0, 4.0, 3.0, 2.0, 1.0]),
    "value": _write((0, 1), 100.0),
    "keys": _set("k", ["a", "a", "a", "b", "b"]),
    "key": _write((0, 0), "a"),
    "deleted": _delete("y"),
    "popped": lambda df: df.pop("y"),
    "deleted key": _delete("k"),
    "inserted": lambda df: df.insert(0, "z", [5, 6, 7, 8, 9]),
    "renamed": lambda df: df.rename(columns={"x": "w"}, inplace=True),
    "labels": _labels,
    "index": _index,
    "sorted": lambda df: df.sort_values("x", ascending=False, inplace=True),
    "row": _row,
    "fewer": lambda df: df.drop(index=0, inplace=True),
    "updated": lambda df: df.update(pandas.DataFrame({"x": [100.0]})),
}
GROUPED: dict[str, Use] = {
    "column": lambda g: g["x"].sum(),
    "attribute": lambda g: g.x.max(),
    "columns": lambda g: g[["x", "y"]].sum(),
    "all": lambda g: g.sum(),
    "agg": lambda g: g.agg("max"),
    "dict": lambda g: g.agg({"x": "sum"}),
    "named": lambda g: g.agg(q=("x", "min")),
    "head": lambda g: g.head(1),
    "nth": lambda g: g.nth(0),
    "size": lambda g: g.size(),
    "cumsum": lambda g: g.cumsum(),
    "cumcount": lambda g: g.cumcount(),
    "describe": lambda g: g.describe(),
    "parts": lambda g: {k: d.to_dict("list") for k, d in g},
}
MOVING: dict[str, tuple[Use, Use]] = {
    "rolling": (lambda df: df.drop(columns="k").rolling(2), lambda w: w.sum()),
    "rolling numbers": (lambda df: df.rolling(2), lambda w: w.sum(numeric_only=True)),
    "expanding": (lambda df: df.expanding(), lambda w: w.mean(numeric_only=True)),
    "ewm": (lambda df: df.ewm(com=1), lambda w: w.mean(numeric_only=True)),
    "rolling column": (lambda df: df.rolling(2)["x"], lambda w: w.sum()),
    "rolling columns": (lambda df: df.rolling(2)[["x", "y"]], lambda w: w.sum()),
    "rolling kurt": (lambda df: df.rolling(4), lambda w: w.kurt(numeric_only=True)),
    "rolling cov": (lambda df: df.rolling(2)["x"], lambda w: w.cov()),
    "groups": (lambda df: df.groupby("k").rolling(2), lambda w: w.sum()),
    "column of groups": (lambda df: df.groupby("k")["x"].rolling(2), lambda w: w.sum()),
    "group column": (lambda df: df.groupby("k")["x"], lambda g: g.sum()),
    "group columns": (lambda df: df.groupby("k")[["x", "y"]], lambda g: g.sum()),
    "resample": (
        lambda df: df.set_index(pandas.date_range("2024", periods=5))["x"].resample("2D"),
        lambda r: r.sum(),
    ),
}
KEYS: dict[str, Use] = {
    "label": lambda df: df.groupby("k"),
    "list": lambda df: df.groupby(["k"]),
    "series": lambda df: df.groupby(df["k"]),
    "derived": lambda df: df.groupby(df["y"] > 20),
}


def _outcome(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except (AssertionError, AttributeError, IndexError, KeyError, ValueError) as error:
        return type(error)


def _same(got: Any, expected: Any) -> None:
    if isinstance(expected, pandas.DataFrame | pandas.Series):
        same: Any = assert_frame_equal if expected.ndim == 2 else assert_series_equal
        same(got.to_pandas(), expected)
    else:
        assert got == expected


@pytest.fixture(params=["memory", "file"])
def made(request: pytest.FixtureRequest, lazy: None, tmp_path: Path) -> Callable[[], Any]:
    """Makes a lazy frame: in memory in one partition, or of a file in three."""
    if request.param == "memory":
        return lambda: pd.DataFrame(_frame())
    pd.set_option("raylab.npartitions", 3)
    file = tmp_path / "frame.parquet"
    _frame().to_parquet(file)
    return lambda: pd.read_parquet(file)


def _check(ours: Any, make: Use, first: Use | None, change: Change, use: Use) -> None:
    """Makes something of raylab's and of pandas' frame, uses it, changes the frame, uses it again."""
    pd.set_option("raylab.fallback", "silent")
    frames = (ours, _frame())
    mine, expected = (make(df) for df in frames)
    if first is not None:
        _same(_outcome(lambda: first(mine)), _outcome(lambda: first(expected)))
    for df in frames:
        change(df)

    _same(_outcome(lambda: use(mine)), _outcome(lambda: use(expected)))


@pytest.mark.parametrize("change", CHANGES)
def test_groupby_follows_its_frame(change: str, lazy: None) -> None:
    for name, use in GROUPED.items():
        if (change, name) == ("row", "cumsum"):
            continue  # pandas reads memory behind its keys
        _check(pd.DataFrame(_frame()), KEYS["label"], None, CHANGES[change], use)


@pytest.mark.parametrize("keys", KEYS)
def test_groupby_follows_its_frame_by_other_keys(keys: str, made: Callable[[], Any]) -> None:
    for change, use in product(("computed", "column", "keys", "key", "fewer"), ("column", "all")):
        _check(made(), KEYS[keys], None, CHANGES[change], GROUPED[use])


@pytest.mark.parametrize("change", ["column", "new column", "value"])
def test_used_groupby_keeps_what_pandas_keeps(change: str, lazy: None) -> None:
    firsts = ("column", "columns", "all", "agg", "dict", "head", "size", "cumcount", "describe")
    for first, second in product(firsts, ("column", "all", "dict", "head", "cumsum")):
        ours = pd.DataFrame(_frame())
        _check(ours, KEYS["label"], GROUPED[first], CHANGES[change], GROUPED[second])


@pytest.mark.parametrize("case", MOVING)
def test_windows_follow_their_frame(case: str, made: Callable[[], Any]) -> None:
    make, use = MOVING[case]
    for change in ("computed", "column", "value", "deleted", "sorted", "row"):
        for first in (None, use):
            _check(made(), make, first, CHANGES[change], use)


SERIES: dict[str, tuple[Any, Use, Use]] = {
    "rolling": ([1.0, 2.0, 3.0], lambda s: s.rolling(2), lambda w: w.sum()),
    "expanding": ([1.0, 2.0, 3.0], lambda s: s.expanding(), lambda w: w.sum()),
    "str": (["a", "b", "c"], lambda s: s.str, lambda a: a.upper()),
    "str method": (["a", "b", "c"], lambda s: s.str, lambda a: a.casefold()),
    "dt": (pandas.date_range("2024", periods=3), lambda s: s.dt, lambda a: a.day),
    "cat": (pandas.Categorical(["a", "b", "a"]), lambda s: s.cat, lambda a: a.codes),
}


@pytest.mark.parametrize("case", SERIES)
def test_series_are_followed(case: str, lazy: None) -> None:
    pd.set_option("raylab.fallback", "silent")
    values, make, use = SERIES[case]
    theirs = pandas.Series(values, name="v").copy()
    ours = pd.Series(theirs.copy())
    mine, expected = make(ours), make(theirs)
    _same(use(mine), use(expected))

    for series in (ours, theirs):
        series.iloc[0] = series.iloc[1]
        if case != "cat":  # which keeps the values that it has seen
            series.loc[8] = series.iloc[1]

    _same(use(mine), use(expected))


def test_series_groupby_follows_its_series(lazy: None) -> None:
    pd.set_option("raylab.fallback", "silent")
    theirs = pandas.Series([1.0, 2.0, 3.0], index=[1, 2, 1], name="v")
    ours = pd.Series(theirs)
    mine, expected = ours.groupby(level=0), theirs.groupby(level=0)

    for series in (ours, theirs):
        series.iloc[0] = 100.0

    _same(mine.sum(), expected.sum())


def test_native_where_the_rows_are_the_same(made: Callable[[], Any]) -> None:
    df = made()
    groups = df.groupby("k")
    df["x"] = df["x"] * 10
    df["z"] = df["y"]

    assert groups["x"].sum().tolist() == [60.0, 40.0, 50.0]
    assert groups.z.sum().tolist() == [60, 40, 50]
    assert support.fallbacks() == []
