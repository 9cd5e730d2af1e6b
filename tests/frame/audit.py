"""The native operations that were promised, one by one: native, fallen back, or wrong.

``python -m tests.frame.audit`` prints the table; ``test_audit.py`` holds it to what is known.
"""

from __future__ import annotations

import operator
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas

import raylab.frame as pd
from raylab.frame import support

Operation = Callable[[Any, Any], Any]
"""From pandas or raylab.frame, and a frame, to a result."""


def random_frame(seed: int, rows: int = 60) -> pandas.DataFrame:
    """Keys, numbers, text, moments and spans; most of them with missing values."""
    rng = np.random.default_rng(seed)

    def missing(values: Any, share: float = 0.15) -> pandas.Series:
        return pandas.Series(values).mask(pandas.Series(rng.random(rows) < share))

    words = np.array(["apple", "Banana", "cherry pie", "", "zo\u00eb", "a.b", " x "], dtype=object)
    start = pandas.Timestamp("2024-01-01").as_unit("us")
    hours = pandas.to_timedelta(pandas.Series(np.sort(rng.integers(0, 24 * 60, rows))), unit="h")
    times = start + hours.astype("timedelta64[us]")
    return pandas.DataFrame(
        {
            "k": rng.integers(0, 5, rows),
            "g": missing(words[rng.integers(0, 4, rows)]).astype("str"),
            "i": rng.integers(-50, 50, rows),
            "n": rng.integers(-100, 100, rows).astype("int32"),
            "x": rng.normal(size=rows).round(2),
            "y": missing(rng.normal(size=rows).round(1)),
            "b": rng.random(rows) < 0.5,
            "s": missing(words[rng.integers(0, len(words), rows)]).astype("str"),
            "u": words[rng.integers(0, len(words), rows)],
            "t": missing(start + pandas.to_timedelta(rng.integers(0, 5_000_000, rows), unit="s")),
            "o": times,
            "d": missing(pandas.to_timedelta(rng.integers(-9_000, 9_000, rows), unit="s")),
            "w": rng.integers(0, 9, rows).astype(str),
        }
    ).astype({"u": "str", "t": "datetime64[us]", "d": "timedelta64[us]", "w": "str"})


def _each(
    title: str, names: Iterable[str], make: Callable[[str], Operation]
) -> dict[str, Operation]:
    """An operation for each name, under a title that has the name in its place."""
    return {title.format(name): make(name) for name in names}


def _other(d: Any) -> Any:
    """A second frame to join with: some keys of the first, some others, none twice."""
    return d[["k", "g", "x"]].drop_duplicates(["k", "g"]).rename(columns={"x": "z"})


SELECTION: dict[str, Operation] = {
    "columns": lambda p, d: d[["x", "g"]],
    "mask": lambda p, d: d[(d.x > 0) & d.y.notna()],
    "mask list": lambda p, d: d[[i % 2 == 0 for i in range(len(d))]],
    "mask array": lambda p, d: d[np.arange(len(d)) % 3 == 0],
    "loc mask": lambda p, d: d.loc[d.y > 0, ["x", "y"]],
    "loc slice": lambda p, d: d.loc[5:20],
    "loc slice columns": lambda p, d: d.loc[5:20, "i":"y"],
    "loc label": lambda p, d: d.loc[7],
    "loc cell": lambda p, d: d.loc[7, "x"],
    "loc list": lambda p, d: d.loc[[3, 9, 4]],
    "loc index slice": lambda p, d: d.set_index("o").loc["2024-01-10":"2024-01-20"],
    "loc index label": lambda p, d: d.set_index("k").loc[3],
    "loc lambda": lambda p, d: d.loc[lambda e: e.x > 0],
    "iloc slice": lambda p, d: d.iloc[5:20],
    "iloc negative": lambda p, d: d.iloc[-9:-2],
    "iloc step": lambda p, d: d.iloc[::3],
    "iloc columns": lambda p, d: d.iloc[2:9, 1:4],
    "iloc list": lambda p, d: d.iloc[[5, 1, 3]],
    "iloc row": lambda p, d: d.iloc[4],
    "iloc cell": lambda p, d: d.iloc[4, 2],
    "iloc series": lambda p, d: d.x.iloc[-1],
    "iloc all columns": lambda p, d: d.iloc[:, [0, 2]],
    "at": lambda p, d: d.at[3, "x"],
    "iat": lambda p, d: d.iat[3, 2],
    "query": lambda p, d: d.query("x > 0 and k in [1, 2]"),
    "query missing": lambda p, d: d.query("y > 0 or g == 'apple'"),
    "query backtick": lambda p, d: d.rename(columns={"x": "x y"}).query("`x y` > 0"),
    "eval": lambda p, d: d.eval("z = x * 2 + i"),
    "isin": lambda p, d: d[d.k.isin([1, 3])],
    "isin series": lambda p, d: d[d.g.isin(d.s)],
    "isin frame dict": lambda p, d: d[["k", "i"]].isin({"k": [1], "i": [2, 3]}),
    "between": lambda p, d: d.y.between(-0.5, 0.5),
    "where": lambda p, d: d.y.where(d.x > 0, 0.0),
    "where frame": lambda p, d: d[["x", "y"]].where(d[["x", "y"]] > 0),
    "where series condition": lambda p, d: d[["x", "y"]].where(d.x > 0, 1.0),
    "where callable": lambda p, d: d.x.where(lambda v: v > 0, lambda v: -v),
    "mask series": lambda p, d: d.x.mask(d.y > 0),
    "mask frame": lambda p, d: d[["x", "y"]].mask(d[["x", "y"]] > 0, -1.0),
    "filter items": lambda p, d: d.filter(items=["x", "q"]),
    "filter like": lambda p, d: d.filter(like="x"),
    "filter regex": lambda p, d: d.filter(regex="[xy]"),
    "head": lambda p, d: d.head(3),
    "head negative": lambda p, d: d.head(-3),
    "tail": lambda p, d: d.tail(3),
    "tail negative": lambda p, d: d.tail(-3),
    "tail mask": lambda p, d: d[d.x > 0].tail(3),
    "nlargest": lambda p, d: d.nlargest(4, "y"),
    "nlargest two": lambda p, d: d.nlargest(4, ["k", "x"]),
    "nlargest last": lambda p, d: d.nlargest(4, "i", keep="last"),
    "nlargest all": lambda p, d: d.nlargest(4, "k", keep="all"),
    "nsmallest": lambda p, d: d.nsmallest(4, "y"),
    "nlargest series": lambda p, d: d.y.nlargest(5),
    "nlargest series last": lambda p, d: d.i.nlargest(5, keep="last"),
    "nlargest series all": lambda p, d: d.k.nlargest(5, keep="all"),
    "nsmallest series": lambda p, d: d.y.nsmallest(5),
    "drop columns": lambda p, d: d.drop(columns=["x"]),
    "drop rows": lambda p, d: d.drop([3, 5]),
    "drop rows index": lambda p, d: d.drop(index=[0]),
    "drop ignored": lambda p, d: d.drop(columns=["x", "q"], errors="ignore"),
    "pop": lambda p, d: (lambda e: (e.pop("x"), e)[1])(d.copy()),
    "del": lambda p, d: (lambda e: (operator.delitem(e, "x"), e)[1])(d.copy()),
    "insert": lambda p, d: (lambda e: (e.insert(1, "z", e.x * 2), e)[1])(d.copy()),
    "rename": lambda p, d: d.rename(columns={"x": "z"}),
    "rename rows": lambda p, d: d.rename(index={0: 100}),
    "rename_axis": lambda p, d: d.rename_axis("id"),
    "set_axis": lambda p, d: d[["x", "y"]].set_axis(["a", "b"], axis=1),
    "add_prefix": lambda p, d: d.add_prefix("p_"),
    "assign": lambda p, d: d.assign(z=d.x + 1, q=lambda e: e.z * 2),
    "assign array": lambda p, d: d.assign(z=np.arange(len(d))),
    "assign list": lambda p, d: d.assign(z=list(range(len(d)))),
    "setitem loc": lambda p, d: (lambda e: (operator.setitem(e.loc, (e.x > 0, "x"), 0.0), e)[1])(d.copy()),
    "set_index": lambda p, d: d.set_index("g"),
    "set_index two": lambda p, d: d.set_index(["k", "g"]),
    "set_index append": lambda p, d: d.set_index("g", append=True),
    "reset_index": lambda p, d: d.set_index("g").reset_index(),
    "reset_index level": lambda p, d: d.set_index(["k", "g"]).reset_index(level="g"),
    "reset_index level drop": lambda p, d: d.set_index(["k", "g"]).reset_index(level=0, drop=True),
    "reset_index series": lambda p, d: d.groupby("k").x.sum().reset_index(name="total"),
    "droplevel": lambda p, d: d.set_index(["k", "g"]).droplevel("g"),
    "swaplevel": lambda p, d: d.set_index(["k", "g"]).swaplevel(),
    "astype": lambda p, d: d.astype({"i": "float64", "k": "int32", "x": "float32"}),
    "astype str": lambda p, d: d.i.astype("str"),
    "astype category": lambda p, d: d.u.astype("category"),
    "clip": lambda p, d: d.y.clip(-0.5, 0.5),
    "clip frame": lambda p, d: d[["x", "y"]].clip(lower=0.0),
    "clip series": lambda p, d: d.x.clip(lower=d.y),
    "fillna": lambda p, d: d.y.fillna(0.0),
    "fillna dict": lambda p, d: d.fillna({"y": 1.0, "g": "?"}),
    "fillna series": lambda p, d: d.y.fillna(d.x),
    "fillna mean": lambda p, d: d[["x", "y"]].fillna(d[["x", "y"]].mean()),
    "ffill": lambda p, d: d.ffill(),
    "bfill": lambda p, d: d.y.bfill(),
    "combine_first": lambda p, d: d.y.combine_first(d.x),
    "dropna": lambda p, d: d.dropna(),
    "dropna subset": lambda p, d: d.dropna(subset=["y", "g"], how="all"),
    "dropna thresh": lambda p, d: d.dropna(thresh=11),
    "dropna series": lambda p, d: d.y.dropna(),
    "replace scalar": lambda p, d: d.k.replace(1, 9),
    "replace map": lambda p, d: d.g.replace({"apple": "pear", "": "none"}),
    "replace lists": lambda p, d: d.k.replace([1, 2], [8, 9]),
    "replace frame": lambda p, d: d[["k", "i"]].replace({1: 7}),
    "replace by column": lambda p, d: d.replace({"k": {1: 7}, "g": {"apple": "pear"}}),
    "replace missing": lambda p, d: d.y.replace(np.nan, 0.0),
    "replace regex": lambda p, d: d.g.replace("^a", "b", regex=True),
    "map dict": lambda p, d: d.k.map({0: "a", 1: "b", 2: "c"}),
    "map dict text": lambda p, d: d.g.map({"apple": 1, "Banana": 2}),
    "map dict floats": lambda p, d: d.y.map({0.1: 1.0}),
    "map series": lambda p, d: d.k.map(d.groupby("k").x.mean()),
    "duplicated": lambda p, d: d.duplicated(["k", "g"]),
    "drop_duplicates": lambda p, d: d.drop_duplicates(["k", "g"]),
    "drop_duplicates none": lambda p, d: d.drop_duplicates(["k", "b"], keep=False),
    "drop_duplicates series": lambda p, d: d.g.drop_duplicates(),
    "unique": lambda p, d: d.g.unique(),
    "factorize": lambda p, d: d.g.factorize()[0],
    "get": lambda p, d: d.get("x"),
    "squeeze": lambda p, d: d[["x"]].squeeze("columns"),
    "truncate": lambda p, d: d.truncate(3, 9),
    "sample seeded": lambda p, d: d.sample(7, random_state=3),
    "sample fraction": lambda p, d: d.sample(frac=0.3, random_state=3),
    "transpose": lambda p, d: d[["x", "y"]].head(3).T,
    "reindex columns": lambda p, d: d.reindex(columns=["x", "q"]),
    "select_dtypes": lambda p, d: d.select_dtypes("number"),
    "convert to frame": lambda p, d: d.x.to_frame("z"),
    "pipe": lambda p, d: d.pipe(lambda e: e[e.x > 0]),
}  # fmt: skip

