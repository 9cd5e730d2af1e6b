"""resample: groups of equal spans of time. The bins are few: results are computed at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy
from pandas.core.resample import DatetimeIndexResampler

from raylab.frame.execution import engine
from raylab.frame.execution.conversion import to_array
from raylab.frame.facade.accessors import LazyCompanion
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.aggregating import aggregate_frame, aggregate_series
from raylab.frame.facade.base import WRAPPERS, install, native, wrap
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.grouping import (
    GroupState,
    aggregated,
    numeric,
    one_function,
    owner_for,
)
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, SeriesState, settle
from raylab.frame.kernels.binning import bins_in_time
from raylab.frame.plan.expressions import Column, call
from raylab.frame.plan.nodes import HIDDEN, AggregateCall, Filter, Sort
from raylab.frame.plan.schema import NotNative

_TIME = f"{HIDDEN}time"
_VALUES = f"{HIDDEN}values"
_ZEROS = frozenset(("sum", "count", "size", "nunique"))
"""Aggregations of nothing that are 0; the others are missing."""


@dataclass(frozen=True)
class ResampleState:
    """A lazy resample.

    Attributes:
        base: the frame or series, for pandas' own resample.
        arguments: of it.
        groups: the rows grouped by the number of their bin.
        bins: the labels of all bins.
    """

    base: Any
    arguments: tuple[tuple[str, Any], ...]
    groups: GroupState
    bins: pd.Index


class LazyResampler(LazyCompanion, DatetimeIndexResampler):
    """pandas' resample over lazy rows; pandas' own once these were changed."""

    def __getattribute__(self, name: str) -> Any:
        if "_lazy_state" in object.__getattribute__(self, "__dict__") and not hasattr(
            type(self), name
        ):
            state: ResampleState | None = self._state("__getitem__")
            if state is not None and name in state.groups.frame.columns:
                return self[name]
        return super().__getattribute__(name)


class _LazySelectedSeries(LazyCompanion, SeriesGroupBy):
    """One column of a resample, which is a groupby in pandas."""


class _LazySelectedFrame(LazyCompanion, DataFrameGroupBy):
    """Some columns of a resample."""


def _face(state: ResampleState, like: Any = None) -> Any:
    selected = state.groups.selected
    owner = owner_for(selected, like)
    face: type[LazyCompanion] = LazyResampler
    if selected is not None and not isinstance(state.base, SeriesState):
        face = _LazySelectedSeries if isinstance(selected, str) else _LazySelectedFrame
    return face._standing(state, _pandas_resample, owner, like)


WRAPPERS[ResampleState] = _face


def _pandas_resample(state: ResampleState) -> Any:
    """The resample of pandas over the same rows."""
    owner = pd.Series if isinstance(state.base, SeriesState) else pd.DataFrame
    resampled: Any = owner(wrap(state.base)).resample(**dict(state.arguments))
    selected = state.groups.selected
    if selected is None or isinstance(state.base, SeriesState):
        return resampled
    return resampled[selected if isinstance(selected, str) else list(selected)]


@native(pd.DataFrame, pd.Series)
def resample(
    base: Any,
    rule: Any,
    closed: Any = None,
    label: Any = None,
    on: Any = None,
    origin: Any = "start_day",
    offset: Any = None,
) -> ResampleState:
    frame, name = _with_moments(base, on)
    rows = Filter(frame.rows, call("notna", Column(_TIME)))
    calls = tuple((n, AggregateCall(n, Column(_TIME))) for n in ("min", "max"))
    row = engine.reduce_rows(rows, calls)
    if row["min"][0] is None or not isinstance(rule, str | pd.Timedelta | pd.DateOffset):
        raise NotNative("no moments, or a rule of another kind")
    if not isinstance(origin, str):
        raise NotNative("argument origin")
    options: dict[str, Any] = {"rule": rule, "origin": origin}
    others = (("closed", closed), ("label", label), ("offset", offset))
    options |= {name: value for name, value in others if value is not None}
    ends = pd.DatetimeIndex(to_array(row["min"].append(row["max"]), frame.fields[_TIME].dtype))
    key = tuple(sorted(options.items()))
    _, bins = bins_in_time(ends, ends[:0], key)
    code = call("time_bin", Column(_TIME), ends=tuple(ends.asi8.tolist()), options=key)
    ordered = frame.over(Sort(rows, (_TIME,), (False,)))
    kept = ordered.select(label for label in ordered.columns if label not in (_TIME, on))
    groups = GroupState(
        frame=kept,
        by=None,
        keys=(("bin", code),),
        labels=frozenset(),
        as_index=True,
        sort=True,
        dropna=True,
        selected=_VALUES if isinstance(base, SeriesState) else None,
    )
    if on is not None:
        options["on"] = on
    return ResampleState(base, tuple(options.items()), groups, bins.rename(name))


def _with_moments(base: Any, on: Any) -> tuple[FrameState, Any]:
    """The rows with their moments as a column, and the name of these."""
    name: Any
    frame = settle(base).frame(_VALUES) if isinstance(base, SeriesState) else base
    frame = frame.settled(frame.columns)
    if on is not None:
        (label,) = label_list(frame, [on])
        times, name = frame.columns[label], label
    elif isinstance(frame.index, Levels) and len(frame.index.exprs) == 1:
        (times,), (name,) = frame.index.exprs, frame.index.names
    else:
        raise NotNative("an index of another kind")
    field = settle(SeriesState(frame.rows, times, None)).field
    if field.kind != "datetime" or isinstance(field.dtype, pd.DatetimeTZDtype):
        raise NotNative("an index of another kind")
    flat = replace(frame, index=RangeSpec()).assign({_TIME: times}).flat()
    return flat, name


@native(DatetimeIndexResampler)
def __getitem__(state: ResampleState, key: Any) -> ResampleState:
    labels = label_list(state.groups.frame, key)
    if state.groups.selected is not None or len(set(labels)) < len(labels):
        raise NotNative("a selection of a selection")
    selected = key if isinstance(key, str) else tuple(labels)
    return replace(state, groups=replace(state.groups, selected=selected))


def _finished(state: ResampleState, result: Any, zeros: dict[Any, bool] | bool) -> Any:
    """The groups' results for all bins, also for those without rows."""
    if isinstance(result, SeriesState):
        values: Any = compute_frame(result.frame(_VALUES))[_VALUES]
        series = isinstance(state.base, SeriesState) and result.name == _VALUES
        values.name = state.base.name if series else result.name
    else:
        values = compute_frame(result) if isinstance(result, FrameState) else pd.DataFrame(result)
    places = np.arange(len(state.bins))
    if isinstance(zeros, bool):
        values = values.reindex(places, fill_value=0) if zeros else values.reindex(places)
    else:
        parts = {
            column: values[column].reindex(places, fill_value=0)
            if zeros[column]
            else values[column].reindex(places)
            for column in values.columns
        }
        columns = values.columns
        values = pd.DataFrame(parts)
        values.columns = columns
    values.index = state.bins
    return adopt(values)


