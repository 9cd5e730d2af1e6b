"""The timed questions: pandas code as functions of tables by name.

``t`` maps a table's name to a frame. Every function returns the finished answer's frame or
series, or a list of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Question = Callable[[Mapping[str, Any]], Any]

GROUPBY: dict[str, Question] = {
    "g1 sum by id1": lambda t: t["groups"].groupby("id1", as_index=False)["v1"].sum(),
    "g2 sum by id1, id2": lambda t: t["groups"].groupby(["id1", "id2"], as_index=False)["v1"].sum(),
    "g3 sum, mean by id3": lambda t: (
        t["groups"].groupby("id3", as_index=False).agg({"v1": "sum", "v3": "mean"})
    ),
    "g4 means by id4": lambda t: (
        t["groups"].groupby("id4", as_index=False)[["v1", "v2", "v3"]].mean()
    ),
    "g5 sums by id6": lambda t: (
        t["groups"].groupby("id6", as_index=False)[["v1", "v2", "v3"]].sum()
    ),
    "g6 median, std by id4, id5": lambda t: (
        t["groups"]
        .groupby(["id4", "id5"], as_index=False)
        .agg(median=("v3", "median"), std=("v3", "std"))
    ),
    "g7 range by id3": lambda t: (
        t["groups"]
        .groupby("id3", as_index=False)
        .agg(high=("v1", "max"), low=("v2", "min"))
        .assign(range=lambda f: f["high"] - f["low"])[["id3", "range"]]
    ),
    "g8 two largest by id6": lambda t: (
        t["groups"][["id6", "v3"]]
        .sort_values("v3", ascending=False)
        .groupby("id6", as_index=False)
        .head(2)
    ),
    "g9 correlation by id2, id4": lambda t: (
        t["groups"]
        .groupby(["id2", "id4"])[["v1", "v2"]]
        .apply(lambda g: g["v1"].corr(g["v2"]) ** 2)
    ),
    "g10 sum, count by six keys": lambda t: (
        t["groups"]
        .groupby(["id1", "id2", "id3", "id4", "id5", "id6"], as_index=False)
        .agg(v3=("v3", "sum"), count=("v1", "size"))
    ),
}

JOIN: dict[str, Question] = {
    "j1 small inner": lambda t: t["left"].merge(t["small"], on="id1"),
    "j2 medium inner": lambda t: t["left"].merge(t["medium"], on="id2"),
    "j3 medium left": lambda t: t["left"].merge(t["medium"], how="left", on="id2"),
    "j4 medium inner on text": lambda t: t["left"].merge(t["medium"], on="id5"),
    "j5 big inner": lambda t: t["left"].merge(t["big"], on="id3"),
}


def _current(metrics: Any) -> Any:
    """The rows of the highest attempt of each update of each run."""
    newest = metrics.groupby(["run", "update"])["attempt"].transform("max")
    return metrics[metrics["attempt"] == newest]


def _learning_curve(t: Mapping[str, Any]) -> Any:
    rows = _current(t["metrics"]).merge(t["runs"], on="run")
    rows["million_steps"] = rows["agent_steps"] // 1_000_000
    return rows.groupby(["algorithm", "game", "million_steps"], as_index=False).agg(
        mean=("episode_return", "mean"),
        std=("episode_return", "std"),
        runs=("run", "nunique"),
    )


def _final_scores(t: Mapping[str, Any]) -> Any:
    metrics = t["metrics"].dropna(subset=["episode_return"])
    last = metrics[metrics["update"] >= metrics["update"].max() * 0.9]
    scores = last.groupby("run", as_index=False)["episode_return"].mean()
    scores = scores.merge(t["runs"], on="run")
    return scores.pivot_table(
        index="algorithm", columns="game", values="episode_return", aggfunc="mean"
    )


def _throughput(t: Mapping[str, Any]) -> Any:
    rows = _current(t["metrics"]).sort_values(["run", "update"])
    by_run = rows.groupby("run")
    rows["rate"] = by_run["agent_steps"].diff() / by_run["seconds"].diff()
    return rows.groupby("run", as_index=False).agg(
        median=("rate", "median"), least=("rate", "min"), most=("rate", "max")
    )


def _normalised(t: Mapping[str, Any]) -> Any:
    rows = t["metrics"].copy()
    by_run = rows.groupby("run")["loss"]
    rows["z"] = (rows["loss"] - by_run.transform("mean")) / by_run.transform("std")
    outliers = rows[rows["z"].abs() > 4]
    return outliers.groupby("run", as_index=False).agg(outliers=("z", "size"))


def _filtered_join(t: Mapping[str, Any]) -> Any:
    rows = t["metrics"].merge(t["runs"], on="run")
    return rows[(rows["algorithm"] == "ppo") & (rows["loss"] > 0.5)]


def _ten_reductions(t: Mapping[str, Any]) -> Any:
    rows = _filtered_join(t)
    loss, returns = rows["loss"], rows["episode_return"]
    one_by_one = [loss.sum(), loss.mean(), loss.min(), loss.max(), loss.std()]
    one_by_one += [returns.sum(), returns.mean(), returns.min(), returns.max(), returns.std()]
    return one_by_one


def _one_reduction(t: Mapping[str, Any]) -> Any:
    rows = _filtered_join(t)
    return rows[["loss", "episode_return"]].agg(["sum", "mean", "min", "max", "std"])


PIPELINE: dict[str, Question] = {
    "learning curve": _learning_curve,
    "final scores": _final_scores,
    "throughput": _throughput,
    "outliers of the loss": _normalised,
}

REDUCTIONS: dict[str, Question] = {
    "one by one": _ten_reductions,
    "in one query": _one_reduction,
}
"""Ten numbers about the same lazily filtered join."""


def _python_score(row: Any) -> float:
    """A function of a row that only Python can run."""
    total = 0.0
    for power in range(1, 40):
        total += math.sin(row["v3"] / power) * math.cos(row["v1"] * power)
    return total


def _python_summary(group: Any) -> float:
    """A function of a group that only Python can run."""
    total = 0.0
    for value in group["v3"].to_numpy()[:1000]:
        total = 0.99 * total + math.tanh(value)
    return total


def _python_scores(group: Any) -> float:
    """The function of a row over all rows of a group."""
    total = 0.0
    for first, third in zip(group["v1"].to_numpy(), group["v3"].to_numpy(), strict=True):
        for power in range(1, 40):
            total += math.sin(third / power) * math.cos(first * power)
    return total


UDF: dict[str, Question] = {
    "apply by row": lambda t: (
        t["groups"][["v1", "v3"]].head(max(1, len(t["groups"]) // 50)).apply(_python_score, axis=1)
    ),
    "groupby.apply": lambda t: (
        t["groups"]
        .head(len(t["groups"]) // 5)
        .groupby(["id4", "id5"])[["v1", "v3"]]
        .apply(_python_scores)
    ),
    "groupby.apply of next to nothing": lambda t: (
        t["groups"].groupby(["id4", "id5"])[["v1", "v3"]].apply(_python_summary)
    ),
}

SUITES: dict[str, dict[str, Question]] = {
    "groupby": GROUPBY,
    "join": JOIN,
    "pipeline": PIPELINE,
    "reductions": REDUCTIONS,
    "udf": UDF,
}
TABLES: dict[str, tuple[str, ...]] = {
    "groupby": ("groups",),
    "join": ("left", "small", "medium", "big"),
    "pipeline": ("metrics", "runs"),
    "reductions": ("metrics", "runs"),
    "udf": ("groups",),
}
