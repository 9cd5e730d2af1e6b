"""Learning curves, throughput and diagnostics of one experiment, computed on raylab frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import raylab.frame as pd
from raylab.analysis.records import RunRecord
from raylab.analysis.statistics import CurveEstimate, Floats, bootstrap_curve, common_grid

AXES = {"agent_steps": "agent steps", "frames": "frames", "wall_time_s": "wall time"}
"""Columns that a curve may run over, and how they are called."""

WINDOW_EPISODES = 100
"""Episodes of the rolling mean that smooths one seed's returns."""

QUARTERS = ("0 to 25 %", "25 to 50 %", "50 to 75 %", "75 to 100 %")
"""Names of the quarters of a training."""

_BINS = 80
"""Points of a diagnostic curve: more would only draw noise on noise."""

_NO_DIAGNOSTICS = frozenset(
    ("attempt", "update", "simulated_agent_steps", "steps_per_s", "episode_return_mean", *AXES)
)
"""Counters, and what has plots of its own."""


@dataclass(frozen=True)
class Curves:
    """One quantity of one experiment over one axis: every seed alone, and their summary."""

    seeds: dict[str, tuple[Floats, Floats]]  # seed -> x [n], y [n]
    summary: CurveEstimate  # on the range that all seeds cover; empty when there is none


def smoothed_returns(run: RunRecord, window: int = WINDOW_EPISODES) -> pd.DataFrame:
    """Return the mean of the last ``window`` raw episode returns, after each update that ended one.

    Columns: update, agent_steps, frames, wall_time_s, mean_return. The first rows average the
    fewer episodes there are.
    """
    episodes = run.episodes[["update", "episode_return"]].copy()
    episodes["mean_return"] = episodes["episode_return"].rolling(window, min_periods=1).mean()
    last = episodes.groupby("update", as_index=False).agg(mean_return=("mean_return", "last"))
    return last.merge(run.metrics[["update", *AXES]], on="update").sort_values("update")


def last_return(run: RunRecord, window: int = WINDOW_EPISODES) -> float:
    """Return the mean raw return of the last ``window`` episodes; NaN without an episode."""
    return float(run.episodes["episode_return"].tail(window).mean())


def learning_curves(runs: Sequence[RunRecord]) -> dict[str, Curves]:
    """Return the smoothed returns over each of AXES, with IQM and 95 % band."""
    tables = {run.seed: _points(smoothed_returns(run)) for run in runs}
    return {axis: _curves(tables, axis, "mean_return") for axis in AXES}


def throughput(runs: Sequence[RunRecord]) -> Curves:
    """Return agent steps per second over agent steps: progress over time of a fortieth of the run.

    The way from one attempt to the next is left out: it was no training.
    """
    tables = {}
    for run in runs:
        rows = run.metrics[["attempt", "agent_steps", "wall_time_s"]]
        stretch = rows.groupby("attempt")[["agent_steps", "wall_time_s"]].diff()
        rows = rows.assign(steps=stretch["agent_steps"], seconds=stretch["wall_time_s"])
        rows = rows[(rows["steps"] > 0) & (rows["seconds"] > 0)]
        if rows.empty:
            continue
        sums = (
            rows.assign(bin=_bins(rows["agent_steps"], _BINS // 2))
            .groupby("bin", as_index=False)
            .agg(
                agent_steps=("agent_steps", "mean"),
                steps=("steps", "sum"),
                seconds=("seconds", "sum"),
            )
        )
        tables[run.seed] = _points(sums.assign(steps_per_s=sums["steps"] / sums["seconds"]))
    return _curves(tables, "agent_steps", "steps_per_s")


def returns_by_quarter(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """Return the mean raw return of the episodes that ended in each quarter of the training.

    Rows are seeds, columns the quarters of the agent steps that the furthest seed has trained.
    """
    episodes = pd.concat(
        [run.episodes[["agent_steps", "episode_return"]].assign(seed=run.seed) for run in runs]
    )
    episodes = episodes.dropna()
    if episodes.empty:
        return pd.DataFrame()
    quarter = _bins(episodes["agent_steps"], len(QUARTERS))
    means = (
        episodes.assign(quarter=quarter.map(dict(enumerate(QUARTERS))))
        .groupby(["seed", "quarter"], as_index=False)
        .agg(mean_return=("episode_return", "mean"))
    )
    table = means.pivot(index="seed", columns="quarter", values="mean_return")
    seeds = [run.seed for run in runs]
    ordered: pd.DataFrame = table.reindex(
        index=seeds, columns=[name for name in QUARTERS if name in table]
    )
    return ordered


def diagnostic_names(runs: Sequence[RunRecord]) -> list[str]:
    """Return the metrics columns worth a panel, in the order in which the runs hold them."""
    names: dict[str, None] = {}
    for run in runs:
        names.update(dict.fromkeys(c for c in run.metrics.columns if c not in _NO_DIAGNOSTICS))
    return list(names)


def diagnostics(runs: Sequence[RunRecord]) -> dict[str, Curves]:
    """Return the metrics columns of :func:`diagnostic_names` over agent steps, averaged in bins."""
    names = diagnostic_names(runs)
    tables = {run.seed: _points(_binned(run.metrics, names)) for run in runs}
    return {name: _curves(tables, "agent_steps", name, points=_BINS) for name in names}


def _binned(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Average columns in equal bins of the agent steps; a bin stands at the mean of its steps."""
    rows = rows[["agent_steps", *(name for name in names if name in rows.columns)]]
    if len(rows) <= _BINS:
        return rows
    return rows.groupby(_bins(rows["agent_steps"], _BINS)).mean()


def _bins(x: pd.Series, bins: int) -> pd.Series:
    """Number the equal bins of (0, largest x]; the upper edge belongs to a bin."""
    numbers: pd.Series = (x * bins - 1) // x.max()
    return numbers


def _points(table: pd.DataFrame) -> dict[str, Floats]:
    """Return the columns as arrays, float64 [rows] each; the frame is asked once for all."""
    values = table.to_numpy(dtype=np.float64)
    return {name: values[:, number] for number, name in enumerate(table.columns)}


def _curves(tables: dict[str, dict[str, Floats]], x: str, y: str, points: int = 200) -> Curves:
    """Summarise y over x, a table a seed; seeds without a row that has both are left out.

    Args:
        tables: seed -> the columns of :func:`_points`; y may be missing.
        x: the column to run over.
        y: the column to summarise.
        points: size of the summary's grid.
    """
    seeds = {}
    for seed, table in tables.items():
        if y not in table:
            continue
        known = np.isfinite(table[x]) & ~np.isnan(table[y])
        if known.any():
            seeds[seed] = (table[x][known], table[y][known])
    return Curves(seeds, bootstrap_curve(*common_grid(list(seeds.values()), points)))
