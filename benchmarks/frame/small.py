"""Thirty common operations on small frames, where the overhead of a library shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Operation = Callable[[Any, Any], Any]  # of the frame and the lookup table


def frames(pd: Any, rows: int) -> tuple[Any, Any]:
    """A frame of ``rows`` rows and a lookup table of its keys."""
    random = np.random.default_rng(0)
    names = np.array(["alpha", "beta", "gamma", "delta", "epsilon"])
    frame = pd.DataFrame(
        {
            "key": random.integers(0, 20, rows),
            "name": names[random.integers(0, 5, rows)],
            "x": random.normal(size=rows),
            "y": np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows)),
            "when": np.datetime64("2026-01-01", "us")
            + random.integers(0, 10**6, rows) * np.timedelta64(1, "s"),
        }
    )
    return frame, pd.DataFrame({"key": np.arange(20), "weight": np.linspace(0, 1, 20)})


def _setitem(f: Any, _: Any) -> Any:
    copy = f.copy()
    copy["z"] = copy["x"] * 2 + 1
    return copy


OPERATIONS: dict[str, Operation] = {
    "column": lambda f, _: f["x"],
    "columns": lambda f, _: f[["key", "x"]],
    "mask": lambda f, _: f[f["x"] > 0],
    "two masks": lambda f, _: f[(f["x"] > 0) & (f["key"] < 10)],
    "query": lambda f, _: f.query("x > 0 and key < 10"),
    "arithmetic": lambda f, _: f["x"] * 2 + f["y"],
    "setitem": _setitem,
    "assign": lambda f, _: f.assign(z=f["x"] + f["y"]),
    "loc": lambda f, _: f.loc[5:50, ["x", "y"]],
    "iloc": lambda f, _: f.iloc[5:50],
    "head": lambda f, _: f.head(),
    "sum": lambda f, _: f["x"].sum(),
    "mean of columns": lambda f, _: f[["x", "y"]].mean(),
    "describe": lambda f, _: f["x"].describe(),
    "value_counts": lambda f, _: f["name"].value_counts(),
    "nunique": lambda f, _: f["key"].nunique(),
    "unique": lambda f, _: f["name"].unique(),
    "groupby sum": lambda f, _: f.groupby("key")["x"].sum(),
    "groupby agg": lambda f, _: f.groupby("name").agg(m=("x", "mean"), n=("y", "count")),
    "groupby transform": lambda f, _: f.groupby("key")["x"].transform("mean"),
    "merge": lambda f, lookup: f.merge(lookup, on="key"),
    "sort_values": lambda f, _: f.sort_values("x"),
    "drop_duplicates": lambda f, _: f.drop_duplicates("key"),
    "fillna": lambda f, _: f["y"].fillna(0.0),
    "dropna": lambda f, _: f.dropna(),
    "isin": lambda f, _: f["key"].isin([1, 2, 3]),
    "astype": lambda f, _: f["key"].astype("float64"),
    "str.upper": lambda f, _: f["name"].str.upper(),
    "dt.hour": lambda f, _: f["when"].dt.hour,
    "cumsum": lambda f, _: f["x"].cumsum(),
}
