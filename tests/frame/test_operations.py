"""Each native operation against pandas: from memory and from Parquet, in 1 to 3 partitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import raylab.frame as pd
from raylab.frame import support
from raylab.frame.facade.base import LazyObject

Operation = Callable[[Any, Any], Any]

OPERATIONS: dict[str, Operation] = {
    # constants as columns
    "groups of constants": lambda p, d: d.assign(c=2).groupby("key").agg(
        a=("c", "sum"), b=("c", "mean"), n=("c", "count"), u=("c", "nunique")
    ),
    "groups by a constant": lambda p, d: d.assign(c=2).groupby(["c", "key"])["small"].sum(),
    "shift of a constant": lambda p, d: d.assign(c=1.5)["c"].shift(),
    "cumsum of a constant": lambda p, d: d.assign(c=2)["c"].cumsum(),
    "rank of a constant": lambda p, d: d.assign(c=2)["c"].rank(),
    "rolling of a constant": lambda p, d: d.assign(c=1.5)["c"].rolling(3).sum(),
    "cumsum of constants in groups": lambda p, d: d.assign(c=2).groupby("key")["c"].cumsum(),
    "sum of constants to groups": lambda p, d: d.assign(c=2).groupby("key")["c"].transform("sum"),
    # selection
    "column": lambda p, d: d["x"],
    "attribute": lambda p, d: d.x,
    "columns": lambda p, d: d[["y", "key"]],
    "mask": lambda p, d: d[d.x > 0],
    "mask of missing": lambda p, d: d[d.y > 0],
    "mask and": lambda p, d: d[(d.x > 0) & (d.y < 0.5) | ~(d.name == "apple")],
    "mask not of missing": lambda p, d: d[~(d.y > 0)],
    "mask not equal": lambda p, d: d[d.y != 0.5],
    "mask and columns": lambda p, d: d[d.x > 0][["x", "y"]],
    "mask twice": lambda p, d: (lambda e: e[e.y > 0])(d[d.x > 0]),
    "series mask": lambda p, d: d.x[d.flag],
    "loc mask": lambda p, d: d.loc[d.x > 0],
    "loc mask columns": lambda p, d: d.loc[d.x > 0, ["name", "x"]],
    "loc column": lambda p, d: d.loc[:, "x"],
    "loc mask column": lambda p, d: d.loc[d.flag, "x"],
    "iloc": lambda p, d: d.iloc[3:17],
    "slice": lambda p, d: d[5:9],
    "head": lambda p, d: d.head(7),
    "head of nothing": lambda p, d: d.head(0),
    "tail": lambda p, d: d.tail(7),
    "tail of mask": lambda p, d: d[d.x > 0].tail(4),
    "head of mask": lambda p, d: d[d.x > 0].head(4),
    "drop": lambda p, d: d.drop(columns=["x", "name"]),
    "drop axis": lambda p, d: d.drop("x", axis=1),
    "rename": lambda p, d: d.rename(columns={"x": "z"}),
    "rename function": lambda p, d: d.rename(columns=str.upper),
    "prefix": lambda p, d: d.add_prefix("p_"),
    "suffix": lambda p, d: d.add_suffix("_s"),
    "assign": lambda p, d: d.assign(z=d.x + d.y, one=1, f=lambda e: e.z * 2),
    "set_index": lambda p, d: d.set_index("key"),
    "set_index two": lambda p, d: d.set_index(["key", "name"]),
    "set_index keep": lambda p, d: d.set_index("key", drop=False),
    "reset_index": lambda p, d: d.set_index("key").reset_index(),
    "reset_index drop": lambda p, d: d[d.x > 0].reset_index(drop=True),
    "reset_index mask": lambda p, d: d[d.x > 0].reset_index(),
    "to_frame": lambda p, d: d.x.to_frame("z"),
    "drop_duplicates": lambda p, d: d[["key", "flag"]].drop_duplicates(),
    "drop_duplicates subset": lambda p, d: d.drop_duplicates(["key", "name"]),
    "drop_duplicates last": lambda p, d: d.drop_duplicates("y", keep="last"),
    "drop_duplicates none": lambda p, d: d.drop_duplicates("small", keep=False),
    "drop_duplicates new index": lambda p, d: d.drop_duplicates("key", ignore_index=True),
    "dropna": lambda p, d: d.dropna(),
    "dropna subset": lambda p, d: d.dropna(subset=["y"]),
    "dropna all": lambda p, d: d.dropna(how="all", subset=["y", "name"]),
    # values
    "add": lambda p, d: d.x + d.y,
    "add constant": lambda p, d: 1 + d.small,
    "subtract": lambda p, d: 1.5 - d.small,
    "multiply": lambda p, d: d.small * d.x,
    "divide": lambda p, d: d.small / d.key,
    "divide by constant": lambda p, d: d.key / 3,
    "floordiv": lambda p, d: d.small // 7,
    "mod": lambda p, d: d.small % 7,
    "mod negative": lambda p, d: d.small % -7,
    "power": lambda p, d: d.x**2,
    "negative": lambda p, d: -d.x,
    "abs": lambda p, d: d.small.abs(),
    "builtin abs": lambda p, d: abs(d.y),
    "round": lambda p, d: d.y.round(3),
    "round frame": lambda p, d: d[["x", "y", "key"]].round(1),
    "text add": lambda p, d: d.name + "!",
    "text add both": lambda p, d: d.name + d.name,
    "dates": lambda p, d: d.when - d.day,
    "date shifted": lambda p, d: d.when + p.Timedelta(days=3),
    "date compare": lambda p, d: d.when >= "2025-01-01",
    "date compare stamp": lambda p, d: d.day < p.Timestamp("2025-01-01 12:00"),
    "compare columns": lambda p, d: d.x < d.y,
    "compare equal missing": lambda p, d: d.y == d.y,
    "compare not equal missing": lambda p, d: d.y != d.y,
    "compare greater missing": lambda p, d: d.y >= d.y,
    "compare text": lambda p, d: d.name == "apple",
    "compare text order": lambda p, d: d.name < "b",
    "compare text not equal": lambda p, d: d.name != "apple",
    "frame compare": lambda p, d: d[["x", "y"]] > 0,
    "frame arithmetic": lambda p, d: d[["x", "y"]] * 2 + d[["x", "y"]],
    "xor": lambda p, d: d.flag ^ (d.x > 0),
    "invert": lambda p, d: ~d.flag,
    "isna": lambda p, d: d.isna(),
    "notna": lambda p, d: d.name.notna(),
    "fillna": lambda p, d: d.y.fillna(0),
    "fillna column": lambda p, d: d.y.fillna(d.x),
    "fillna text": lambda p, d: d.name.fillna("?"),
    "fillna date": lambda p, d: d.when.fillna(p.Timestamp("2020-01-01")),
    "between": lambda p, d: d.y.between(-0.5, 0.5),
    "between text": lambda p, d: d.name.between("a", "b", inclusive="left"),
    "isin": lambda p, d: d.key.isin([1, 3, 99]),
    "isin missing": lambda p, d: d.y.isin([0.5, np.nan]),
    "isin text": lambda p, d: d.name.isin(["apple", "zo\u00eb"]),
    "isin floats": lambda p, d: d.key.isin([1.0, 2.5]),
    "isin series": lambda p, d: d[d.key.isin(d[d.x > 1].key)],
    "not isin series": lambda p, d: d[~d.key.isin(d[d.x > 1.5].key)],
    "isin series value": lambda p, d: d.key.isin(d[d.x > 1].key),
    "where": lambda p, d: d.x.where(d.x > 0, 0.0),
    "where column": lambda p, d: d.x.where(d.x > 0, d.y),
    "where missing": lambda p, d: d.x.where(d.x > 0),
    "where missing integer": lambda p, d: d.key.where(d.x > 0),
    "where nothing missing": lambda p, d: d.key.where(d.x > -100),
    "mask value": lambda p, d: d.x.mask(d.y > 0, -1.0),
    "clip": lambda p, d: d.y.clip(-0.5, 0.5),
    "clip one side": lambda p, d: d.small.clip(lower=0),
    "map": lambda p, d: d.key.map({0: "a", 1: "b", 2: "c"}),
    "map numbers": lambda p, d: d.key.map({0: 1, 1: 2}),
    "map all": lambda p, d: d.key.map(dict.fromkeys(range(7), 5)),
    "astype float": lambda p, d: d.key.astype("float64"),
    "astype text": lambda p, d: d.key.astype("str"),
    "astype of bool": lambda p, d: d.flag.astype("int64"),
    "astype frame": lambda p, d: d.astype({"key": "float32", "small": "int64"}),
    # text and dates
    "contains": lambda p, d: d.name.str.contains("a.*e"),
    "contains plain": lambda p, d: d.name.str.contains("a.", regex=False),
    "match": lambda p, d: d.name.str.match("[a-c]"),
    "fullmatch": lambda p, d: d.name.str.fullmatch("a.*"),
    "startswith": lambda p, d: d.name.str.startswith("ap"),
    "startswith several": lambda p, d: d.name.str.startswith(("ap", "B")),
    "endswith": lambda p, d: d.name.str.endswith("e"),
    "len": lambda p, d: d.name.str.len(),
    "len of all": lambda p, d: d[d.name.notna()].name.str.len(),
    "strip": lambda p, d: d.name.str.strip("ae"),
    "slice text": lambda p, d: d.name.str.slice(1, 3),
    "text item": lambda p, d: d.name.str[:2],
    "replace text": lambda p, d: d.name.str.replace("a", "o"),
    "year": lambda p, d: d.day.dt.year,
    "month of missing": lambda p, d: d.when.dt.month,
    "weekday": lambda p, d: d.day.dt.day_of_week,
    "quarter": lambda p, d: d.day.dt.quarter + 1,
    "normalize": lambda p, d: d.when.dt.normalize(),
    # groups
    "group sum": lambda p, d: d.groupby("key")[["x", "y"]].sum(),
    "group mean": lambda p, d: d.groupby("key").y.mean(),
    "group all functions": lambda p, d: d.groupby("key").agg(
        a=("y", "sum"), b=("y", "mean"), c=("y", "min"), e=("y", "max"), f=("y", "count"),
        g=("name", "nunique"), h=("x", "std"), i=("x", "var"), j=("x", "median"), k=("y", "size"),
    ),
    "group first last": lambda p, d: d.groupby("key").agg({"y": "first", "name": "last"}),
    "group list": lambda p, d: d.groupby("key").x.agg(["sum", "max"]),
    "group named series": lambda p, d: d.groupby("key").x.agg(low="min", high="max"),
    "group two keys": lambda p, d: d.groupby(["name", "flag"]).x.sum(),
    "group missing keys": lambda p, d: d.groupby("name", dropna=False).x.sum(),
    "group by missing float": lambda p, d: d.groupby("y", dropna=False).key.count().head(9),
    "group as columns": lambda p, d: d.groupby(["name", "flag"], as_index=False).agg(n=("x", "sum")),
    "group as found": lambda p, d: d.groupby("name", sort=False).x.sum(),
    "group size": lambda p, d: d.groupby("name").size(),
    "group size columns": lambda p, d: d.groupby("name", as_index=False).size(),
    "group count": lambda p, d: d.groupby("flag").count(),
    "group nunique": lambda p, d: d.groupby("flag").nunique(),
    "group by series": lambda p, d: d.groupby(d.day.dt.year).x.mean(),
    "group by both": lambda p, d: d.groupby(["key", d.day.dt.year]).x.mean(),
    "group of dates": lambda p, d: d.groupby("key").when.max(),
    "group of text": lambda p, d: d.groupby("key").name.min(),
    "group of bool": lambda p, d: d.groupby("key").flag.sum(),
    "group numeric": lambda p, d: d.groupby("key").mean(numeric_only=True),
    "group reset": lambda p, d: d.groupby("key")[["x"]].sum().reset_index(),
    "group of mask": lambda p, d: d[d.x > 0].groupby("key").x.max(),
    # merges
    "merge": lambda p, d: d.merge(d.groupby("key", as_index=False).x.sum(), on="key"),
    "merge left": lambda p, d: d.merge(d[d.key > 3][["key", "small"]].head(5), on="key", how="left"),
    "merge left all": lambda p, d: d[["key"]].merge(d[["key", "small"]].drop_duplicates("key"), on="key", how="left"),
    "merge right": lambda p, d: d.head(9).merge(d[["key", "y"]].tail(9), on="key", how="right"),
    "merge outer": lambda p, d: d.head(9)[["key", "x"]].merge(d[["key", "y"]].tail(9), on="key", how="outer"),
    "merge two keys": lambda p, d: d.merge(d[["name", "flag", "x"]].head(20), on=["name", "flag"], suffixes=("", "_r")),
    "merge other names": lambda p, d: d.merge(d[["small", "y"]].head(9).rename(columns={"small": "s"}), left_on="small", right_on="s"),
    "merge missing keys": lambda p, d: d[["y", "x"]].merge(d[["y", "key"]].tail(30), on="y"),
    "merge cross": lambda p, d: d[["x"]].head(3).merge(d[["y"]].head(4), how="cross"),
    "merge filtered": lambda p, d: (lambda m: m[(m.x > 0) & (m.y_r > 0)])(d.merge(d[["key", "y"]].head(9), on="key", suffixes=("", "_r"))),
    "top merge": lambda p, d: p.merge(d.head(9), d[["key", "y"]], on="key"),
    # order
    "sort": lambda p, d: d.sort_values("y"),
    "sort down": lambda p, d: d.sort_values("y", ascending=False, na_position="first"),
    "sort several": lambda p, d: d.sort_values(["key", "name", "x"], ascending=[True, False, True]),
    "sort stable": lambda p, d: d.sort_values("key", kind="stable"),
    "sort stable down": lambda p, d: d.sort_values("key", kind="stable", ascending=False),
    "sort new index": lambda p, d: d.sort_values(["key", "x"], ignore_index=True),
    "sort head": lambda p, d: d.sort_values(["x", "y"]).head(5),
    "sort series": lambda p, d: d.y.sort_values(),
    "sort index": lambda p, d: d.groupby("name", sort=False)[["x"]].sum().sort_index(),
    "nlargest": lambda p, d: d.nlargest(5, "x"),
    "nsmallest": lambda p, d: d.nsmallest(5, ["key", "x"]),
    "concat": lambda p, d: p.concat([d, d[d.x > 0]]),
    "concat new index": lambda p, d: p.concat([d.head(3), d.tail(3)], ignore_index=True),
    "copy": lambda p, d: d.copy(),
    # rows by label and position
    "mask array": lambda p, d: d[np.arange(len(d)) % 3 == 0],
    "mask list": lambda p, d: d[[i % 2 == 0 for i in range(len(d))]],
    "loc slice": lambda p, d: d.loc[5:20],
    "loc slices": lambda p, d: d.loc[5:20, "small":"y"],
    "loc list": lambda p, d: d.loc[[9, 3, 4]],
    "loc function": lambda p, d: d.loc[lambda e: e.x > 0],
    "loc of level": lambda p, d: d.groupby(["key", "flag"]).x.sum().loc[2],
    "loc repeated label": lambda p, d: d.set_index("key").loc[3],
    "iloc negative": lambda p, d: d.iloc[-9:-2],
    "iloc step": lambda p, d: d.iloc[3:60:7],
    "iloc backwards": lambda p, d: d.iloc[::-1],
    "iloc columns": lambda p, d: d.iloc[2:9, 1:4],
    "iloc list": lambda p, d: d.iloc[[5, 1, -3, 1]],
    "head but": lambda p, d: d.head(-190),
    "tail but": lambda p, d: d.tail(-190),
    "drop rows": lambda p, d: d.drop([3, 5]),
    "assign array": lambda p, d: d.assign(z=np.arange(len(d)) * 0.5)[d.x > 0],
    "assign list": lambda p, d: d.assign(z=["a"] * len(d)),
    "assign other rows": lambda p, d: d.assign(z=d.sort_values("x").reset_index(drop=True).x),
    # indexes
    "set_index append": lambda p, d: d.set_index("name", append=True),
    "reset_index level": lambda p, d: d.set_index(["key", "name"]).reset_index(level="name"),
    "droplevel": lambda p, d: d.set_index(["key", "name"]).droplevel("name"),
    "swaplevel": lambda p, d: d.set_index(["key", "name"]).swaplevel(),
    "rename_axis": lambda p, d: d.rename_axis("id"),
    "xs": lambda p, d: d.set_index(["key", "name"]).xs("apple", level="name"),
    "reindex columns": lambda p, d: d.reindex(columns=["x", "q"]),
    # joins by index, and what else merge takes
    "merge index": lambda p, d: d[["x"]].merge(d[["y"]].head(9), left_index=True, right_index=True),
    "merge index outer": lambda p, d: d[["x"]].head(9).merge(d[["y"]].tail(195), left_index=True, right_index=True, how="outer"),
    "merge key with index": lambda p, d: d.merge(d.groupby("key")[["y"]].sum().add_suffix("_s"), left_on="key", right_index=True),
    "merge indicator": lambda p, d: d[["key", "x"]].merge(d[["key", "y"]].head(3), on="key", how="outer", indicator=True),
    "merge validate": lambda p, d: d.merge(d.groupby("key", as_index=False).agg(n=("x", "sum")), on="key", validate="m:1"),
    "merge sorted": lambda p, d: d.merge(d[["key", "y"]].head(9), on="key", sort=True, suffixes=("", "_r")),
    "merge series": lambda p, d: d.merge(d.groupby("key").y.sum().rename("total"), on="key"),
    "merge anti": lambda p, d: d.merge(d[["small"]].head(50), on="small", how="left_anti"),
    "merge_asof": lambda p, d: p.merge_asof(d.sort_values("day", kind="stable")[["day", "key", "x"]], d.sort_values("day", kind="stable")[["day", "key", "y"]].iloc[::5], on="day", by="key"),
    "merge_asof forward": lambda p, d: p.merge_asof(d.sort_values("x", kind="stable")[["x", "key"]], d.sort_values("x", kind="stable")[["x", "y"]].iloc[::5], on="x", direction="forward", allow_exact_matches=False),
    "merge widths": lambda p, d: d[["small", "x"]].merge(d[["key", "y"]].head(9), left_on="small", right_on="key"),
    "join": lambda p, d: d[["x"]].join(d[["y"]].head(20)),
    "join on": lambda p, d: d[["key", "x"]].join(d.groupby("key")[["y"]].sum(), on="key"),
    "join suffixes": lambda p, d: d[["x"]].join(d[["x"]], suffixes=("", "_r")),
    "join several": lambda p, d: d[["x"]].join([d[["y"]], d[["key"]]]),
    # reshaping
    "melt": lambda p, d: d.melt(id_vars=["key", "name"], value_vars=["x", "y"]),
    "melt widths": lambda p, d: d.melt("name", ["x", "key"], var_name="what", value_name="how much"),
    "melt with index": lambda p, d: d.set_index("key").melt("name", ["x", "y"], ignore_index=False),
    "stack": lambda p, d: d.set_index("key")[["x", "y"]].stack(),
    "unstack": lambda p, d: d[d.name > ""].groupby(["key", "name"]).x.sum().unstack(),
    "unstack integers": lambda p, d: d[d.name > ""].groupby(["name", "key"]).small.count().unstack(0),
    "unstack fill": lambda p, d: d[d.name > ""].groupby(["key", "name"]).x.count().unstack(fill_value=0),
    "pivot": lambda p, d: d[d.name > ""].drop_duplicates(["key", "name"]).pivot(index="key", columns="name", values="x"),
    "pivot_table": lambda p, d: d[d.name > ""].pivot_table(index="key", columns="name", values="y", aggfunc="sum"),
    "pivot_table fill": lambda p, d: d[d.name > ""].pivot_table(index=["key", "flag"], columns="name", values="x", aggfunc="count", fill_value=0),
    "pivot_table groups": lambda p, d: d.pivot_table(index="key", values=["y", "x"], aggfunc="mean"),
    "crosstab": lambda p, d: p.crosstab(d.key[d.name > ""], d.name[d.name > ""]),
    "get_dummies": lambda p, d: p.get_dummies(d[["x", "name"]], prefix="n"),
    "get_dummies numbers": lambda p, d: p.get_dummies(d, columns=["key"], dtype="int64", drop_first=True),
    "explode": lambda p, d: d.assign(part=d.name.str.split("e")).explode("part"),
    "explode series": lambda p, d: d.name.str.split("e").explode(ignore_index=True),
    "cut": lambda p, d: p.cut(d.x, [-9, -1, 1, 9], labels=["low", "middle", "high"]),
    "cut number": lambda p, d: p.cut(d.y, 3, labels=False),
    "cut group": lambda p, d: d.groupby(p.cut(d.x, [-9, 0, 9], labels=["n", "p"]), observed=True).y.sum(),
    # groups
    "group level": lambda p, d: d.set_index("name").groupby(level=0).x.sum(),
    "group level name": lambda p, d: d.set_index(["key", "flag"])[["x"]].groupby(level="flag").sum(),
    "group array": lambda p, d: d.groupby(np.arange(len(d)) % 3).x.sum(),
    "group function": lambda p, d: d.set_index("key").groupby(lambda k: k % 2).x.sum(),
    "group NamedAgg": lambda p, d: d.groupby("key").agg(a=p.NamedAgg("x", "sum")),
    "group narrow sum": lambda p, d: d.groupby("key").small.sum(),
    "group least": lambda p, d: d.groupby("key").y.sum(min_count=3),
    "group sem": lambda p, d: d.groupby("key").y.sem(),
    "group idxmax": lambda p, d: d.groupby("key")[["x", "small"]].idxmax(),
    "group nlargest": lambda p, d: d.groupby("key").x.nlargest(2),
    "group quantiles": lambda p, d: d.groupby("key").x.quantile([0.1, 0.9]),
    "group ratio": lambda p, d: d.groupby("key").x.max() / d.groupby("key").y.count(),
    "group beside": lambda p, d: p.concat([d.groupby("key").x.sum(), d.groupby("key").y.mean()], axis=1),
    # order, concat, counts
    "sort key": lambda p, d: d.sort_values("name", key=lambda s: s.str.lower(), kind="stable"),
    "sort index level": lambda p, d: d.set_index(["key", "x"]).sort_index(level="x", kind="stable"),
    "sort by level": lambda p, d: d.set_index("key").sort_values(["key", "x"]),
    "sort columns": lambda p, d: d.sort_index(axis=1),
    "nlargest last": lambda p, d: d.nlargest(4, "key", keep="last"),
    "nlargest all": lambda p, d: d.nlargest(4, "key", keep="all"),
    "rank bottom": lambda p, d: d.y.rank(na_option="bottom"),
    "concat columns": lambda p, d: p.concat([d[["key", "x"]], d[["key", "y"]]]),
    "concat inner": lambda p, d: p.concat([d[["key", "x"]], d[["key", "y"]]], join="inner"),
    "concat keys": lambda p, d: p.concat([d.head(2), d.tail(2)], keys=["a", "b"]),
    "concat series": lambda p, d: p.concat([d.x, d.y]),
    "concat beside": lambda p, d: p.concat([d[["x"]], d.y.rename("z")], axis=1),
    "value_counts frame": lambda p, d: d.value_counts(["key", "flag"]),
    "value_counts dates": lambda p, d: d.when.value_counts(),
    "sample": lambda p, d: d.sample(7, random_state=3),
    # windows
    "time windows": lambda p, d: d.sort_values("day", kind="stable").set_index("day").y.rolling("30D").mean(),
    "time windows on": lambda p, d: d.sort_values("day", kind="stable")[["day", "x"]].rolling("30D", on="day").sum(),
    "time windows in groups": lambda p, d: d.sort_values("day", kind="stable").groupby("key").rolling("60D", on="day").x.max(),
    "rolling quantile": lambda p, d: d.x.rolling(4).quantile(0.3),
    "ewm": lambda p, d: d[["x", "y"]].ewm(span=5).mean(),
    "ewm in groups": lambda p, d: d.groupby("key").x.ewm(span=5).std(),
    # values
    "to_numeric": lambda p, d: p.to_numeric(d.key.astype("str")),
    "to_numeric coerce": lambda p, d: p.to_numeric(d.name, errors="coerce"),
    "frame minus means": lambda p, d: d[["x", "y"]] - d[["x", "y"]].mean(),
    "add fill": lambda p, d: d.y.add(d.x, fill_value=0),
    "add array": lambda p, d: d.x + np.arange(len(d)),
    "clip rows": lambda p, d: d.x.clip(lower=d.y),
    "where rows": lambda p, d: d[["x", "y"]].where(d.flag, 0.0),
    "replace by column": lambda p, d: d.replace({"key": {1: 9}, "name": {"apple": "pear"}}),
    "replace regex": lambda p, d: d.name.replace("^a", "b", regex=True),
    "map series": lambda p, d: d.key.map(d.groupby("key").x.mean()),
    "case_when": lambda p, d: d.x.case_when([(d.x > 1, 1.0), (d.y > 0, 2.0)]),
    "qcut": lambda p, d: p.qcut(d.x, 4, labels=["a", "b", "c", "d"]),
    # expressions of columns
    "expression": lambda p, d: d.assign(z=p.col("x") + 1, w=p.col("z") * p.col("key")),
    "expression as mask": lambda p, d: d[p.col("x") > 0],
    "expression in loc": lambda p, d: d.loc[p.col("x") > 0, ["x", "y"]],
}  # fmt: skip


@pytest.fixture(scope="session")
def parquet(table: pandas.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("operations") / "table.parquet"
    table.to_parquet(path, row_group_size=64)
    return path


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_gives_what_pandas_gives(
    name: str, partitions: int, table: pandas.DataFrame, parquet: Path, lazy: None
) -> None:
    pd.set_option("raylab.npartitions", partitions)
    operation = OPERATIONS[name]
    expected = operation(pandas, table)

    for source in (pd.from_pandas(table), pd.read_parquet(parquet)):
        result = operation(pd, source)
        assert "_lazy" in result.__dict__, f"{name} was computed at once"
        assert_same(result, expected)
    assert support.fallbacks() == []


SCALARS: dict[str, Operation] = {
    "sum of a constant": lambda p, d: d.assign(c=1.5)["c"].sum(),
    "std of a constant": lambda p, d: d.assign(c=2)["c"].std(),
    "mean of a constant": lambda p, d: d.assign(c=2)["c"].mean(),
    "count of a constant": lambda p, d: d.assign(c=2)["c"].count(),
    "sum of constants": lambda p, d: d.assign(c=2, e=0.5)[["c", "e"]].sum()["e"],
    "sum": lambda p, d: d.x.sum(),
    "sum of integers": lambda p, d: d.small.sum(),
    "sum of bools": lambda p, d: d.flag.sum(),
    "mean": lambda p, d: d.y.mean(),
    "mean of mask": lambda p, d: d[d.x > 0].y.mean(),
    "min": lambda p, d: d.y.min(),
    "max of integers": lambda p, d: d.small.max(),
    "max of text": lambda p, d: d[d.name.notna()].name.max(),
    "min of dates": lambda p, d: d.when.min(),
    "median": lambda p, d: d.y.median(),
    "std": lambda p, d: d.y.std(),
    "var": lambda p, d: d.y.var(ddof=0),
    "quantile": lambda p, d: d.y.quantile(0.3),
    "count": lambda p, d: d.name.count(),
    "nunique": lambda p, d: d.name.nunique(),
    "any": lambda p, d: d.flag.any(),
    "all": lambda p, d: d.flag.all(),
    "sum of nothing": lambda p, d: d[d.x > 1e9].x.sum(),
    "mean of nothing": lambda p, d: d[d.x > 1e9].x.mean(),
    "length": lambda p, d: len(d[d.x > 0]),
    "shape": lambda p, d: d[d.x > 0].shape,
    "empty": lambda p, d: d[d.x > 1e9].empty,
    "agg": lambda p, d: d.x.agg("sum"),
}


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("name", SCALARS)
def test_scalar_is_the_one_of_pandas(
    name: str, partitions: int, table: pandas.DataFrame, parquet: Path, lazy: None
) -> None:
    pd.set_option("raylab.npartitions", partitions)
    expected = SCALARS[name](pandas, table)

    result = SCALARS[name](pd, pd.read_parquet(parquet))

    assert type(result) is type(expected)
    if isinstance(expected, float):
        assert result == pytest.approx(expected, rel=1e-12, nan_ok=True)
    else:
        assert result == expected


def assert_same(result: Any, expected: Any) -> None:
    """Equal values, dtypes, order, index and names; the result is of raylab's class."""
    assert isinstance(result, LazyObject)
    if isinstance(expected, pandas.Series):
        pandas.testing.assert_series_equal(result.to_pandas(), expected, rtol=1e-12)
    else:
        pandas.testing.assert_frame_equal(result.to_pandas(), expected, rtol=1e-12)
