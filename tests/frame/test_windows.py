"""Windows and groupby: random frames give what pandas gives, in any number of partitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import raylab.frame as pd
from raylab.frame import support

Operation = Callable[[Any, Any], Any]


@st.composite
def frames(draw: st.DrawFn) -> pandas.DataFrame:
    """Up to 25 rows with repeated keys of all kinds, missing ones among them."""
    rows = draw(st.integers(0, 25))

    def values(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    floats = st.sampled_from([0.0, 1.5, -2.25, float("inf"), float("nan"), 0.1, 3.0, -7.0])
    texts = st.one_of(st.none(), st.sampled_from(["", "a", "b", "\u00e9"]))
    days = st.one_of(st.none(), st.integers(-4, 4))
    start = pandas.Timestamp("2024-02-29").as_unit("us")
    moments = start + pandas.to_timedelta(pandas.Series(values(days), dtype="float64"), unit="D")
    frame = pandas.DataFrame(
        {
            "k": np.array(values(st.integers(0, 3)), dtype="int64"),
            "m": np.array(values(st.sampled_from([1.0, 2.0, float("nan")])), dtype="float64"),
            "s": pandas.Series(values(texts), dtype="str"),
            "i": np.array(values(st.integers(-50, 50)), dtype="int64"),
            "n": np.array(values(st.integers(-5, 5)), dtype="int32"),
            "f": np.array(values(floats), dtype="float64"),
            "b": np.array(values(st.booleans()), dtype="bool"),
            "t": moments.astype("datetime64[us]"),
        }
    )
    return frame.set_index("i", drop=False) if draw(st.booleans()) else frame


PARTITIONS = st.sampled_from((1, 2, 3, 7))
KEYS = st.sampled_from(["k", "m", "s", "b", ["k", "s"], ["m", "b"]])
GROUPING = st.fixed_dictionaries({}, optional={"sort": st.booleans(), "dropna": st.booleans()})
COLUMNS = st.sampled_from(["f", "i", "n", "s", "t", "b"])


def check(
    operation: Operation, frame: pandas.DataFrame, partitions: int, *, native: bool = False
) -> None:
    """The operation gives pandas' answer, or raises pandas' error.

    Args:
        operation: of the module and a frame.
        frame: the data.
        partitions: the number of partitions.
        native: nothing may fall back.
    """
    error: Exception | None = None
    expected: Any = None
    with np.errstate(all="ignore"):
        try:
            expected = operation(pandas, frame)
        except Exception as raised:  # noqa: BLE001  whatever pandas raises is the answer
            error = raised
        support.clear_fallbacks()
        options = ("raylab.lazy_threshold_rows", 0, "raylab.npartitions", partitions)
        with pd.option_context(*options, "raylab.fallback", "silent"):
            if error is not None:
                with pytest.raises(type(error)):
                    operation(pd, pd.from_pandas(frame)).to_pandas()
                return
            result = operation(pd, pd.from_pandas(frame)).to_pandas()
    compare: Any = pandas.testing.assert_frame_equal
    if isinstance(expected, pandas.Series):
        compare = pandas.testing.assert_series_equal
    compare(result, expected, rtol=1e-12, atol=1e-12)
    if native:
        assert support.fallbacks() == []


ALONG: dict[str, Callable[[Any], Any]] = {
    "shift": lambda s: s.shift(),
    "shift up": lambda s: s.shift(-2),
    "diff": lambda s: s.diff(2),
    "pct_change": lambda s: s.pct_change(),
    "cumsum": lambda s: s.cumsum(),
    "cumprod": lambda s: s.cumprod(),
    "cummin": lambda s: s.cummin(),
    "cummax": lambda s: s.cummax(),
    "rank": lambda s: s.rank(),
    "rank dense": lambda s: s.rank(method="dense", ascending=False, pct=True),
    "rank first": lambda s: s.rank(method="first", ascending=False),
    "ffill": lambda s: s.ffill(),
    "bfill": lambda s: s.bfill(limit=1),
}


@given(frame=frames(), column=COLUMNS, name=st.sampled_from(sorted(ALONG)), partitions=PARTITIONS)
def test_values_along_all_rows(
    frame: pandas.DataFrame, column: str, name: str, partitions: int
) -> None:
    check(lambda p, d: ALONG[name](d[column]), frame, partitions)


@given(
    frame=frames(), keys=KEYS, how=GROUPING, column=COLUMNS,
    name=st.sampled_from(sorted(ALONG)), partitions=PARTITIONS,
)  # fmt: skip
def test_values_along_groups(
    frame: pandas.DataFrame,
    keys: Any,
    how: dict[str, bool],
    column: str,
    name: str,
    partitions: int,
) -> None:
    # bfill takes a limit in groups, too; shift, rank and the others take the same arguments.
    check(lambda p, d: ALONG[name](d.groupby(keys, **how)[column]), frame, partitions)


OF_GROUPS: dict[str, Operation] = {
    "cumcount": lambda p, g: g.cumcount(),
    "cumcount down": lambda p, g: g.cumcount(ascending=False),
    "ngroup": lambda p, g: g.ngroup(),
    "ngroup down": lambda p, g: g.ngroup(ascending=False),
    "head": lambda p, g: g.head(2),
    "head but": lambda p, g: g.head(-1),
    "tail": lambda p, g: g.tail(1),
    "nth": lambda p, g: g.nth(1),
    "nth several": lambda p, g: g.nth([0, -1]),
    "transform sum": lambda p, g: g[["f", "i"]].transform("sum"),
    "transform mean": lambda p, g: g.i.transform("mean"),
    "transform std": lambda p, g: g.i.transform("std"),
    "transform first": lambda p, g: g[["f", "s", "t", "b"]].transform("first"),
    "transform nunique": lambda p, g: g.n.transform("nunique"),
    "transform size": lambda p, g: g.i.transform("size"),
    "transform any": lambda p, g: g.f.transform("any"),
    "transform shift": lambda p, g: g.i.transform("shift"),
    "prod": lambda p, g: g.i.prod(),
    "any": lambda p, g: g[["f", "i", "n"]].any(),
    "all": lambda p, g: g[["f", "i", "n"]].all(),
    "median": lambda p, g: g.i.median(),
    "quantile": lambda p, g: g.i.quantile(0.3),
    "idxmax": lambda p, g: g.f.idxmax(),
    "idxmin": lambda p, g: g.n.idxmin(),
    "value_counts": lambda p, g: g.n.value_counts(),
    "value_counts share": lambda p, g: g[["n", "t"]].value_counts(normalize=True),
    "rolling mean": lambda p, g: g.f.rolling(2, min_periods=1).mean(),
    "rolling frame": lambda p, g: g[["f", "i"]].rolling(3).sum(),
    "expanding max": lambda p, g: g.n.expanding().max(),
}


@given(
    frame=frames(), keys=KEYS, how=GROUPING, name=st.sampled_from(sorted(OF_GROUPS)),
    partitions=PARTITIONS,
)  # fmt: skip
def test_results_of_groups(
    frame: pandas.DataFrame, keys: Any, how: dict[str, bool], name: str, partitions: int
) -> None:
    check(lambda p, d: OF_GROUPS[name](p, d.groupby(keys, **how)), frame, partitions)


def test_running_totals_of_groups_after_an_infinity() -> None:
    frame = pandas.DataFrame({"k": 0, "f": [1.0, np.inf, np.nan, 2.0, 3.0]})

    check(lambda p, d: d.groupby("k").f.cumsum(), frame, 1, native=True)
    check(lambda p, d: d.f.cumsum(), frame, 1, native=True)


@pytest.fixture(scope="module")
def sample() -> pandas.DataFrame:
    rng = np.random.default_rng(11)
    rows = 40
    return pandas.DataFrame(
        {
            "k": rng.integers(0, 4, rows),
            "s": pandas.array(rng.choice(["a", "b"], rows), dtype="str"),
            "i": rng.integers(-50, 50, rows),
            "n": rng.integers(-5, 5, rows).astype("int32"),
            "f": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows)),
            "b": rng.random(rows) < 0.5,
            "t": pandas.Timestamp("2024-02-29")
            + pandas.to_timedelta(rng.integers(0, 9, rows), "D"),
        }
    )


@pytest.mark.parametrize("name", ALONG)
def test_values_along_rows_are_native(name: str, sample: pandas.DataFrame) -> None:
    for partitions in (1, 3):
        for column in ("i", "f"):
            check(lambda p, d, c=column: ALONG[name](d[c]), sample, partitions, native=True)
            check(
                lambda p, d, c=column: ALONG[name](d.groupby("s")[c]),
                sample, partitions, native=True,
            )  # fmt: skip


@pytest.mark.parametrize("name", OF_GROUPS)
def test_results_of_groups_are_native(name: str, sample: pandas.DataFrame) -> None:
    for partitions in (1, 3):
        check(
            lambda p, d: OF_GROUPS[name](p, d.groupby(["s", "k"])),
            sample, partitions, native=True,
        )  # fmt: skip


@given(
    frame=frames(),
    columns=st.sampled_from([["f"], ["f", "i", "b"], ["n", "f"]]),
    window=st.integers(1, 6),
    least=st.integers(0, 6),
    center=st.booleans(),
    statistic=st.sampled_from(["sum", "mean", "std", "var", "min", "max", "median", "count"]),
    partitions=PARTITIONS,
)
def test_moving_windows(
    frame: pandas.DataFrame,
    columns: list[str],
    window: int,
    least: int,
    center: bool,
    statistic: str,
    partitions: int,
) -> None:
    def rolling(p: Any, d: Any) -> Any:
        return getattr(d[columns].rolling(window, min_periods=least, center=center), statistic)()

    def expanding(p: Any, d: Any) -> Any:
        return getattr(d[columns].expanding(least), statistic)()

    check(rolling, frame, partitions)
    check(expanding, frame, partitions, native=True)


AFTERWARDS: dict[str, Operation] = {
    "assigned": lambda p, d: d.assign(lag=d.f.shift(), mean=d.groupby("k").i.transform("mean")),
    "filtered": lambda p, d: (lambda e: e[e.i > 0])(d.assign(lag=d.i.shift())),
    "filtered by it": lambda p, d: (lambda e: e[e.i > e.lag].head(5))(d.assign(lag=d.i.shift())),
    "top of each": lambda p, d: d[d.groupby("k").i.rank(method="first") <= 2],
    "after a filter": lambda p, d: (lambda e: e[e.i > 0].c.shift().rolling(2).sum())(
        d.assign(c=d.i.cumsum())
    ),
    "of each other": lambda p, d: d.i.cumsum().rolling(3).mean().diff(),
    "slices": lambda p, d: p.concat(
        [d.assign(c=d.i.cumsum()).head(3), d.assign(c=d.i.cumsum()).tail(3)]
    ),
    "sorted": lambda p, d: d.assign(c=d.i.cumsum()).sort_values(["k", "c"], kind="stable"),
    "grouped": lambda p, d: d.assign(c=d.groupby("k").i.cumsum()).groupby("k").c.max(),
    "grouped by it": lambda p, d: d.groupby(d.i.rank() < 5).i.sum(),
    "merged": lambda p, d: d.assign(c=d.groupby("k").cumcount())[["k", "i", "c"]].merge(
        d[["k", "n"]].drop_duplicates("k"), on="k"
    ),
    "distinct": lambda p, d: d.assign(c=d.i.cumsum()).drop_duplicates("k"),
    "members": lambda p, d: d[d.i.isin(d[d.n.cumsum() > 0].i)],
    "new index": lambda p, d: d.assign(c=d.i.cumsum()).reset_index(drop=True)[["c", "f"]],
    "shares": lambda p, d: d.n / d.groupby("k").i.transform("count"),
}


@given(frame=frames(), name=st.sampled_from(sorted(AFTERWARDS)), partitions=PARTITIONS)
def test_a_window_keeps_its_rows_whatever_follows(
    frame: pandas.DataFrame, name: str, partitions: int
) -> None:
    check(lambda p, d: AFTERWARDS[name](p, d), frame, partitions, native=True)


def test_a_column_by_a_window_is_set_without_computing(lazy: None) -> None:
    frame = pd.DataFrame({"k": [1, 2, 1], "x": [1.0, 2.0, 4.0]})

    frame["lag"] = frame.groupby("k").x.shift()
    frame["share"] = frame.x / frame.groupby("k").x.transform("sum")

    assert "_lazy" in frame.__dict__
    assert frame.share.tolist() == [0.2, 1.0, 0.8]
    assert support.fallbacks() == []


def test_explain_shows_the_window(lazy: None) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 4.0]})

    plan = frame.x.rolling(2).mean().explain()

    assert "Window(moving(" in plan
    assert "window=2" in plan
