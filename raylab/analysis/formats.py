"""How a report writes numbers: counts, scores, durations, estimates with their interval."""

from __future__ import annotations

from math import isfinite

from raylab.analysis.statistics import Estimate

MISSING = "-"
"""Stands where there is no value."""


def count(value: float) -> str:
    """Write a count briefly.

    >>> count(950), count(12_500), count(1_200_000)
    ('950', '12.5 k', '1.2 M')
    """
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def score(value: float) -> str:
    """Write a score with about three digits; a dash for a missing one.

    >>> score(-20.653), score(1.2345), score(4321.0), score(float("nan"))
    ('-20.7', '1.23', '4,321', '-')
    """
    if not isfinite(value):
        return MISSING
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:,.{digits}f}"


def estimate(value: Estimate | None) -> str:
    """Write an estimate with its interval, when there is one.

    >>> estimate(Estimate(12.0, 10.5, 13.25, 3)), estimate(Estimate(12.0, float("nan"), 0, 1))
    ('12.0 [10.5, 13.2]', '12.0')
    """
    if value is None:
        return MISSING
    if not isfinite(value.low):
        return score(value.value)
    return f"{score(value.value)} [{score(value.low)}, {score(value.high)}]"


def duration(seconds: float) -> str:
    """Write a time span in its two largest units.

    >>> duration(9.4), duration(185), duration(4_320), duration(200_000)
    ('9 s', '3 min 05 s', '1 h 12 min', '2 d 07 h')
    """
    if not isfinite(seconds):
        return MISSING
    whole = round(seconds)
    minutes, rest_s = divmod(whole, 60)
    hours, rest_min = divmod(minutes, 60)
    days, rest_h = divmod(hours, 24)
    if days:
        return f"{days} d {rest_h:02d} h"
    if hours:
        return f"{hours} h {rest_min:02d} min"
    return f"{minutes} min {rest_s:02d} s" if minutes else f"{rest_s} s"


def against_random(last: Estimate | None, baseline: float) -> str:
    """Compare a score with the random policy's: a ratio where that is meaningful.

    A ratio to a baseline that is zero or negative says nothing (Pong's is -20.7): there the
    difference stands.

    >>> (
    ...     against_random(Estimate(3.0, 2.0, 4.0, 3), 1.5),
    ...     against_random(Estimate(18, 0, 0, 1), -20.7),
    ... )
    ('2.00 x', '+38.7')
    """
    if last is None or not isfinite(baseline):
        return MISSING
    if baseline > 0:
        return f"{score(last.value / baseline)} x"
    difference = last.value - baseline
    return f"{'+' if difference >= 0 else ''}{score(difference)}"
