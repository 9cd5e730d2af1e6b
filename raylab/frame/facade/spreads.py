"""Reductions whose standard deviations, variances and shapes keep their digits far from 0.

The engine merges the moments of parts of a column, which loses digits where the average is much
larger than the spread. Such columns are looked at again, around their averages, as pandas does it.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from raylab.frame.execution import engine
from raylab.frame.plan.expressions import Literal, call
from raylab.frame.plan.nodes import HIDDEN, AggregateCall, Node
from raylab.frame.plan.schema import FLOAT64

_FAR = 1e4
"""The average in standard deviations beyond which more than four digits may be lost."""

_SHAPES = ("skew", "kurt")
_BESIDE = {
    "std": ("mean", "count"),
    "var": ("mean", "count"),
    "sem": ("mean", "count"),
} | dict.fromkeys(_SHAPES, ("mean", "std"))
"""What is to be known of a column beside a reduction."""


def reduce_rows(
    node: Node,
    calls: engine.Calls,
    together: engine.Calls = (),
    beside: engine.Reductions | None = None,
) -> pl.DataFrame:
    """As ``engine.reduce_rows``, with exact spreads."""
    spreads = [(name, c) for name, c in calls if c.function in _BESIDE]
    if not spreads:
        return engine.reduce_rows(node, calls, together, beside)
    more = [
        (f"{HIDDEN}{function} of {name}", AggregateCall(function, c.arg))
        for name, c in spreads
        for function in _BESIDE[c.function]
    ]
    row = engine.reduce_rows(node, (*calls, *more), together, beside)
    far = [(name, c) for name, c in spreads if _is_far(row, name, c.function)]
    return row.with_columns(_around_average(node, row, far)) if far else row


def _is_far(row: pl.DataFrame, name: str, function: str) -> bool:
    shape = function in _SHAPES
    value = row[f"{HIDDEN}std of {name}" if shape else name][0]
    average = row[f"{HIDDEN}mean of {name}"][0]
    if value is None or value != value or average is None:
        return False
    if function == "var":
        value = value**0.5
    elif function == "sem":
        value = value * row[f"{HIDDEN}count of {name}"][0] ** 0.5
    return bool(abs(average) > _FAR * value)


def _around_average(
    node: Node, row: pl.DataFrame, spreads: list[tuple[str, AggregateCall]]
) -> list[pl.Series]:
    around = []
    for name, c in spreads:
        average = Literal(float(row[f"{HIDDEN}mean of {name}"][0]))
        distance = call("sub", call("cast", c.arg, dtype=FLOAT64), average)
        square = AggregateCall("sum", call("mul", distance, distance))
        around.append(
            (name, AggregateCall(c.function, distance) if c.function in _SHAPES else square)
        )
    found = engine.reduce_rows(node, tuple(around))
    return [
        found[name]
        if c.function in _SHAPES
        else pl.Series(name, [_spread(found[name][0], row[f"{HIDDEN}count of {name}"][0], c)])
        for name, c in spreads
    ]


def _spread(total: float, count: int, spread: AggregateCall) -> float:
    params: dict[str, Any] = dict(spread.params)
    variance = float(total / (count - params.get("ddof", 1)))
    if spread.function == "var":
        return variance
    return float(variance**0.5 if spread.function == "std" else (variance / count) ** 0.5)
