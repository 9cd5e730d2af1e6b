"""Covariance and correlation of columns, each pair over the rows that have both; dot products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from raylab.frame.execution import engine
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.alignment import aligned
from raylab.frame.facade.base import native
from raylab.frame.facade.operators import binary
from raylab.frame.facade.reductions import _columns, scalar
from raylab.frame.facade.state import FrameState, SeriesState, settle
from raylab.frame.plan.expressions import call
from raylab.frame.plan.nodes import AggregateCall
from raylab.frame.plan.schema import NotNative

_MOST = 100


def _matrix(frame: FrameState, function: str, numeric_only: bool, params: dict[str, Any]) -> Any:
    """The values of all pairs of columns, in one query."""
    labels = _columns(frame, numeric_only)
    if not labels or len(labels) > _MOST:
        raise NotNative(f"no columns, or more than {_MOST}")
    frame = frame.settled(labels)
    given = tuple(sorted(params.items()))
    calls = []
    for i, one in enumerate(labels):
        for j, other in enumerate(labels[i:], start=i):
            pair = call("pair", frame.columns[one], frame.columns[other])
            _ = frame.column(one).mapped(pair)
            calls.append((f"{i} {j}", AggregateCall(function, pair, given)))
    row = engine.reduce_rows(frame.rows, tuple(calls))
    values = np.full((len(labels), len(labels)), np.nan)
    for name, _ in calls:
        i, j = map(int, name.split())
        found = row[name][0]
        values[i, j] = values[j, i] = np.nan if found is None else found
        if i == j and function == "pair_corr" and found is not None:
            values[i, j] = 1.0
    index = pd.Index(labels, name=frame.columns_name)
    return adopt(pd.DataFrame(values, index=index, columns=index))


@native(pd.DataFrame)
def corr(
    frame: FrameState, method: Any = "pearson", min_periods: int = 1, numeric_only: bool = False
) -> Any:
    if method != "pearson":
        raise NotNative("argument method")
    params = {"least": max(min_periods, 1), "of_columns": True}
    return _matrix(frame, "pair_corr", numeric_only, params)


@native(pd.DataFrame)
def cov(
    frame: FrameState, min_periods: Any = None, ddof: int = 1, numeric_only: bool = False
) -> Any:
    least = 1 if min_periods is None else max(min_periods, 1)
    return _matrix(frame, "pair_cov", numeric_only, {"least": least, "ddof": ddof})


def _of_two(series: SeriesState, other: Any, function: str, **params: Any) -> float:
    if not isinstance(other, pd.Series):
        raise NotNative(f"a covariance with {type(other).__name__}")
    left, expr = aligned(settle(series), other)
    right = settle(SeriesState(left.rows, expr, None))
    pair = call("pair", left.expr, right.expr)
    _ = left.mapped(pair)
    one = AggregateCall(function, pair, tuple(sorted(params.items())))
    found = engine.reduce_rows(left.rows, (("value", one),))["value"][0]
    return float("nan") if found is None else np.float64(found)


@native(pd.Series, name="corr")
def corr_series(
    series: SeriesState, other: Any, method: Any = "pearson", min_periods: Any = None
) -> Any:
    if method != "pearson":
        raise NotNative("argument method")
    return _of_two(series, other, "pair_corr", least=max(min_periods or 1, 1))


@native(pd.Series, name="cov")
def cov_series(series: SeriesState, other: Any, min_periods: Any = None, ddof: int = 1) -> Any:
    return _of_two(series, other, "pair_cov", least=max(min_periods or 1, 1), ddof=ddof)


@native(pd.Series)
def dot(series: SeriesState, other: Any) -> Any:
    if not isinstance(other, pd.Series):
        raise NotNative(f"a product with {type(other).__name__}")
    product = binary(series, other, "mul")
    if product.field.may_miss and series.field.kind == "float":
        present = settle(product)
        missing = AggregateCall("any", call("isna", present.expr))
        if engine.reduce_rows(present.rows, (("missing", missing),))["missing"][0]:
            return np.float64("nan")
    return scalar(product, "sum")