def _declare(name: str) -> None:
    def of_bins(state: ResampleState, numeric_only: bool = False) -> Any:
        groups = numeric(state.groups, numeric_only)
        return _finished(state, one_function(groups, name), name in _ZEROS)

    native(DatetimeIndexResampler, name=name)(of_bins)


def _declare_spread(name: str) -> None:
    def spread(state: ResampleState, ddof: int = 1, numeric_only: bool = False) -> Any:
        groups = numeric(state.groups, numeric_only)
        return _finished(state, one_function(groups, name, ddof=ddof), zeros=False)

    native(DatetimeIndexResampler, name=name)(spread)


for _name in ("sum", "mean", "min", "max", "median", "first", "last"):
    _declare(_name)
for _name in ("std", "var", "sem"):
    _declare_spread(_name)


def _declare_count(name: str) -> None:
    def counted(state: ResampleState) -> Any:
        return _finished(state, one_function(state.groups, name), zeros=True)

    native(DatetimeIndexResampler, name=name)(counted)


_declare_count("count")
_declare_count("nunique")


@native(DatetimeIndexResampler)
def size(state: ResampleState) -> Any:
    first = next(iter(state.groups.frame.columns))
    result = aggregated(state.groups, {"size": (first, "size", {})}).column("size")
    of_series = isinstance(state.base, SeriesState)
    name = state.base.name if of_series else state.groups.selected
    return _finished(
        state, replace(result, name=name if isinstance(name, str) else None), zeros=True
    )


@native(DatetimeIndexResampler)
def ohlc(state: ResampleState) -> Any:
    selected = state.groups.selected
    if not isinstance(selected, str):
        raise NotNative("the prices of several columns")
    parts = {"open": "first", "high": "max", "low": "min", "close": "last"}
    calls = {label: (selected, name, dict[str, Any]()) for label, name in parts.items()}
    return _finished(state, aggregated(state.groups, calls), zeros=False)


@native(DatetimeIndexResampler, name="agg")
@native(DatetimeIndexResampler, name="aggregate")
def aggregate(state: ResampleState, func: Any = None, **kwargs: Any) -> Any:
    groups = state.groups
    of_one = isinstance(groups.selected, str)
    result = (aggregate_series if of_one else aggregate_frame)(groups, func, **kwargs)
    if isinstance(func, str):
        return _finished(state, result, func in _ZEROS)
    names = list(result.columns)
    if isinstance(func, dict) and not any(isinstance(f, list) for f in func.values()):
        zeros = {column: func[column] in _ZEROS for column in names}
    elif func is None:
        zeros = {c: (kwargs[c] if of_one else kwargs[c][1]) in _ZEROS for c in names}
    else:
        zeros = {c: (c if of_one else c[1]) in _ZEROS for c in names}
    return _finished(state, result, zeros)


install(LazyResampler, DatetimeIndexResampler)
install(_LazySelectedSeries, SeriesGroupBy, DatetimeIndexResampler)
install(_LazySelectedFrame, DataFrameGroupBy, DatetimeIndexResampler)
