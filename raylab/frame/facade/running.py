"""Values from the rows before or after: shift, diff, running totals, ranks, filling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default

from raylab.frame.facade.base import native
from raylab.frame.facade.state import SeriesState, settle
from raylab.frame.plan.expressions import Expr, Over
from raylab.frame.plan.nodes import Node, typed
from raylab.frame.plan.schema import NotNative, is_number

RANKS = {"average": "average", "min": "min", "max": "max", "dense": "dense", "first": "ordinal"}
"""From pandas' methods of ranking to the engine's."""


def over(
    rows: Node,
    function: str,
    arg: Expr,
    keys: tuple[Expr, ...] = (),
    *,
    dropna: bool = True,
    **params: Any,
) -> Over:
    """A window function over the rows of a node; refused here when there is no kernel.

    Raises:
        NotNative: the function has no native form for this dtype.
    """
    expr = Over(function, arg, keys, dropna, rows, tuple(sorted(params.items())))
    typed(expr, rows)
    return expr


def along(state: Any, function: str, **params: Any) -> Any:
    """A window function over all rows of a series, or of each column of a frame."""
    if isinstance(state, SeriesState):
        series = settle(state)
        return series.mapped(over(series.rows, function, series.expr, **params))
    frame = state.settled(state.columns)
    columns = {
        label: over(frame.rows, function, expr, **params) for label, expr in frame.columns.items()
    }
    return replace(frame, columns=columns)


def whole_number(periods: Any) -> int:
    """A number of rows other than none.

    Raises:
        NotNative: it is something else.
    """
    if isinstance(periods, bool) or not isinstance(periods, int) or periods == 0:
        raise NotNative("periods that are 0 or no integer")
    return periods


def rows_only(axis: Any) -> None:
    """Refuses what runs along the columns."""
    if axis not in (0, "index", no_default, None):
        raise NotNative("argument axis")


def filler(value: Any) -> Any:
    """What takes the place of rows that do not exist: None, or a constant."""
    if value is no_default or value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and value != value:
        return None
    if not isinstance(value, bool | int | float | str):
        raise NotNative(f"filling with {type(value).__name__}")
    return value


@native(pd.DataFrame, pd.Series)
def shift(state: Any, periods: Any = 1, axis: Any = 0, fill_value: Any = no_default) -> Any:
    rows_only(axis)
    return along(state, "shift", periods=whole_number(periods), fill=filler(fill_value))


@native(pd.DataFrame, pd.Series)
def diff(state: Any, periods: Any = 1, axis: Any = 0) -> Any:
    rows_only(axis)
    return along(state, "diff", periods=whole_number(periods))


@native(pd.DataFrame, pd.Series)
def pct_change(state: Any, periods: Any = 1) -> Any:
    return along(state, "pct_change", periods=whole_number(periods))


@native(pd.DataFrame, pd.Series)
def rank(
    state: Any,
    axis: Any = 0,
    method: str = "average",
    numeric_only: bool = False,
    na_option: str = "keep",
    ascending: bool = True,
    pct: bool = False,
) -> Any:
    rows_only(axis)
    if method not in RANKS or na_option not in ("keep", "top", "bottom"):
        raise NotNative("argument method or na_option")
    if numeric_only and not isinstance(state, SeriesState):
        state = state.settled(state.columns)
        numbers = [c for c, f in state.fields.items() if is_number(f.dtype)]
        state = state.select(numbers)
    nullable = not isinstance(state, SeriesState) and any(
        field.kind == "nullable" for field in state.fields.values()
    )
    if nullable:
        raise NotNative("nullable columns of a frame, whose ranks are plain floats")
    params = {"method": RANKS[method], "ascending": bool(ascending), "pct": bool(pct)}
    return along(state, "rank", **params, missing=na_option)


def fill_limit(limit: Any) -> int | None:
    """How many missing values in a row are filled; None for all.

    Raises:
        NotNative: it is no positive integer.
    """
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise NotNative("a limit that is no positive integer")
    return limit


def _declare_running(name: str) -> None:
    def accumulate(state: Any, axis: Any = 0, skipna: bool = True) -> Any:
        rows_only(axis)
        if skipna is not True:
            raise NotNative("argument skipna")
        return along(state, name)

    native(pd.DataFrame, pd.Series, name=name)(accumulate)


def _declare_filling(name: str) -> None:
    def fill(state: Any, axis: Any = None, limit: Any = None) -> Any:
        rows_only(axis)
        return along(state, name, limit=fill_limit(limit))

    native(pd.DataFrame, pd.Series, name=name)(fill)


for _name in ("cumsum", "cumprod", "cummin", "cummax"):
    _declare_running(_name)
for _name in ("ffill", "bfill"):
    _declare_filling(_name)
