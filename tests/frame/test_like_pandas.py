"""Where pandas' own tests showed another answer: what falls back, and what must be the same."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas
import pytest

import raylab.frame as pd
from tests.frame.agreement import Operation, check

TABLE = pandas.DataFrame(
    {
        "k": [1, 2, 3],
        "s": ["[]", "a", None],
        "c": pandas.Categorical(["A", "B", None], categories=list("DCBA"), ordered=True),
        "t": pandas.to_datetime(["2024-01-01", None, "2024-01-03"]),
        "": [1.5, np.nan, 2.5],
    }
).astype({"s": "str"})
OFFSET = dt.timezone(dt.timedelta(hours=1))


def _moments(p: Any, d: Any, unit: str) -> Any:
    """The table with moments that rise within one group."""
    return d[["k"]].assign(
        s=p.Series(["a", "a", "a"]), t=p.Series(p.date_range("2024-01-01", periods=3, unit=unit))
    )


CASES: dict[str, Operation] = {
    "replace by column": lambda p, d: d[["k", "s"]].replace({"s": {"[]": "x"}}),
    "replace values by column": lambda p, d: d[["k"]].replace({"k": 1}, {"k": 5}),
    "function of categories": lambda p, d: d.c.map(str),
    "map to categories": lambda p, d: d.k.map(p.Series(["x", "y"], index=[1, 2], dtype="category")),
    "fill with another zone": lambda p, d: d.t.fillna(p.Timestamp("2024-01-01", tz="UTC")),
    "fill with a finer moment": lambda p, d: d.t.fillna(
        p.Timestamp("2024-01-01 00:00:00.000000001")
    ),
    "among moments with a zone": lambda p, d: d.t.isin([p.Timestamp("2024-01-01", tz="UTC")]),
    "column without a name": lambda p, d: d[""].fillna(0),
    "fixed offset": lambda p, d: d.t.dt.tz_localize(OFFSET).to_frame("z").sort_values("z"),
    "half floats": lambda p, d: (
        d.assign(h=d.k.astype("float16")).groupby("k").sum(numeric_only=True)
    ),
    "grouped by its own column": lambda p, d: d.groupby(d.k).max(numeric_only=True),
    "grouped by its changed column": lambda p, d: d.groupby(d.k + 0).max(numeric_only=True),
    "grouped by its own column, without keys": lambda p, d: d.groupby(
        [d.k, d.s], group_keys=False
    ).apply(lambda g: g.head(1)),
    "no bool": lambda p, d: d.drop_duplicates("k", ignore_index="no"),
    "name and axis": lambda p, d: d.rename(columns=str.upper, axis=1),
    "names of levels": lambda p, d: d.reset_index(names=5),
    "too few names of levels": lambda p, d: d.set_index(["k", "s"]).reset_index(names=["a"]),
    "names of levels by a dictionary": lambda p, d: d.set_index("k").reset_index(names={"k": "a"}),
    "sum of spans out of bounds": lambda p, d: (p.Series([p.Timedelta.max] * 2)).sum(),
    "sum of spans that is the mark of missing": lambda p, d: p.Series(
        [p.Timedelta.min, p.Timedelta(-1, "ns")]
    ).sum(),
    "windows over seconds": lambda p, d: (
        p.Series([1, 2, 3], p.date_range("2024-01-01", periods=3, unit="s")).rolling("36h").sum()
    ),
    "windows over seconds in groups": lambda p, d: (
        _moments(p, d, "s").groupby("s").rolling("36h", on="t").k.sum()
    ),
    "windows in groups beside moments": lambda p, d: (
        _moments(p, d, "ns").groupby("s")[["k", "t"]].rolling("36h", on="t").count()
    ),
    "level named like a position": lambda p, d: (
        p.Series([2, 1, 1], p.MultiIndex.from_arrays([[1, 1, 2], [3, 4, 3]], names=["a", 0])) + 1
    ),
    "grouped by several levels": lambda p, d: d.groupby(
        p.MultiIndex.from_frame(p.DataFrame({"a": [1, 1, 2], "b": [3, 3, 4]}))
    ).k.sum(),
    "keys one after the other": lambda p, d: p.concat([d.k, d.k], keys=(key for key in "ab")),
    "indicator beside its own label": lambda p, d: d.merge(
        d.rename(columns={"c": "_left_indicator"}), on="k", indicator=True
    ),
    "a method by its function": lambda p, d: d.groupby("k").s.apply(p.Series.value_counts),
    "an indicator that is a number": lambda p, d: d.merge(d, on="k", indicator=5),
    "a matrix as a column": lambda p, d: d[["k"]].assign(m=np.matrix(np.ones((3, 1)))),
    "year before 1000": lambda p, d: (d.t - p.to_timedelta(800 * 365, unit="D")).dt.strftime("%Y"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_answer_is_the_one_of_pandas(name: str) -> None:
    check(CASES[name], TABLE, native=False)


def test_concat_keeps_attrs_that_all_have(lazy: None) -> None:
    one, two = pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})
    one.attrs = {"source": "x"}
    two.attrs = {"source": "x"}

    assert pd.concat([one, two]).attrs == {"source": "x"}
    two.attrs = {"source": "y"}
    assert pd.concat([one, two]).attrs == {}


def test_merging_whole_numbers_and_fractions_warns(lazy: None) -> None:
    left, right = pd.DataFrame({"x": [1, 2, 3]}), pd.DataFrame({"y": [1.1, np.nan, 3.0]})

    pd.set_option("raylab.fallback", "raise")
    with pytest.warns(UserWarning, match="float values are not equal to their int"):
        result = left.merge(right, left_on="x", right_on="y")

    assert result.x.tolist() == [3]


def test_merging_whole_numbers_stored_as_floats_is_native(lazy: None) -> None:
    left, right = pd.DataFrame({"x": [1, 2, 3]}), pd.DataFrame({"y": [1.0, np.nan, 3.0]})
    pd.set_option("raylab.fallback", "raise")

    assert left.merge(right, left_on="x", right_on="y").x.tolist() == [1, 3]