ARITHMETIC: dict[str, Operation] = {
    "columns": lambda p, d: d.x + d.y * d.i - d.k / 2,
    "integers": lambda p, d: d.i // 7 + d.i % 5,
    "integer by zero": lambda p, d: d.i // d.k,
    "power": lambda p, d: d.x**2,
    "reversed": lambda p, d: 1 - d.x,
    "compare": lambda p, d: d.y >= d.x,
    "logic": lambda p, d: (d.x > 0) & ~d.b | (d.y < 0) ^ d.b,
    "text": lambda p, d: d.u + "!" + d.s,
    "text times": lambda p, d: d.u * 2,
    "moments": lambda p, d: d.t - d.o,
    "moment plus span": lambda p, d: d.t + d.d,
    "spans": lambda p, d: d.d / p.Timedelta("1h"),
    "frame constant": lambda p, d: d[["x", "y"]] * 2 + 1,
    "frame frame": lambda p, d: d[["x", "y"]] + d[["x", "y"]],
    "frame other columns": lambda p, d: d[["x", "y"]] + d[["x", "i"]],
    "frame series": lambda p, d: d[["x", "y"]] - d[["x", "y"]].mean(),
    "frame by rows": lambda p, d: d[["x", "y"]].mul(d.i, axis=0),
    "frame list": lambda p, d: d[["x", "y"]] * [2, 3],
    "series array": lambda p, d: d.x + np.arange(len(d)),
    "method fill": lambda p, d: d.y.add(d.x, fill_value=0),
    "masked sides": lambda p, d: d.x[d.x > 0] + d.y[d.x > 0],
    "subset of rows": lambda p, d: d.x + d.y[d.x > 0],
    "divmod": lambda p, d: divmod(d.i, 7)[1],
    "dot": lambda p, d: d.x.dot(d.i),
    "neg abs round": lambda p, d: (-d.y).abs().round(1),
    "ufunc sqrt": lambda p, d: np.sqrt(d.x.abs()),
    "ufunc log": lambda p, d: np.log1p(d.y.abs()),
    "ufunc exp frame": lambda p, d: np.exp(d[["x", "y"]]),
    "ufunc two": lambda p, d: np.maximum(d.x, d.y),
    "ufunc isnan": lambda p, d: np.isnan(d.y),
    "ufunc floor": lambda p, d: np.floor(d.y),
    "np where": lambda p, d: np.where(d.x > 0, d.x, d.y),
    "np select": lambda p, d: d.assign(z=np.where(d.x > 0, "a", "b")),
    "combine": lambda p, d: d.x.case_when([(d.x > 0, 1.0), (d.y > 0, 2.0)]),
}  # fmt: skip

