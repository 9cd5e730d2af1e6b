"""Scores over seeds: interquartile mean, stratified bootstrap intervals, curves on one grid.

Pure functions on NumPy arrays. They follow Agarwal et al. 2021, "Deep Reinforcement Learning
at the Edge of the Statistical Precipice": few seeds are summarised by the interquartile mean
(less biased than the median, less outlier-prone than the mean), and its uncertainty is shown by
percentile intervals from resampling the seeds of every task separately (the strata).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

TRIM = 0.25
"""Share that the interquartile mean cuts from each end."""

_CHUNK_VALUES = 4_000_000
"""Resampled values held at once while the interval of a curve is computed (32 MB)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point estimate with its interval; ``low`` and ``high`` are NaN when n is below 2."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class CurveEstimate:
    """Interquartile mean over seeds along a grid; the band is NaN for one seed."""

    x: Floats  # float64 [G]
    value: Floats  # float64 [G]
    low: Floats  # float64 [G]
    high: Floats  # float64 [G]
    n: int


def iqm(scores: npt.ArrayLike, axis: int | None = None) -> Floats:
    """Return the mean of the middle half of the scores.

    ``floor(n / 4)`` scores are cut from each end, so up to three scores give their plain mean.

    Args:
        scores: float [...], without NaN.
        axis: the axis to reduce; None pools all values.

    Returns:
        float64 array, of no dimensions when ``axis`` is None.
    """
    return np.asarray(stats.trim_mean(np.asarray(scores, np.float64), TRIM, axis=axis))


def stratified_bootstrap(
    strata: Sequence[npt.ArrayLike],
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Return the pooled IQM of several tasks with its percentile bootstrap interval.

    Each resample draws, with replacement, as many scores from every stratum as it has, and
    pools them. A stratum with a single score has no spread to resample: when no stratum has two
    scores the interval is NaN.

    Args:
        strata: one float array [seeds of the task] a task; comparable (normalised) scores.
        confidence: coverage of the interval.
        resamples: number of bootstrap resamples.
        seed: seed of the resampling; the same seed gives the same interval.

    Raises:
        ValueError: there is no score, or one is not finite.
    """
    tasks = [np.asarray(task, np.float64).ravel() for task in strata]
    pooled = np.concatenate(tasks) if tasks else np.empty(0)
    if pooled.size == 0:
        raise ValueError("no scores to summarise; give at least one stratum with one score.")
    if not np.isfinite(pooled).all():
        raise ValueError("scores must be finite; drop the seeds without a score first.")
    value = float(iqm(pooled))
    if max(task.size for task in tasks) < 2:
        return Estimate(value, float("nan"), float("nan"), pooled.size)
    random = np.random.default_rng(seed)
    draws = [task[random.integers(task.size, size=(resamples, task.size))] for task in tasks]
    low, high = _percentile_interval(iqm(np.concatenate(draws, axis=1), axis=1), confidence)
    return Estimate(value, float(low), float(high), pooled.size)


def bootstrap_curve(
    x: Floats,
    curves: Floats,
    *,
    confidence: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> CurveEstimate:
    """Return the IQM over seeds at every grid point, with a pointwise bootstrap band.

    A resample draws whole curves (one stratum: the seeds of one experiment), so that the band
    respects the correlation along a curve.

    Args:
        x: float64 [G] grid.
        curves: float64 [seeds, G], finite; may be empty.
        confidence: pointwise coverage of the band.
        resamples: number of bootstrap resamples.
        seed: seed of the resampling.
    """
    seeds, points = curves.shape
    if curves.size == 0:
        return CurveEstimate(x, np.empty(0), np.empty(0), np.empty(0), seeds)
    value = iqm(curves, axis=0)
    low = np.full(points, np.nan)
    high = np.full(points, np.nan)
    if seeds > 1:
        rows = np.random.default_rng(seed).integers(seeds, size=(resamples, seeds))
        width = max(1, _CHUNK_VALUES // rows.size)
        for start in range(0, points, width):
            part = slice(start, start + width)
            resampled = iqm(curves[:, part][rows], axis=1)
            low[part], high[part] = _percentile_interval(resampled, confidence)
    return CurveEstimate(x, value, low, high, seeds)


def common_grid(
    curves: Sequence[tuple[Floats, Floats]], points: int = 200
) -> tuple[Floats, Floats]:
    """Interpolate the seeds' curves on the range that all of them cover.

    Outside that range the set of seeds would change along the curve, and a jump of the summary
    would only show who is missing.

    Args:
        curves: one (x [n], y [n]) a seed; x does not fall.
        points: size of the grid.

    Returns:
        The grid [G] and the curves on it [seeds, G]; G is 0 when there is no common range, and
        1 when it is a single point.
    """
    curves = list(curves)
    if not curves or any(x.size == 0 for x, _ in curves):
        return np.empty(0), np.empty((len(curves), 0))
    start = max(float(x[0]) for x, _ in curves)
    end = min(float(x[-1]) for x, _ in curves)
    if start > end:
        return np.empty(0), np.empty((len(curves), 0))
    grid = np.linspace(start, end, points) if end > start else np.array([start])
    return grid, np.stack([_interpolate(grid, x, y) for x, y in curves])


def _interpolate(grid: Floats, x: Floats, y: Floats) -> Floats:
    """Linear interpolation; of several values at one x the last counts."""
    last = np.append(x[1:] != x[:-1], True)
    return np.asarray(np.interp(grid, x[last], y[last]), np.float64)


def _percentile_interval(resampled: Floats, confidence: float) -> tuple[Floats, Floats]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return low, high
