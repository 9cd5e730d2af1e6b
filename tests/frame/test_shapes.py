"""Random pipelines that end in a reshaping, a join, a window or a selection: pandas' answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
from hypothesis import given
from hypothesis import strategies as st

import raylab.frame as pd
from tests.frame.agreement import assert_same, outcome
from tests.frame.test_properties import PARTITIONS, STEPS, frames, run

Operation = Callable[[Any, Any], Any]


def _keys(d: Any) -> Any:
    """Each pair of keys once, none of them missing or empty."""
    return d[d.s > ""].drop_duplicates(["k", "s"])


def _moments(d: Any) -> Any:
    """The rows in the order of their moments."""
    return d[d.t.notna()].sort_values("t", kind="stable")


SHAPES: dict[str, Operation] = {
    "melt": lambda p, d: d.melt(["k", "s"], ["f", "g"]),
    "melt widths": lambda p, d: d.melt("s", ["f", "i"], ignore_index=False),
    "stack": lambda p, d: d[["f", "i"]].stack(),
    "unstack": lambda p, d: _keys(d).set_index(["k", "s"]).f.unstack(),
    "unstack integers": lambda p, d: _keys(d).set_index(["s", "k"]).i.unstack(0),
    "unstack bools": lambda p, d: _keys(d).set_index(["k", "s"])[["b", "t"]].unstack(),
    "unstack repeated": lambda p, d: d.set_index(["k", "s"]).f.unstack(),
    "unstack fill": lambda p, d: d[d.s > ""].groupby(["k", "s"]).i.count().unstack(fill_value=0),
    "pivot": lambda p, d: _keys(d).pivot(index="k", columns="s", values="f"),
    "pivot several": lambda p, d: _keys(d).pivot(index="k", columns="s", values=["f", "i"]),
    "pivot_table": lambda p, d: d.pivot_table(index="k", columns="s", values="i", aggfunc="sum"),
    "pivot_table min": lambda p, d: d.pivot_table(index="k", columns="b", values="f", aggfunc="min"),
    "pivot_table fill": lambda p, d: d.pivot_table(index=["k", "b"], columns="s", values="f", aggfunc="count", fill_value=0),
    "pivot_table groups": lambda p, d: d.pivot_table(index="s", values=["i", "f"], aggfunc="max"),
    "crosstab": lambda p, d: p.crosstab(d.k, d.s),
    "get_dummies": lambda p, d: p.get_dummies(d.s, dummy_na=True, prefix="s"),
    "get_dummies frame": lambda p, d: p.get_dummies(d[["f", "s", "k"]], columns=["k", "s"], dtype="int64"),
    "explode": lambda p, d: d.assign(e=d.s.str.split("b")).explode("e"),
    "cut": lambda p, d: p.cut(d.f, [-2.25, 0, 1.5, 10], labels=["a", "b", "c"]),
    "cut codes": lambda p, d: p.cut(d.i, 3, labels=False),
    "cut group": lambda p, d: d.groupby(p.cut(d.k, [-3, 0, 9], labels=["n", "p"]), observed=True).i.sum(),
    "qcut": lambda p, d: p.qcut(d.i, 2, labels=["low", "high"]),
    "join": lambda p, d: d[["f"]].join(d[["g", "s"]].head(5)),
    "join inner": lambda p, d: d[["f"]].join(d[["g"]].tail(7), how="inner"),
    "join outer": lambda p, d: d[["f"]].head(5).join(d[["i"]].tail(7), how="outer"),
    "join key": lambda p, d: d.join(d.groupby("k")[["i"]].sum().add_suffix("_s"), on="k"),
    "join text": lambda p, d: d.set_index("s")[["f"]].join(d.drop_duplicates("s").set_index("s")[["i"]]),
    "index right": lambda p, d: d[["f"]].head(4).merge(d[["i"]].tail(6), left_index=True, right_index=True, how="right"),
    "indicator": lambda p, d: d[["k", "f"]].merge(d[["k", "g"]].head(3), on="k", how="outer", indicator=True),
    "indicator left": lambda p, d: d[["s", "f"]].merge(d[["s", "i"]].head(2), on="s", how="left", indicator=True),
    "validate": lambda p, d: d[["k", "f"]].merge(d[["k", "i"]], on="k", validate="m:1"),
    "anti": lambda p, d: d[["s", "f"]].merge(d[["s", "i"]].head(2), on="s", how="left_anti"),
    "merge sorted": lambda p, d: d[["s", "f"]].merge(d[["s", "i"]].head(4), on="s", sort=True),
    "merge numbers": lambda p, d: d[["k", "s"]].merge(d[["f", "g"]].head(6), left_on="k", right_on="f"),
    "group level": lambda p, d: d.set_index("s")[["i", "f"]].groupby(level=0).max(),
    "group levels": lambda p, d: d.set_index(["k", "s"]).i.groupby(level=["s", "k"]).sum(),
    "group array": lambda p, d: d.groupby(np.arange(len(d)) % 3).i.sum(),
    "group of group": lambda p, d: d.groupby(["k", "s"]).i.sum().groupby(level=0).max(),
    "group lists": lambda p, d: d.groupby("k").agg({"i": ["sum", "max"], "f": ["min"]}),
    "group narrow": lambda p, d: d.assign(n=d.k.astype("int8")).groupby("s").n.sum(),
    "group least": lambda p, d: d.groupby("k").f.sum(min_count=2),
    "group quantiles": lambda p, d: d.groupby("k").i.quantile([0.25, 0.5]),
    "group largest": lambda p, d: d.groupby("s").i.nlargest(2),
    "group idxmax": lambda p, d: d[d.f.notna()].groupby("k")[["f", "i"]].idxmax(),
    "group difference": lambda p, d: d.groupby("k").i.max() - d.groupby("k").i.min(),
    "group beside": lambda p, d: p.concat([d.groupby("s").i.sum(), d.groupby("s").f.max()], axis=1),
    "concat columns": lambda p, d: p.concat([d[["k", "f"]], d[["k", "i", "s"]].head(3)]),
    "concat inner": lambda p, d: p.concat([d[["k", "f"]], d[["f", "s"]]], join="inner", ignore_index=True),
    "concat keys": lambda p, d: p.concat([d.head(2), d.tail(2)], keys=["x", "y"], names=["part", None]),
    "concat series": lambda p, d: p.concat([d.f, d.i]),
    "value_counts": lambda p, d: d.value_counts(["k", "s"]),
    "value_counts missing": lambda p, d: d.value_counts(["s", "b"], dropna=False, ascending=True),
    "value_counts dates": lambda p, d: d.t.value_counts(),
    "time windows": lambda p, d: _moments(d).set_index("t").i.rolling("90D").sum(),
    "time windows on": lambda p, d: _moments(d)[["t", "i", "b"]].rolling("40D", on="t", closed="both").max(),
    "time windows in groups": lambda p, d: _moments(d).groupby("k").rolling("90D", on="t").i.mean(),
    "rolling quantile": lambda p, d: d.i.rolling(3).quantile(0.3),
    "ewm": lambda p, d: d[["i", "k"]].ewm(span=3).mean(),
    "ewm groups": lambda p, d: d.groupby("k").i.ewm(alpha=0.5).mean() if len(d) else d,
    "resample": lambda p, d: d.set_index("t").i.resample("60D").sum(),
    "resample months": lambda p, d: d.resample("QE", on="t").agg({"i": "max", "f": "count", "s": "first"}),
    "rank bottom": lambda p, d: d[["f", "s", "t"]].rank(na_option="bottom", method="min"),
    "rank top": lambda p, d: d.f.rank(na_option="top", pct=True, ascending=False),
    "rank dense top": lambda p, d: d.s.rank(na_option="top", method="dense", pct=True),
    "sort key": lambda p, d: d.sort_values("s", key=lambda s: s.str.upper(), kind="stable"),
    "sort index": lambda p, d: d.set_index(["s", "k"]).sort_index(level="k", kind="stable"),
    "sort level": lambda p, d: d.set_index("s").sort_values(["s", "i"], ascending=[False, True]),
    "nlargest last": lambda p, d: d.nlargest(3, ["k", "i"], keep="last"),
    "nlargest all": lambda p, d: d.k.nlargest(3, keep="all"),
    "loc slice": lambda p, d: d.reset_index(drop=True).loc[2:7, "i":"s"],
    "loc list": lambda p, d: d.reset_index(drop=True).loc[[1, 0, 1]],
    "loc label": lambda p, d: d.set_index("k").loc[1],
    "loc text": lambda p, d: d.set_index("s").i.loc["a"],
    "iloc": lambda p, d: d.iloc[1:-1:2],
    "iloc list": lambda p, d: d.iloc[[0, -1, 0]],
    "iloc row": lambda p, d: d[["i", "f"]].iloc[2],
    "drop rows": lambda p, d: d.reset_index(drop=True).drop(index=[0, 2], errors="ignore"),
    "mask array": lambda p, d: d[np.arange(len(d)) % 2 == 0],
    "assign array": lambda p, d: d.assign(z=np.arange(len(d)))[d.b],
    "sample": lambda p, d: d.sample(frac=0.5, random_state=5),
    "reset level": lambda p, d: d.set_index(["k", "s"]).reset_index(level="s"),
    "xs": lambda p, d: d.set_index(["k", "s"]).xs("a", level="s"),
    "replace": lambda p, d: d.replace({"k": {1: 7}, "s": {"a": "z"}}),
    "clip": lambda p, d: d.f.clip(lower=d.g),
    "where rows": lambda p, d: d[["f", "g"]].where(d.b, -1.0),
    "fill side": lambda p, d: d.f.add(d.g, fill_value=1.0),
    "to_numeric": lambda p, d: p.to_numeric(d.i.astype("str")),
    "to_numeric coerce": lambda p, d: p.to_numeric(d.s, errors="coerce"),
    "idxmin": lambda p, d: d[["i", "k"]].idxmin(),
    "nunique": lambda p, d: d[["s", "f", "k"]].nunique(dropna=False),
    "map series": lambda p, d: d.k.map(d.groupby("k").i.max()),
}  # fmt: skip


@given(
    frame=frames(),
    steps=st.lists(STEPS, max_size=5),
    shape=st.sampled_from(sorted(SHAPES)),
    partitions=st.sampled_from(PARTITIONS),
)
def test_pipelines_that_end_in_a_shape(
    frame: pandas.DataFrame, steps: list[tuple[str, Any]], shape: str, partitions: int
) -> None:
    def pipeline(library: Any, data: Any) -> Any:
        return SHAPES[shape](library, run(library, data, steps))

    with np.errstate(all="ignore"):
        expected = outcome(pipeline, pandas, frame.copy())
    pd.set_option("raylab.lazy_threshold_rows", 0)
    pd.set_option("raylab.npartitions", partitions)
    # With more than two, rows move by hash and range; else to one task.
    pd.set_option("raylab.target_partition_bytes", 1 if partitions > 2 else 128 << 20)
    pd.set_option("raylab.fallback", "silent")

    with np.errstate(all="ignore"):
        result = outcome(pipeline, pd, pd.from_pandas(frame))

    assert_same(result, expected, exact=False)