REDUCTIONS: dict[str, Operation] = {
    **_each("{} of series", ("sum", "mean", "min", "max", "count", "nunique", "std", "var", "median", "sem", "skew", "kurt", "prod", "idxmin", "idxmax", "mode"), lambda name: lambda p, d: getattr(d.y, name)()),
    **_each("{} of frame", ("sum", "mean", "min", "max", "count", "nunique", "std", "var", "median", "sem", "skew", "prod", "idxmin", "idxmax", "quantile", "mode", "any", "all"), lambda name: lambda p, d: getattr(d[["x", "y", "i"]], name)()),
    "min of all": lambda p, d: d[["x", "i", "o"]].min(),
    "max of text": lambda p, d: d[["u"]].max(),
    "sum numeric": lambda p, d: d.sum(numeric_only=True),
    "mean numeric": lambda p, d: d.mean(numeric_only=True),
    "sum skipna": lambda p, d: d.y.sum(skipna=False),
    "sum min_count": lambda p, d: d.y.sum(min_count=100),
    "mean by row": lambda p, d: d[["x", "y"]].mean(axis=1),
    "idxmax by row": lambda p, d: d[["x", "i"]].idxmax(axis=1),
    "quantiles": lambda p, d: d.y.quantile([0.1, 0.5]),
    "quantiles of frame": lambda p, d: d[["x", "y"]].quantile([0.1, 0.5]),
    "any of bools": lambda p, d: d.b.any(),
    "all of bools": lambda p, d: d.b.all(),
    "any of numbers": lambda p, d: d.k.any(),
    "idxmin of dates": lambda p, d: d.o.idxmin(),
    "min of dates": lambda p, d: d.t.min(),
    "mean of dates": lambda p, d: d.t.mean(),
    "sum of spans": lambda p, d: d.d.sum(),
    "mean of spans": lambda p, d: d.d.mean(),
    "std of dates": lambda p, d: d.t.std(),
    "value_counts": lambda p, d: d.g.value_counts(),
    "value_counts normalize": lambda p, d: d.g.value_counts(normalize=True),
    "value_counts missing": lambda p, d: d.g.value_counts(dropna=False),
    "value_counts unsorted": lambda p, d: d.k.value_counts(sort=False),
    "value_counts rising": lambda p, d: d.k.value_counts(ascending=True),
    "value_counts bins": lambda p, d: d.x.value_counts(bins=3),
    "value_counts of dates": lambda p, d: d.o.dt.normalize().value_counts(),
    "value_counts frame": lambda p, d: d[["k", "b"]].value_counts(),
    "value_counts subset": lambda p, d: d.value_counts(["k", "g"]),
    "value_counts frame missing": lambda p, d: d.value_counts(["k", "g"], dropna=False),
    "value_counts frame normalize": lambda p, d: d.value_counts(["k"], normalize=True),
    "value_counts frame unsorted": lambda p, d: d.value_counts(["k", "b"], sort=False),
    "agg list": lambda p, d: d[["x", "y"]].agg(["sum", "mean"]),
    "agg dict": lambda p, d: d.agg({"x": "sum", "y": "mean"}),
    "agg dict lists": lambda p, d: d.agg({"x": ["sum", "min"], "y": ["mean"]}),
    "agg named": lambda p, d: d.agg(a=("x", "sum"), b=("y", "max")),
    "describe": lambda p, d: d[["x", "y", "i"]].describe(),
    "describe mixed": lambda p, d: d[["x", "g"]].describe(),
    "describe text": lambda p, d: d.g.describe(),
    "describe dates": lambda p, d: d.t.describe(),
    "describe all": lambda p, d: d[["x", "g"]].describe(include="all"),
    "corr": lambda p, d: d[["x", "y", "i"]].corr(),
    "corr spearman": lambda p, d: d[["x", "i"]].corr(method="spearman"),
    "cov": lambda p, d: d[["x", "y", "i"]].cov(),
    "corr of series": lambda p, d: d.x.corr(d.y),
    "cov of series": lambda p, d: d.x.cov(d.y),
    "corrwith": lambda p, d: d[["x", "y"]].corrwith(d.i),
    "autocorr": lambda p, d: d.x.autocorr(),
    "is_unique": lambda p, d: d.k.is_unique,
    "is_monotonic": lambda p, d: d.o.is_monotonic_increasing,
    "hasnans": lambda p, d: d.y.hasnans,
    "nunique missing": lambda p, d: d.g.nunique(dropna=False),
    "frame nunique missing": lambda p, d: d[["g", "k"]].nunique(dropna=False),
    "memory of len": lambda p, d: len(d[d.x > 0]),
}  # fmt: skip

_KEYS: dict[str, Callable[[Any], Any]] = {
    "one": lambda d: d.groupby("k"),
    "two": lambda d: d.groupby(["k", "g"]),
    "unsorted": lambda d: d.groupby("g", sort=False),
    "columns": lambda d: d.groupby(["k", "b"], as_index=False),
    "missing": lambda d: d.groupby("g", dropna=False),
}
_AGGREGATIONS = (
    "sum", "mean", "min", "max", "count", "nunique", "std", "var", "median", "first", "last",
    "prod", "any", "all", "sem", "skew", "idxmin", "idxmax", "quantile",
)  # fmt: skip


def _aggregated(name: str, keys: str) -> Operation:
    return lambda p, d: getattr(_KEYS[keys](d)[["x", "y", "i"]], name)()


