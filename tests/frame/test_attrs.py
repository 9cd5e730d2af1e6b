"""Whose ``attrs`` a result has: as in pandas, operation by operation."""

from __future__ import annotations

from typing import Any

import pandas
import pytest

import raylab.frame as pd
from tests.frame.agreement import Operation


def frame(p: Any, **attrs: Any) -> Any:
    made = p.DataFrame(
        {
            "k": ["a", "b", "a", "c"],
            "x": [1.0, 2.0, 3.0, 4.0],
            "y": [4, 3, 2, 1],
            "t": p.to_datetime(["2020-01-01", "2020-01-02", "2020-02-01", "2020-02-03"]),
        }
    )
    made.attrs = attrs
    return made


OPERATIONS: dict[str, Operation] = {
    "merge of equal attrs": lambda p, d: d.merge(frame(p, u=1), on="k"),
    "merge of other attrs": lambda p, d: d.merge(frame(p, c=3), on="k"),
    "merge with none": lambda p, d: d.merge(frame(p), on="k"),
    "join": lambda p, d: d.join(frame(p, u=1), rsuffix="r"),
    "join of other attrs": lambda p, d: d.join(frame(p, c=3), rsuffix="r"),
    "merge_asof": lambda p, d: p.merge_asof(d, frame(p, u=1), on="t"),
    "a column with attrs on the right": lambda p, d: frame(p)["x"] + d["y"],
    "other attrs on both sides": lambda p, d: frame(p, c=2)["x"] + d["y"],
    "attrs on the left": lambda p, d: d["x"] - frame(p)["y"],
    "comparison": lambda p, d: frame(p)["x"] < d["y"],
    "method of an operator": lambda p, d: frame(p)["x"].add(d["y"]),
    "quotient and rest": lambda p, d: divmod(frame(p)["x"], d["y"])[1],
    "where": lambda p, d: frame(p)["x"].where(d["y"] > 2, d["y"]),
    "sums of groups": lambda p, d: d.groupby("k")[["x", "y"]].sum(),
    "sizes of groups": lambda p, d: d.groupby("k").size(),
    "transformed columns": lambda p, d: d.groupby("k")[["x", "y"]].transform("sum"),
    "a transformed column": lambda p, d: d.groupby("k")["x"].transform("sum"),
    "described groups": lambda p, d: d.groupby("k")[["x", "y"]].describe(),
    "values of groups": lambda p, d: d.groupby("k")["y"].value_counts(),
    "functions of groups": lambda p, d: d.groupby("k").agg({"x": "sum", "y": "max"}),
    "resample": lambda p, d: d.resample("D", on="t")[["x"]].sum(),
    "resampled column": lambda p, d: d.set_index("t")["x"].resample("D").mean(),
    "get_dummies": lambda p, d: p.get_dummies(d),
    "get_dummies of numbers": lambda p, d: p.get_dummies(d[["x", "y"]]),
    "pivot": lambda p, d: d.pivot(index="y", columns="k", values="x"),
    "pivot_table": lambda p, d: d.pivot_table(index="y", columns="k", values="x"),
    "crosstab": lambda p, d: p.crosstab(d["k"], d["y"]),
    "unstack": lambda p, d: d.set_index(["k", "y"])["x"].unstack(),
    "melt": lambda p, d: d.melt(id_vars="k", value_vars=["x", "y"]),
    "counts of values": lambda p, d: d["k"].value_counts(),
    "mask": lambda p, d: d[d["x"] > 1],
    "rolling": lambda p, d: d["x"].rolling(2).mean(),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("threshold", [0, 1000], ids=["lazy", "small"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_results_have_the_attrs_of_pandas(name: str, threshold: int) -> None:
    operation = OPERATIONS[name]
    with pd.option_context("raylab.lazy_threshold_rows", threshold):
        own = operation(pd, frame(pd, u=1))

    assert dict(own.attrs) == dict(operation(pandas, frame(pandas, u=1)).attrs)
