"""Reductions of a series to a scalar, and of a frame to a series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from raylab.frame.execution import engine
from raylab.frame.execution.conversion import to_array
from raylab.frame.facade import spreads
from raylab.frame.facade.base import native
from raylab.frame.facade.pending import columns_beside, rows_beside
from raylab.frame.facade.state import FrameState, SeriesState, dtype_of, settle
from raylab.frame.kernels.aggregations import as_floats
from raylab.frame.optimizer.estimates import is_work
from raylab.frame.plan.expressions import call as function_call
from raylab.frame.plan.functions import AGGREGATIONS
from raylab.frame.plan.nodes import Aggregate, AggregateCall
from raylab.frame.plan.schema import FLOAT64, INT64, NotNative, is_number

_NUMBERS = ("int", "float", "bool")
_UNDEFINED = ("mean", "median", "std", "var")
"""Reductions for which pandas gives its own NaN where there is nothing to reduce."""

_DDOF = (("ddof", 1),)
_USUAL: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = (
    *(("sum", ()), ("mean", ()), ("min", ()), ("max", ()), ("count", ())),
    *(("std", _DDOF), ("var", _DDOF)),
)


def scalar(state: SeriesState, function: str, **params: Any) -> Any:
    """One value of all rows, as the scalar that pandas returns: a trigger."""
    series = settle(state)
    if function in ("mean", "median") and series.field.dtype == np.dtype("float32"):
        raise NotNative("an average as float32")
    nullable = as_floats(series.field, function)
    if nullable is not None:
        series = series.mapped(function_call("cast", series.expr, dtype=FLOAT64))
    if function == "sum" and series.field.kind == "timedelta":
        _refuse_overflow(series)
    given = tuple(sorted(params.items()))
    field = AGGREGATIONS[function].result(series.field, params)
    call = AggregateCall(function, series.expr, given)
    asked = (f"{function} {given}", call)
    beside = _beside(series)
    value = spreads.reduce_rows(series.rows, (asked,), _together(series), beside)[asked[0]]
    if value[0] is None and function in ("min", "max"):
        raise NotNative("a reduction of nothing")
    if value[0] is None and (nullable is not None or field.kind == "nullable"):
        raise NotNative("a reduction of nothing")
    unknown = value[0] is None or value[0] != value[0]
    if unknown and function in _UNDEFINED and _all_missing(series):
        return float("nan")  # not NumPy's: pandas gives the constant where nothing was averaged
    return pd.Series(to_array(value, field.dtype if nullable is None else nullable)).iloc[0]


def _refuse_overflow(series: SeriesState) -> None:
    """Leaves a sum of spans that may be out of bounds to pandas, which words the error."""
    extremes = ("min", "max", "count")
    calls = tuple((name, AggregateCall(name, series.expr)) for name in extremes)
    row = engine.reduce_rows(series.rows, calls)
    ticks = [row[name].to_physical()[0] or 0 for name in ("min", "max")]
    if int(row["count"][0]) * max(map(abs, ticks)) >= 2**63 - 1:
        raise NotNative("a sum of spans that may be out of bounds")


def _all_missing(series: SeriesState) -> bool:
    """Whether nothing was averaged; NaN may also come from infinities, or from one value alone."""
    calls = (("count", AggregateCall("count", series.expr)),)
    return int(engine.reduce_rows(series.rows, calls)["count"][0]) == 0


def _together(series: SeriesState) -> tuple[tuple[str, AggregateCall], ...]:
    """The reductions that one pass over the rows computes, whichever of them is asked for first.

    Where joins or aggregations lie below, the rows cost more than all of these, and the next
    question is often about the same column, or about another one that was taken from these rows.
    """
    if not is_work(series.rows):
        return ()
    return tuple(c for one in (series, *columns_beside(series)) for c in _usual(one))


def _usual(series: SeriesState) -> tuple[tuple[str, AggregateCall], ...]:
    if not series.field.settled or series.field.dtype not in (INT64, FLOAT64):
        return ()
    return tuple(
        (f"{name} {params}", AggregateCall(name, series.expr, params)) for name, params in _USUAL
    )


def _beside(series: SeriesState) -> engine.Reductions | None:
    """The same reductions of all rows of a frame that is held, where these are some of its rows.

    A part is mostly compared with the whole, which one pass over the whole gives, too.
    """
    rows = rows_beside(series)
    calls = _usual(series)
    return engine.Reductions(rows, calls) if rows is not None and calls and is_work(rows) else None


def _columns(frame: FrameState, numeric_only: bool) -> list[str]:
    if not numeric_only:
        return list(frame.columns)
    kinds = {label: frame.fields[label] for label in frame.columns}
    if any(not field.settled for field in kinds.values()):
        raise NotNative("numeric_only with dtypes that depend on data")
    return [label for label, field in kinds.items() if is_number(field.dtype)]


def per_column(state: FrameState, function: str, labels: list[str], **params: Any) -> Any:
    """One value per column, in one pass: a trigger. The result is a small pandas series."""
    frame = state.settled(labels)
    if not labels:
        raise NotNative("no columns")
    calls = tuple(
        (label, AggregateCall(function, frame.columns[label], tuple(sorted(params.items()))))
        for label in labels
    )
    node = Aggregate(frame.rows, (), calls)
    fields = node.schema
    if len({f.kind for f in fields.values()} - set(_NUMBERS)):
        raise NotNative("reductions of columns that are not numbers")
    row = spreads.reduce_rows(frame.rows, calls)
    if function in ("min", "max") and any(row[label][0] is None for label in labels):
        raise NotNative("a reduction of nothing")
    dtypes = [dtype_of(fields[label]) for label in labels]
    common = np.result_type(*dtypes) if len(set(dtypes)) > 1 else dtypes[0]  # type: ignore[arg-type]  # NumPy dtypes
    if len({np.dtype(d).kind == "b" for d in dtypes}) > 1:  # type: ignore[arg-type]  # NumPy dtypes
        raise NotNative("reductions of bool and number columns together")
    values = [np.nan if row[label][0] is None else row[label][0] for label in labels]
    return _small_series(values, labels, common, frame.columns_name)


def _small_series(values: list[Any], labels: list[str], dtype: Any, title: Any) -> Any:
    from raylab.frame.facade.series import Series

    return Series(values, index=pd.Index(labels, name=title), dtype=dtype)


def _strict(series: SeriesState, name: str, *, skipna: bool, least: int) -> Any:
    """A reduction that is missing where a value is, or where there are too few."""
    series = settle(series)
    if series.field.kind != "float" or series.field.dtype == np.dtype("float32"):
        raise NotNative("argument skipna or min_count of other than floats")
    calls = (
        ("present", AggregateCall("count", series.expr)),
        ("rows", AggregateCall("size", series.expr)),
    )
    row = engine.reduce_rows(series.rows, calls)
    if row["present"][0] < least or (not skipna and row["present"][0] < row["rows"][0]):
        return np.float64("nan") if name in ("sum", "prod") or not skipna else float("nan")
    return scalar(series, name)


def _reduction(name: str) -> None:
    """Declares a reduction that takes ``numeric_only`` and nothing else."""

    def on_series(
        series: SeriesState, numeric_only: bool = False, skipna: bool = True, min_count: int = 0
    ) -> Any:
        if skipna and not min_count:
            return scalar(series, name)
        return _strict(series, name, skipna=skipna, least=min_count)

    def on_frame(frame: FrameState, numeric_only: bool = False) -> Any:
        return per_column(frame, name, _columns(frame, numeric_only))

    native(pd.Series, name=name)(on_series)
    native(pd.DataFrame, name=name)(on_frame)


for _name in ("sum", "mean", "min", "max", "median", "prod", "skew", "kurt"):
    _reduction(_name)


def _spread(name: str) -> None:
    def on_series(series: SeriesState, ddof: int = 1, numeric_only: bool = False) -> Any:
        return scalar(series, name, ddof=ddof)

    def on_frame(frame: FrameState, ddof: int = 1, numeric_only: bool = False) -> Any:
        return per_column(frame, name, _columns(frame, numeric_only), ddof=ddof)

    native(pd.Series, name=name)(on_series)
    native(pd.DataFrame, name=name)(on_frame)


_spread("std")
_spread("var")
_spread("sem")


@native(pd.Series)
def count(series: SeriesState) -> Any:
    return np.int64(scalar(series, "count"))


@native(pd.Series)
def nunique(series: SeriesState, dropna: bool = True) -> Any:
    if not dropna:
        raise NotNative("argument dropna")
    return int(scalar(series, "nunique"))


@native(pd.Series, name="any")
def any_(series: SeriesState) -> Any:
    return scalar(series, "any")


@native(pd.Series, name="all")
def all_(series: SeriesState) -> Any:
    return scalar(series, "all")