GROUPBY: dict[str, Operation] = {
    **{
        f"{name}, {keys}": _aggregated(name, keys)
        for name in _AGGREGATIONS
        for keys in (_KEYS if name in ("sum", "first") else ("one", "missing"))
    },
    **_each("{} of one", _AGGREGATIONS, lambda name: lambda p, d: getattr(d.groupby("k").y, name)()),
    "size": lambda p, d: d.groupby(["k", "g"]).size(),
    "size columns": lambda p, d: d.groupby(["k", "g"], as_index=False).size(),
    "agg name": lambda p, d: d.groupby("k")[["x", "y"]].agg("sum"),
    "agg list": lambda p, d: d.groupby("k").x.agg(["sum", "mean"]),
    "agg list frame": lambda p, d: d.groupby("k")[["x", "y"]].agg(["sum", "mean"]),
    "agg dict": lambda p, d: d.groupby("k").agg({"x": "sum", "y": "mean"}),
    "agg dict lists": lambda p, d: d.groupby("k").agg({"x": ["sum", "max"], "y": ["mean"]}),
    "agg named": lambda p, d: d.groupby("k").agg(a=("x", "sum"), b=("y", "nunique")),
    "agg NamedAgg": lambda p, d: d.groupby("k").agg(a=p.NamedAgg("x", "sum"), b=p.NamedAgg(column="g", aggfunc="first")),
    "agg named series": lambda p, d: d.groupby("k").x.agg(a="sum", b="max"),
    "agg numpy": lambda p, d: d.groupby("k").x.agg(np.sum),
    "agg builtin": lambda p, d: d.groupby("k").agg({"x": sum, "i": max, "y": len}),
    "agg lambda": lambda p, d: d.groupby("k").x.agg(lambda v: v.max() - v.min()),
    "agg mixed": lambda p, d: d.groupby("k").agg(a=("x", "sum"), b=("x", lambda v: v.iloc[0])),
    "agg quantile": lambda p, d: d.groupby("k").x.agg(q=lambda v: v.quantile(0.9)),
    "transform name": lambda p, d: d.groupby("k").x.transform("mean"),
    "transform frame": lambda p, d: d.groupby("k")[["x", "y"]].transform("sum"),
    "transform lambda": lambda p, d: d.groupby("k").x.transform(lambda v: v - v.mean()),
    "transform frame lambda": lambda p, d: d.groupby("k")[["x", "y"]].transform(lambda v: v - v.mean()),
    "apply": lambda p, d: d.groupby("k").apply(lambda e: e.x.sum()),
    "apply frames": lambda p, d: d.groupby("k").apply(lambda e: e.head(2)),
    "filter": lambda p, d: d.groupby("k").filter(lambda e: len(e) > 10),
    "pipe": lambda p, d: d.groupby("k").pipe(lambda g: g.x.max() - g.x.min()),
    **_each("{}", ("cumsum", "cumprod", "cummin", "cummax", "rank", "shift", "diff", "pct_change", "ffill", "bfill"), lambda name: lambda p, d: getattr(d.groupby("k")[["x", "i"]], name)()),
    "cumcount": lambda p, d: d.groupby("g").cumcount(),
    "ngroup": lambda p, d: d.groupby("g").ngroup(),
    "ngroups": lambda p, d: d.groupby("g").ngroups,
    "groups": lambda p, d: sorted(d.groupby("k").groups),
    "head": lambda p, d: d.groupby("k").head(2),
    "tail": lambda p, d: d.groupby("k").tail(2),
    "nth": lambda p, d: d.groupby("k").nth(1),
    "nth brackets": lambda p, d: d.groupby("k").nth[0:2],
    "nth dropna": lambda p, d: d.groupby("k").y.nth(0, dropna="any"),
    "nlargest": lambda p, d: d.groupby("k").x.nlargest(2),
    "nsmallest": lambda p, d: d.groupby("k").x.nsmallest(2),
    "first numeric": lambda p, d: d.groupby("k").first(),
    "sum numeric": lambda p, d: d.groupby("k").sum(numeric_only=True),
    "sum min_count": lambda p, d: d.groupby("k").y.sum(min_count=2),
    "sum of narrow": lambda p, d: d.groupby("k").n.sum(),
    "sum of text": lambda p, d: d.groupby("k").u.sum(),
    "mean of dates": lambda p, d: d.groupby("k").t.mean(),
    "sum of spans": lambda p, d: d.groupby("k").d.sum(),
    "value_counts": lambda p, d: d.groupby("k").g.value_counts(),
    "value_counts frame": lambda p, d: d.groupby("k")[["b", "g"]].value_counts(),
    "quantile several": lambda p, d: d.groupby("k").x.quantile([0.1, 0.9]),
    "quantile two columns": lambda p, d: d.groupby("k")[["x", "y"]].quantile(0.3),
    "describe": lambda p, d: d.groupby("k").x.describe(),
    "corr": lambda p, d: d.groupby("k")[["x", "y"]].corr(),
    "unique": lambda p, d: d.groupby("k").g.unique(),
    "by series": lambda p, d: d.groupby(d.t.dt.month).x.sum(),
    "by expression": lambda p, d: d.groupby([d.k % 2, "b"]).x.sum(),
    "by level": lambda p, d: d.set_index("g").groupby(level=0).x.sum(),
    "by level name": lambda p, d: d.set_index(["k", "g"]).groupby(level="g").x.sum(),
    "by levels": lambda p, d: d.set_index(["k", "g"])[["x"]].groupby(level=[0, 1]).sum(),
    "by index name": lambda p, d: d.set_index("g").groupby("g").x.sum(),
    "by dict": lambda p, d: d.set_index("k").groupby({0: "a", 1: "b", 2: "a"}).x.sum(),
    "by function": lambda p, d: d.set_index("k").groupby(lambda v: v % 2).x.sum(),
    "by array": lambda p, d: d.groupby(np.arange(len(d)) % 3).x.sum(),
    "by Grouper": lambda p, d: d.groupby(p.Grouper(key="o", freq="D")).x.sum(),
    "by category": lambda p, d: d.assign(c=d.g.astype("category")).groupby("c", observed=True).x.sum(),
    "by category unobserved": lambda p, d: d.assign(c=d.g.astype("category")).groupby("c", observed=False).x.sum(),
    "series by series": lambda p, d: d.x.groupby(d.g).mean(),
    "series by level": lambda p, d: d.set_index("g").x.groupby(level=0).mean(),
    "series by own index": lambda p, d: d.set_index("g").x.groupby("g").mean(),
    "rolling": lambda p, d: d.groupby("k").x.rolling(3).mean(),
    "rolling frame": lambda p, d: d.groupby("k")[["x", "y"]].rolling(3, min_periods=1).sum(),
    "rolling time": lambda p, d: d.groupby("k").rolling("7D", on="o").x.sum(),
    "expanding": lambda p, d: d.groupby("k").x.expanding().max(),
    "ewm": lambda p, d: d.groupby("k").x.ewm(span=3).mean(),
    "resample": lambda p, d: d.set_index("o").groupby("k").x.resample("5D").sum(),
    "sample": lambda p, d: d.groupby("k").sample(1, random_state=1),
    "multi result unstack": lambda p, d: d.groupby(["k", "w"]).x.sum().unstack(),
    "multi result level": lambda p, d: d.groupby(["k", "g"]).x.sum().groupby(level=0).max(),
    "multi result sort": lambda p, d: d.groupby(["k", "g"]).x.sum().sort_index(ascending=False),
    "multi result reset": lambda p, d: d.groupby(["k", "g"])[["x"]].sum().reset_index(),
    "multi result loc": lambda p, d: d.groupby(["k", "g"]).x.sum().loc[2],
    "multi result xs": lambda p, d: d.groupby(["k", "g"])[["x"]].sum().xs("apple", level="g"),
    "iteration": lambda p, d: [len(e) for _, e in d.groupby("k")],
    "get_group": lambda p, d: d.groupby("k").get_group(2),
}  # fmt: skip

MERGE: dict[str, Operation] = {
    **_each("{}", ("inner", "left", "right", "outer"), lambda how: lambda p, d: d.merge(_other(d).head(7), on=["k", "g"], how=how)),
    "one key": lambda p, d: d.merge(_other(d), on="g"),
    "natural": lambda p, d: d[["k", "x"]].merge(_other(d)[["k", "z"]]),
    "cross": lambda p, d: d[["x"]].head(4).merge(d[["i"]].head(3), how="cross"),
    "left_on": lambda p, d: d.merge(_other(d).rename(columns={"k": "q"}), left_on="k", right_on="q"),
    "suffixes": lambda p, d: d.merge(d.head(9), on="k", suffixes=("_l", "_r")),
    "other widths": lambda p, d: d.merge(d[["n", "x"]].head(9).rename(columns={"n": "i"}), on="i"),
    "int and float": lambda p, d: d.merge(d[["y", "s"]].head(9).rename(columns={"y": "i"}), on="i"),
    "moments": lambda p, d: d.merge(d[["t", "s"]].head(30), on="t"),
    "by bools": lambda p, d: d.head(9).merge(d[["b", "s"]].head(3), on="b"),
    "by category": lambda p, d: d.astype({"g": "category"}).merge(d.astype({"g": "category"}).head(4), on="g"),
    "sorted": lambda p, d: d.merge(_other(d), on="k", sort=True),
    "indicator": lambda p, d: d.merge(_other(d).head(4), on=["k", "g"], how="left", indicator=True),
    "indicator outer": lambda p, d: d.head(9)[["k", "x"]].merge(d[["k", "y"]].tail(3), on="k", how="outer", indicator="from"),
    "validate": lambda p, d: d.merge(_other(d), on=["k", "g"], validate="m:1"),
    "validate fails": lambda p, d: d.merge(d, on="k", validate="1:1"),
    "index to index": lambda p, d: d[["x"]].merge(d[["y"]].head(9), left_index=True, right_index=True),
    "left_on to index": lambda p, d: d.merge(d.groupby("k")[["x"]].sum(), left_on="k", right_index=True),
    "index to right_on": lambda p, d: d.groupby("k")[["x"]].sum().merge(d[["k", "y"]], left_index=True, right_on="k"),
    "left index left": lambda p, d: d[["x"]].merge(d[["y"]].head(9), left_index=True, right_index=True, how="left"),
    "outer index": lambda p, d: d[["x"]].head(9).merge(d[["y"]].tail(55), left_index=True, right_index=True, how="outer"),
    "by level names": lambda p, d: d.set_index("k").merge(_other(d).set_index("k"), on="k"),
    "named series": lambda p, d: d.merge(d.groupby("k").y.sum().rename("total"), on="k"),
    "series key": lambda p, d: d[["k"]].merge(d.groupby("k", as_index=False).agg(n=("x", "sum")), on="k", how="left"),
    "left anti": lambda p, d: d[["k", "i"]].merge(d[["i"]].head(9), how="left_anti", on="i"),
    "join": lambda p, d: d[["x"]].join(d[["y"]]),
    "join key": lambda p, d: d[["k", "x"]].join(d.groupby("k")[["y"]].sum(), on="k"),
    "join inner": lambda p, d: d[["x"]].join(d[["y"]].head(9), how="inner"),
    "join outer": lambda p, d: d[["x"]].head(5).join(d[["y"]].tail(56), how="outer"),
    "join suffix": lambda p, d: d[["x"]].join(d[["x"]], suffixes=("_l", "_r")),
    "join series": lambda p, d: d[["k"]].join(d.groupby("k").x.mean().rename("m"), on="k"),
    "join several": lambda p, d: d[["x"]].join([d[["y"]], d[["i"]]]),
    "join two levels": lambda p, d: d.set_index(["k", "g"])[["x"]].join(d.groupby(["k", "g"])[["y"]].sum()),
    "merge_asof": lambda p, d: p.merge_asof(d[["o", "x"]], d[["o", "i"]].iloc[::4], on="o"),
    "merge_asof by": lambda p, d: p.merge_asof(d[["o", "k", "x"]], d[["o", "k", "i"]].head(20), on="o", by="k"),
    "merge_asof nearest": lambda p, d: p.merge_asof(d[["o", "x"]], d[["o", "i"]].head(20), on="o", direction="nearest", tolerance=p.Timedelta("3h")),
    "merge_asof forward": lambda p, d: p.merge_asof(d[["o", "x"]], d[["o", "i"]].head(20), on="o", direction="forward", allow_exact_matches=False),
    "merge_ordered": lambda p, d: p.merge_ordered(d[["i", "x"]].head(9), d[["i", "y"]].tail(9), on="i"),
}  # fmt: skip

