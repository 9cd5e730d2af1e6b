"""Where pandas' own tests showed another answer: what falls back, and what must be the same."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas
import pytest

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
    "year before 1000": lambda p, d: (d.t - p.to_timedelta(800 * 365, unit="D")).dt.strftime("%Y"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_answer_is_the_one_of_pandas(name: str) -> None:
    check(CASES[name], TABLE, native=False)