ORDER: dict[str, Operation] = {
    "sort": lambda p, d: d.sort_values("y", kind="stable"),
    "sort several": lambda p, d: d.sort_values(["k", "x"], ascending=[False, True]),
    "sort first": lambda p, d: d.sort_values("g", na_position="first", kind="stable"),
    "sort key": lambda p, d: d.sort_values("u", key=lambda s: s.str.lower(), kind="stable"),
    "sort ignore": lambda p, d: d.sort_values(["k", "i"], ignore_index=True),
    "sort series": lambda p, d: d.y.sort_values(ascending=False, kind="stable"),
    "sort index level": lambda p, d: d.set_index("k").sort_values(["k", "x"]),
    "sort inplace": lambda p, d: (lambda e: (e.sort_values("x", inplace=True, kind="stable"), e)[1])(d.copy()),
    "sort_index": lambda p, d: d.set_index("i").sort_index(kind="stable"),
    "sort_index down": lambda p, d: d.sort_index(ascending=False),
    "sort_index levels": lambda p, d: d.set_index(["g", "x"]).sort_index(),
    "sort_index level": lambda p, d: d.set_index(["k", "x"]).sort_index(level="x"),
    "sort_index columns": lambda p, d: d.sort_index(axis=1),
    "sort_index series": lambda p, d: d.set_index("x").i.sort_index(kind="stable"),
    "sort_index ignore": lambda p, d: d.set_index("x").sort_index(ignore_index=True, kind="stable"),
    "rank": lambda p, d: d.y.rank(),
    "rank frame": lambda p, d: d[["x", "y"]].rank(pct=True),
    "rank bottom": lambda p, d: d.y.rank(na_option="bottom"),
    "rank top": lambda p, d: d.y.rank(na_option="top", method="min"),
    "rank text": lambda p, d: d.g.rank(),
    "rank dense": lambda p, d: d.k.rank(method="dense", ascending=False),
    "rank first": lambda p, d: d.k.rank(method="first"),
    "rank numeric_only": lambda p, d: d.rank(numeric_only=True),
    "sort head": lambda p, d: d.sort_values("x").head(4),
    "sort head series": lambda p, d: d.sort_values(["k", "x"]).x.head(4),
    "concat": lambda p, d: p.concat([d, d.head(3)]),
    "concat ignore": lambda p, d: p.concat([d, d.head(3)], ignore_index=True),
    "concat other columns": lambda p, d: p.concat([d[["k", "x"]], d[["k", "y"]]]),
    "concat other order": lambda p, d: p.concat([d[["k", "x"]], d[["x", "k"]]]),
    "concat inner": lambda p, d: p.concat([d[["k", "x"]], d[["k", "y"]]], join="inner"),
    "concat widths": lambda p, d: p.concat([d[["i"]], d[["n"]].rename(columns={"n": "i"})]),
    "concat keys": lambda p, d: p.concat([d.head(2), d.tail(2)], keys=["a", "b"]),
    "concat dict": lambda p, d: p.concat({"a": d.head(2), "b": d.tail(2)}, names=["part"]),
    "concat series": lambda p, d: p.concat([d.x, d.y]),
    "concat columns": lambda p, d: p.concat([d[["x"]], d[["y"]]], axis=1),
    "concat columns series": lambda p, d: p.concat([d.x, d.y.rename("z")], axis=1),
    "concat aligned columns": lambda p, d: p.concat([d[["x"]].head(5), d[["y"]].tail(57)], axis=1),
    "concat group columns": lambda p, d: p.concat([d.groupby("k").x.sum(), d.groupby("k").y.mean()], axis=1),
    "concat with None": lambda p, d: p.concat([d.head(3), None]),
}  # fmt: skip


def _of_text(call: Callable[[Any], Any]) -> Operation:
    return lambda p, d: call(d.s.str)


TEXT: dict[str, Operation] = {
    name: _of_text(call)
    for name, call in {
        "lower": lambda s: s.lower(),
        "upper": lambda s: s.upper(),
        "title": lambda s: s.title(),
        "capitalize": lambda s: s.capitalize(),
        "swapcase": lambda s: s.swapcase(),
        "casefold": lambda s: s.casefold(),
        "len": lambda s: s.len(),
        "strip": lambda s: s.strip(),
        "lstrip": lambda s: s.lstrip("a"),
        "rstrip": lambda s: s.rstrip("e"),
        "contains": lambda s: s.contains("a.*e"),
        "contains case": lambda s: s.contains("A", case=False),
        "contains na": lambda s: s.contains("a", na=False),
        "contains literal": lambda s: s.contains(".", regex=False),
        "match": lambda s: s.match("[a-c]"),
        "fullmatch": lambda s: s.fullmatch("a.*"),
        "startswith": lambda s: s.startswith(("a", "B")),
        "endswith": lambda s: s.endswith("e"),
        "find": lambda s: s.find("a"),
        "rfind": lambda s: s.rfind("a"),
        "count": lambda s: s.count("a"),
        "replace": lambda s: s.replace("a", "o"),
        "replace regex": lambda s: s.replace("[ae]", "o", regex=True),
        "replace callable": lambda s: s.replace("a", lambda m: m.group(0).upper(), regex=True),
        "slice": lambda s: s[1:3],
        "slice step": lambda s: s.slice(0, 5, 2),
        "item": lambda s: s[0],
        "get": lambda s: s.get(1),
        "slice_replace": lambda s: s.slice_replace(0, 1, "#"),
        "split": lambda s: s.split(" "),
        "split item": lambda s: s.split(" ").str[0],
        "split expand": lambda s: s.split(" ", expand=True),
        "rsplit": lambda s: s.rsplit("e", n=1),
        "partition": lambda s: s.partition("e"),
        "extract": lambda s: s.extract("(?P<first>[a-z])(?P<second>.)"),
        "extract one": lambda s: s.extract("([a-z])", expand=False),
        "extract numbered": lambda s: s.extract("([a-z])(.)"),
        "extractall": lambda s: s.extractall("([a-z])"),
        "findall": lambda s: s.findall("[aeiou]"),
        "pad": lambda s: s.pad(8, side="both", fillchar="*"),
        "center": lambda s: s.center(8),
        "zfill": lambda s: s.zfill(6),
        "repeat": lambda s: s.repeat(2),
        "removeprefix": lambda s: s.removeprefix("a"),
        "removesuffix": lambda s: s.removesuffix("e"),
        "isdigit": lambda s: s.isdigit(),
        "isalpha": lambda s: s.isalpha(),
        "isupper": lambda s: s.isupper(),
        "cat": lambda s: s.cat(sep="-", na_rep="?"),
        "get_dummies": lambda s: s.get_dummies(" "),
        "wrap": lambda s: s.wrap(4),
        "encode": lambda s: s.encode("utf-8"),
        "normalize": lambda s: s.normalize("NFC"),
        "translate": lambda s: s.translate({97: "o"}),
    }.items()
}  # fmt: skip

MOMENTS: dict[str, Operation] = {
    **_each("dt.{}", (
            "year", "month", "day", "hour", "minute", "second", "microsecond", "nanosecond", "date", "time",
            "dayofweek", "weekday", "day_of_week", "dayofyear", "day_of_year", "quarter", "days_in_month", "daysinmonth",
            "is_month_start", "is_month_end", "is_quarter_start", "is_quarter_end", "is_year_start", "is_year_end",
            "is_leap_year", "tz", "unit",
        ), lambda name: lambda p, d: getattr(d.t.dt, name)),
    "floor": lambda p, d: d.t.dt.floor("D"),
    "ceil": lambda p, d: d.t.dt.ceil("h"),
    "round": lambda p, d: d.t.dt.round("15min"),
    "normalize": lambda p, d: d.t.dt.normalize(),
    "strftime": lambda p, d: d.t.dt.strftime("%Y-%m"),
    "day_name": lambda p, d: d.t.dt.day_name(),
    "month_name": lambda p, d: d.t.dt.month_name(),
    "tz_localize": lambda p, d: d.t.dt.tz_localize("UTC"),
    "tz_convert": lambda p, d: d.t.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin").dt.hour,
    "as_unit": lambda p, d: d.t.dt.as_unit("ms"),
    "to_period": lambda p, d: d.t.dt.to_period("M"),
    "isocalendar": lambda p, d: d.t.dt.isocalendar(),
    "isocalendar week": lambda p, d: d.t.dt.isocalendar().week,
    "total_seconds": lambda p, d: d.d.dt.total_seconds(),
    "days": lambda p, d: d.d.dt.days,
    "seconds": lambda p, d: d.d.dt.seconds,
    "components": lambda p, d: d.d.dt.components,
    "to_datetime": lambda p, d: p.to_datetime(d.t.dt.strftime("%Y-%m-%d")),
    "to_datetime format": lambda p, d: p.to_datetime(d.t.dt.strftime("%d.%m.%Y"), format="%d.%m.%Y"),
    "to_datetime coerce": lambda p, d: p.to_datetime(d.s, format="%Y", errors="coerce"),
    "to_datetime unit": lambda p, d: p.to_datetime(d.i, unit="D"),
    "to_datetime parts": lambda p, d: p.to_datetime(d.assign(year=2024, month=d.k + 1, day=3)[["year", "month", "day"]]),
    "to_timedelta": lambda p, d: p.to_timedelta(d.i, unit="h"),
    "to_numeric text": lambda p, d: p.to_numeric(d.w),
    "to_numeric floats": lambda p, d: p.to_numeric(d.x.astype("str")),
    "to_numeric coerce": lambda p, d: p.to_numeric(d.s, errors="coerce"),
    "to_numeric downcast": lambda p, d: p.to_numeric(d.i, downcast="integer"),
    "to_numeric numbers": lambda p, d: p.to_numeric(d.y),
}  # fmt: skip

CATEGORIES: dict[str, Operation] = {
    "astype": lambda p, d: d.g.astype("category"),
    "given": lambda p, d: d.g.astype(p.CategoricalDtype(["Banana", "apple"], ordered=True)),
    "codes": lambda p, d: d.g.astype("category").cat.codes,
    "categories": lambda p, d: d.g.astype("category").cat.categories,
    "compare": lambda p, d: d.g.astype("category") == "apple",
    "isin": lambda p, d: d.g.astype("category").isin(["apple", "x"]),
    "sort": lambda p, d: d.assign(g=d.g.astype("category")).sort_values("g", kind="stable"),
    "group": lambda p, d: d.assign(g=d.g.astype("category")).groupby("g", observed=True).x.sum(),
    "value_counts": lambda p, d: d.g.astype("category").value_counts(),
    "back": lambda p, d: d.g.astype("category").astype("str"),
    "text": lambda p, d: d.g.astype("category").str.upper(),
    "rename": lambda p, d: d.u.astype("category").cat.rename_categories({"apple": "pear"}),
    "remove_unused": lambda p, d: d[d.u != "apple"].u.astype("category").cat.remove_unused_categories(),
    "set": lambda p, d: d.u.astype("category").cat.set_categories(["apple", "Banana"]),
    "add": lambda p, d: d.u.astype("category").cat.add_categories(["new"]),
    "as_ordered": lambda p, d: d.u.astype("category").cat.as_ordered(),
    "fillna": lambda p, d: d.g.astype("category").fillna("apple"),
    "nunique": lambda p, d: d.g.astype("category").nunique(),
    "merge": lambda p, d: d.astype({"u": "category"})[["u", "x"]].merge(d.astype({"u": "category"})[["u", "i"]].head(4), on="u"),
}  # fmt: skip

_MOVING = ("mean", "sum", "std", "min", "max", "count", "var", "median")
WINDOWS: dict[str, Operation] = {
    **_each("rolling {}", (*_MOVING, "sem", "skew", "kurt", "first", "last", "nunique"), lambda name: lambda p, d: getattr(d.y.rolling(4, min_periods=2), name)()),
    **_each("expanding {}", (*_MOVING, "skew"), lambda name: lambda p, d: getattr(d.y.expanding(), name)()),
    **_each("time {}", _MOVING, lambda name: lambda p, d: getattr(d.set_index("o").y.rolling("7D"), name)()),
    "rolling frame": lambda p, d: d[["x", "y"]].rolling(3).mean(),
    "rolling center": lambda p, d: d.x.rolling(5, center=True).mean(),
    "rolling on": lambda p, d: d[["o", "x"]].rolling("3D", on="o").sum(),
    "rolling on one": lambda p, d: d.rolling("3D", on="o").x.sum(),
    "rolling closed": lambda p, d: d.set_index("o").x.rolling("3D", closed="left").sum(),
    "rolling quantile": lambda p, d: d.x.rolling(4).quantile(0.3),
    "rolling rank": lambda p, d: d.x.rolling(4).rank(),
    "rolling apply": lambda p, d: d.x.rolling(4).apply(lambda v: v.max() - v.min(), raw=True),
    "rolling agg": lambda p, d: d.x.rolling(4).agg(["sum", "mean"]),
    "rolling agg name": lambda p, d: d[["x", "y"]].rolling(4).agg("sum"),
    "rolling agg dict": lambda p, d: d.rolling(4).agg({"x": "sum", "y": "max"}),
    "rolling corr": lambda p, d: d.x.rolling(4).corr(d.i),
    "rolling cov": lambda p, d: d.x.rolling(4).cov(d.i),
    "rolling triangular": lambda p, d: d.x.rolling(4, win_type="triang").mean(),
    "rolling step": lambda p, d: d.x.rolling(4, step=2).sum(),
    "ewm mean": lambda p, d: d.y.ewm(span=5).mean(),
    "ewm alpha": lambda p, d: d.y.ewm(alpha=0.3, adjust=False).mean(),
    "ewm std": lambda p, d: d.x.ewm(halflife=3).std(),
    "ewm var": lambda p, d: d.x.ewm(com=3).var(),
    "ewm sum": lambda p, d: d.x.ewm(span=5).sum(),
    "ewm frame": lambda p, d: d[["x", "y"]].ewm(span=5, ignore_na=True).mean(),
    "shift": lambda p, d: d.shift(),
    "shift fill": lambda p, d: d.i.shift(2, fill_value=0),
    "shift freq": lambda p, d: d.set_index("o").x.shift(1, freq="D"),
    "diff": lambda p, d: d[["x", "y", "i"]].diff(),
    "pct_change": lambda p, d: d.x.pct_change(),
    **_each("{}", ("cumsum", "cumprod", "cummin", "cummax"), lambda name: lambda p, d: getattr(d[["x", "y"]], name)()),
    "cumsum of series": lambda p, d: d.i.cumsum(),
    "cumsum of bools": lambda p, d: d.b.cumsum(),
    "interpolate": lambda p, d: d.y.interpolate(),
    **_each("resample {}", ("sum", "mean", "min", "max", "count", "size", "first", "last", "std", "median", "nunique", "ohlc"), lambda name: lambda p, d: getattr(d.set_index("o").y.resample("5D"), name)()),
    "resample frame": lambda p, d: d.set_index("o")[["x", "y"]].resample("D").mean(),
    "resample on": lambda p, d: d.resample("7D", on="o")[["x", "i"]].sum(),
    "resample month": lambda p, d: d.set_index("o").x.resample("ME").sum(),
    "resample month start": lambda p, d: d.set_index("o").x.resample("MS").sum(),
    "resample week": lambda p, d: d.set_index("o").x.resample("W").sum(),
    "resample agg": lambda p, d: d.set_index("o").resample("5D").agg({"x": "sum", "y": "mean"}),
    "resample agg list": lambda p, d: d.set_index("o").x.resample("5D").agg(["sum", "mean"]),
    "resample ffill": lambda p, d: d.drop_duplicates("o").set_index("o").x.resample("D").ffill(),
    "asfreq": lambda p, d: d.drop_duplicates("o").set_index("o").x.asfreq("D"),
}  # fmt: skip

RESHAPING: dict[str, Operation] = {
    "melt": lambda p, d: d.melt(id_vars=["k", "g"], value_vars=["x", "y"]),
    "melt names": lambda p, d: d.melt("k", ["x", "y"], var_name="what", value_name="how much"),
    "melt all": lambda p, d: d[["x", "y"]].melt(),
    "melt widths": lambda p, d: d.melt("k", ["x", "i"]),
    "melt keeps index": lambda p, d: d.set_index("k").melt("g", ["x", "y"], ignore_index=False),
    "melt text": lambda p, d: d.melt("k", ["g", "s"]),
    "top melt": lambda p, d: p.melt(d, id_vars="k", value_vars=["x"]),
    "pivot": lambda p, d: d.drop_duplicates(["k", "w"]).pivot(index="k", columns="w", values="x"),
    "pivot integers": lambda p, d: d.drop_duplicates(["k", "w"]).pivot(index="k", columns="w", values="i"),
    "pivot numbers as columns": lambda p, d: d.drop_duplicates(["k", "w"]).pivot(index="w", columns="k", values="x"),
    "pivot several": lambda p, d: d.drop_duplicates(["k", "w"]).pivot(index="k", columns="w", values=["x", "y"]),
    "pivot two keys": lambda p, d: d.drop_duplicates(["k", "b", "w"]).pivot(index=["k", "b"], columns="w", values="x"),
    "pivot twice": lambda p, d: d.pivot(index="k", columns="w", values="x"),
    "pivot_table": lambda p, d: d.pivot_table(index="k", columns="w", values="x"),
    "pivot_table sum": lambda p, d: d.pivot_table(index="k", columns="w", values="x", aggfunc="sum", fill_value=0),
    "pivot_table count": lambda p, d: d.pivot_table(index="k", columns="g", values="y", aggfunc="count"),
    "pivot_table keys": lambda p, d: d.pivot_table(index=["k", "b"], columns="w", values="x", aggfunc="max"),
    "pivot_table no columns": lambda p, d: d.pivot_table(index="k", values=["x", "y"], aggfunc="mean"),
    "pivot_table list": lambda p, d: d.pivot_table(index="k", columns="w", values=["x"], aggfunc="sum"),
    "pivot_table several": lambda p, d: d.pivot_table(index="k", values="x", aggfunc=["sum", "mean"]),
    "pivot_table dict": lambda p, d: d.pivot_table(index="k", values=["x", "y"], aggfunc={"x": "sum", "y": "mean"}),
    "pivot_table margins": lambda p, d: d.pivot_table(index="k", columns="w", values="x", aggfunc="sum", margins=True),
    "pivot_table numbers": lambda p, d: d.pivot_table(index="w", columns="k", values="x", aggfunc="sum"),
    "crosstab": lambda p, d: p.crosstab(d.k, d.w),
    "stack": lambda p, d: d[["x", "y"]].stack(),
    "stack level": lambda p, d: d.set_index("k")[["x", "y"]].stack(),
    "unstack": lambda p, d: d.drop_duplicates(["k", "w"]).set_index(["k", "w"]).x.unstack(),
    "unstack first": lambda p, d: d.drop_duplicates(["w", "k"]).set_index(["w", "k"]).x.unstack(0),
    "unstack name": lambda p, d: d.drop_duplicates(["k", "w"]).set_index(["k", "w"]).i.unstack("w"),
    "unstack fill": lambda p, d: d.drop_duplicates(["k", "w"]).set_index(["k", "w"]).i.unstack(fill_value=0),
    "unstack numbers": lambda p, d: d.drop_duplicates(["k", "w"]).set_index(["w", "k"]).x.unstack(),
    "unstack frame": lambda p, d: d.drop_duplicates(["k", "w"]).set_index(["k", "w"])[["x", "y"]].unstack(),
    "get_dummies": lambda p, d: p.get_dummies(d.g),
    "get_dummies frame": lambda p, d: p.get_dummies(d[["x", "g", "w"]]),
    "get_dummies columns": lambda p, d: p.get_dummies(d[["x", "g", "k"]], columns=["k"], prefix="k", dtype="int64"),
    "get_dummies missing": lambda p, d: p.get_dummies(d.g, dummy_na=True, prefix="g"),
    "get_dummies drop": lambda p, d: p.get_dummies(d.g, drop_first=True),
    "get_dummies numbers": lambda p, d: p.get_dummies(d.k),
    "explode": lambda p, d: d.assign(s=d.s.str.split(" ")).explode("s"),
    "explode series": lambda p, d: d.s.str.split("e").explode(),
    "explode ignore": lambda p, d: d.assign(s=d.s.str.split("e"))[["k", "s"]].explode("s", ignore_index=True),
    "cut": lambda p, d: p.cut(d.x, [-3, -1, 0, 1, 3]),
    "cut labels": lambda p, d: p.cut(d.x, [-3, 0, 3], labels=["low", "high"]),
    "cut codes": lambda p, d: p.cut(d.y, [-3, 0, 3], labels=False),
    "cut number": lambda p, d: p.cut(d.x, 4, labels=["a", "b", "c", "d"]),
    "cut intervals number": lambda p, d: p.cut(d.x, 4),
    "cut left": lambda p, d: p.cut(d.i, [-50, 0, 50], right=False, labels=["n", "p"]),
    "cut group": lambda p, d: d.groupby(p.cut(d.x, [-9, 0, 9], labels=["n", "p"]), observed=True).y.sum(),
    "qcut": lambda p, d: p.qcut(d.x, 4, labels=["a", "b", "c", "d"]),
    "qcut intervals": lambda p, d: p.qcut(d.x, 4),
    "wide_to_long": lambda p, d: p.wide_to_long(d.assign(id=range(len(d)), a1=d.x, a2=d.y)[["id", "a1", "a2"]], "a", i="id", j="n"),
    "transpose": lambda p, d: d.groupby("k")[["x", "y"]].sum().T,
}  # fmt: skip

FUNCTIONS: dict[str, Operation] = {
    "apply rows": lambda p, d: d.apply(lambda r: r.x + r.i, axis=1),
    "apply rows series": lambda p, d: d[["x", "i"]].apply(lambda r: pandas.Series({"a": r.x, "b": r.i}), axis=1),
    "apply columns": lambda p, d: d[["x", "i"]].apply(lambda c: c.max() - c.min()),
    "apply columns series": lambda p, d: d[["x", "i"]].apply(lambda c: c - c.mean()),
    "apply name": lambda p, d: d[["x", "i"]].apply("sum"),
    "apply series": lambda p, d: d.x.apply(lambda v: v * 2),
    "apply ufunc": lambda p, d: d[["x", "y"]].apply(np.exp),
    "apply series ufunc": lambda p, d: d.x.abs().apply(np.sqrt),
    "map function": lambda p, d: d.g.map(lambda v: len(v), na_action="ignore"),
    "map frame": lambda p, d: d[["x", "y"]].map(lambda v: v + 1),
    "transform": lambda p, d: d[["x", "y"]].transform(lambda c: c - c.mean()),
    "transform name": lambda p, d: d.x.transform("abs"),
}  # fmt: skip

TOPICS: dict[str, dict[str, Operation]] = {
    "selection": SELECTION,
    "arithmetic": ARITHMETIC,
    "reductions": REDUCTIONS,
    "groupby": GROUPBY,
    "merge": MERGE,
    "order": ORDER,
    "text": TEXT,
    "moments": MOMENTS,
    "categories": CATEGORIES,
    "windows": WINDOWS,
    "reshaping": RESHAPING,
    "functions": FUNCTIONS,
}


FALLS_BACK: dict[str, frozenset[str]] = {
    "selection": frozenset(("map dict floats", "factorize")),
    "arithmetic": frozenset(("frame other columns", "subset of rows")),
    "reductions": frozenset(
        (
            "mode of frame",
            "any of frame",
            "all of frame",
            "min of all",
            "max of text",
            "idxmax by row",
            "mean of dates",
            "mean of spans",
            "std of dates",
            "value_counts bins",
            "value_counts frame normalize",
            "agg named",
            "describe text",
            "describe dates",
            "describe all",
            "corr spearman",
            "corrwith",
            "is_monotonic",
            "hasnans",
        )
    ),
    "groupby": frozenset(
        (
            "transform frame lambda",
            "ngroups",
            "groups",
            "nth dropna",
            "sum of text",
            "mean of dates",
            "value_counts",
            "value_counts frame",
            "describe",
            "corr",
            "unique",
            "by Grouper",
            "by category unobserved",
            "resample",
            "sample",
        )
    ),
    "merge": frozenset(("by level names", "merge_asof nearest", "merge_ordered")),
    "order": frozenset(("concat aligned columns",)),
    "text": frozenset(
        (
            "replace callable",
            "split expand",
            "partition",
            "extract numbered",
            "extractall",
            "findall",
            "cat",
            "get_dummies",
            "encode",
            "translate",
        )
    ),
    "moments": frozenset(
        (
            "dt.date",
            "dt.time",
            "to_period",
            "isocalendar",
            "isocalendar week",
            "to_datetime coerce",
            "to_datetime unit",
            "to_datetime parts",
            "to_timedelta",
            "to_numeric downcast",
        )
    ),
    "categories": frozenset(
        ("value_counts", "text", "rename", "remove_unused", "set", "add", "as_ordered", "fillna")
    ),
    "windows": frozenset(
        (
            "rolling apply",
            "rolling corr",
            "rolling cov",
            "rolling triangular",
            "rolling step",
            "shift freq",
            "interpolate",
            "resample ffill",
            "asfreq",
        )
    ),
    "reshaping": frozenset(
        (
            "top melt",
            "pivot_table several",
            "pivot_table margins",
            "cut",
            "cut intervals number",
            "qcut intervals",
            "wide_to_long",
        )
    ),
    "functions": frozenset(
        (
            "apply columns",
            "apply columns series",
            "apply ufunc",
            "map frame",
            "transform",
            "transform name",
        )
    ),
}
"""What is known to run on pandas."""


def value(operation: Operation, library: Any, frame: Any) -> Any:
    """The computed result, or what was raised."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = operation(library, frame)
            return result.to_pandas() if hasattr(result, "to_pandas") else result
        except Exception as error:  # noqa: BLE001  compared with what pandas raises
            return error


def verdict(operation: Operation, table: pandas.DataFrame) -> str:
    """``native``, ``falls back: why`` or ``wrong: how`` at threshold 0; the options are the caller's."""
    expected = value(operation, pandas, table.copy())
    support.clear_fallbacks()
    result = value(operation, pd, pd.from_pandas(table)[list(table.columns)])
    try:
        assert_equal(result, expected)
    except AssertionError as difference:
        return f"wrong: {' '.join(str(difference).split())[:300]}"
    except Exception as error:  # noqa: BLE001  a verdict, too
        return f"wrong: {type(error).__name__} {error}"
    fallen = support.fallbacks()
    if fallen and not isinstance(expected, Exception):
        return f"falls back: {fallen[0].operation} ({fallen[0].reason})"
    return "native"


def assert_equal(result: Any, expected: Any) -> None:
    """Equal values, dtypes, order, index and names; or exceptions of the same type."""
    if isinstance(result, Exception) and not isinstance(expected, Exception):
        raise result
    if isinstance(expected, pandas.DataFrame):
        pandas.testing.assert_frame_equal(result, expected, rtol=1e-12)
    elif isinstance(expected, pandas.Series):
        pandas.testing.assert_series_equal(result, expected, rtol=1e-12)
    elif isinstance(expected, pandas.Index):
        pandas.testing.assert_index_equal(result, expected)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(result, expected)
    elif isinstance(expected, pandas.api.extensions.ExtensionArray):
        pandas.testing.assert_extension_array_equal(result, expected)
    else:
        assert type(result) is type(expected), f"{type(result)} is not {type(expected)}: {result!r}"
        if isinstance(expected, float):
            np.testing.assert_allclose(result, expected, rtol=1e-12)
        elif not isinstance(expected, Exception):
            assert result == expected or result is expected


def main(topics: list[str]) -> None:
    """Prints a line for each operation that is not native, and a count for each topic."""
    pd.set_option("raylab.lazy_threshold_rows", 0)
    pd.set_option("raylab.fallback", "silent")
    table = random_frame(1)
    for topic, operations in TOPICS.items():
        if topics and topic not in topics:
            continue
        native = 0
        for name, operation in operations.items():
            found = verdict(operation, table)
            native += found == "native"
            if found != "native":
                print(f"{topic:12} {name:28} {found}", flush=True)
        print(f"{topic:12} {native} of {len(operations)} native\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
