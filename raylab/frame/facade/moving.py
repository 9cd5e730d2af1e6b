"""rolling and expanding windows over rows, also within groups."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy
from pandas.core.window.expanding import Expanding, ExpandingGroupBy
from pandas.core.window.rolling import Rolling, RollingGroupBy

from raylab.frame.facade.accessors import LazyCompanion
from raylab.frame.facade.base import WRAPPERS, install, native, wrap
from raylab.frame.facade.grouping import GroupState, pandas_groupby
from raylab.frame.facade.running import over
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import FrameState, Levels, SeriesState, settle
from raylab.frame.plan.expressions import Column, Expr, call
from raylab.frame.plan.nodes import HIDDEN, Filter, Sort
from raylab.frame.plan.schema import NotNative

_CLOSED = ("right", "left", "both", "neither")
_NUMBERS = ("int", "float", "bool")


@dataclass(frozen=True)
class MovingState:
    """A lazy rolling or expanding.

    Attributes:
        base: the frame or series, or the groupby, whose rows the windows move over.
        shape: pandas' arguments of rolling or expanding.
        selected: the columns chosen by brackets: one label for a series, None for all.
    """

    base: Any
    shape: tuple[tuple[str, Hashable], ...]
    selected: str | tuple[str, ...] | None = None

    @property
    def kind(self) -> str:
        """rolling, or expanding, which has no window."""
        return "rolling" if "window" in dict(self.shape) else "expanding"


class LazyRolling(LazyCompanion, Rolling):
    """pandas' rolling over lazy rows."""


class LazyExpanding(LazyCompanion, Expanding):
    """pandas' expanding over lazy rows."""


class LazyRollingGroupBy(LazyCompanion, RollingGroupBy):
    """pandas' rolling within lazy groups."""


class LazyExpandingGroupBy(LazyCompanion, ExpandingGroupBy):
    """pandas' expanding within lazy groups."""


_FACES: dict[tuple[str, bool], Any] = {
    ("rolling", False): LazyRolling,
    ("expanding", False): LazyExpanding,
    ("rolling", True): LazyRollingGroupBy,
    ("expanding", True): LazyExpandingGroupBy,
}


def _face(state: MovingState, _: Any = None) -> Any:
    grouped = isinstance(state.base, GroupState)
    return _FACES[state.kind, grouped]._standing(state, lambda: _pandas_windows(state))


WRAPPERS[MovingState] = _face


def _pandas_windows(state: MovingState) -> Any:
    """The windows of pandas over the same rows."""
    if isinstance(state.base, GroupState):
        owner: Any = pandas_groupby(state.base)
    else:
        face = wrap(state.base)
        owner = (pd.Series if isinstance(state.base, SeriesState) else pd.DataFrame)(face)
    windows = getattr(owner, state.kind)(**dict(state.shape))
    if state.selected is None:
        return windows
    return windows[state.selected if isinstance(state.selected, str) else list(state.selected)]


def _count(value: Any, smallest: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
        raise NotNative(f"argument {name}")
    return value


@native(pd.DataFrame, pd.Series, DataFrameGroupBy, SeriesGroupBy)
def rolling(
    base: Any, window: Any, min_periods: Any = None, center: Any = False, closed: Any = None
) -> MovingState:
    size = _count(window, 1, "window")
    least = size if min_periods is None else _count(min_periods, 0, "min_periods")
    if least > size or not isinstance(center, bool) or closed not in (None, *_CLOSED):
        raise NotNative("argument min_periods, center or closed")
    shape = {"window": size, "min_periods": least, "center": center, "closed": closed}
    return MovingState(_whole(base), tuple(sorted(shape.items())))


@native(pd.DataFrame, pd.Series, DataFrameGroupBy, SeriesGroupBy)
def expanding(base: Any, min_periods: Any = 1) -> MovingState:
    return MovingState(_whole(base), (("min_periods", _count(min_periods, 0, "min_periods")),))


def _whole(base: Any) -> Any:
    """The rows; of groups only what has a native form."""
    if not isinstance(base, GroupState):
        return base
    named = {name for name, _ in base.keys}
    if not (base.as_index and base.sort) or named & (set(base.frame.columns) - base.labels):
        raise NotNative("groups that are not the index, not sorted, or named like a column")
    return base


@native(Rolling, Expanding, RollingGroupBy, ExpandingGroupBy)
def __getitem__(windows: MovingState, key: Any) -> MovingState:
    frame = windows.base.frame if isinstance(windows.base, GroupState) else windows.base
    if windows.selected is not None or not isinstance(frame, FrameState):
        raise NotNative("a selection of a selection")
    labels = label_list(frame, key)
    grouped = windows.base if isinstance(windows.base, GroupState) else None
    if grouped and (grouped.selected is not None or set(labels) & grouped.labels):
        raise NotNative("a selection of a selection, or of keys")
    if len(set(labels)) < len(labels):
        raise NotNative("one column twice")
    return replace(windows, selected=key if isinstance(key, str) else tuple(labels))


def _chosen(windows: MovingState, numeric_only: bool) -> tuple[FrameState, str | None]:
    """The columns that the windows move over, and the name of the only one of a series."""
    base, selected = windows.base, windows.selected
    if isinstance(base, SeriesState):
        label = f"{HIDDEN}series"
        return settle(base).frame(label), label
    if isinstance(base, GroupState):
        selected = base.selected if selected is None else selected
        frame, labels = base.frame, replace(base, selected=selected).values
    else:
        frame = base
        labels = [selected] if isinstance(selected, str) else list(selected or base.columns)
    frame = frame.settled(labels)
    if isinstance(selected, str):
        return frame.select(labels), selected
    if numeric_only:
        labels = [label for label in labels if frame.fields[label].kind in _NUMBERS]
    if not labels:
        raise NotNative("no columns to compute")
    return frame.select(labels), None


def _statistic(windows: MovingState, name: str, numeric_only: bool, **params: Any) -> Any:
    frame, series = _chosen(windows, numeric_only)
    params = {**dict(windows.shape), **params, "statistic": name}
    if isinstance(windows.base, GroupState):
        result = _in_groups(windows.base, frame, params)
    else:
        columns: dict[str, Expr] = {
            c: over(frame.rows, "moving", e, **params) for c, e in frame.columns.items()
        }
        result = replace(frame, columns=columns)
    if series is None:
        return result
    name_of_series = windows.base.name if isinstance(windows.base, SeriesState) else series
    return replace(result.column(series), name=name_of_series)


def _in_groups(group: GroupState, frame: FrameState, params: dict[str, Any]) -> FrameState:
    """Group after group, each with its rows in their order; the keys are index levels."""
    pinned = frame.pinned()
    keys = tuple(expr for _, expr in group.keys)
    dropna = group.dropna
    hidden = [f"{HIDDEN}sorted{i}" for i in range(len(keys))]
    columns: dict[str, Expr] = {
        label: over(frame.rows, "moving", expr, keys, dropna=dropna, **params)
        for label, expr in frame.columns.items()
    }
    columns |= dict(zip(hidden, keys, strict=True))
    flat = replace(pinned, columns=columns).flat()
    rows = flat.rows
    if dropna:
        for name in hidden:
            if rows.schema[name].may_miss:
                rows = Filter(rows, call("notna", Column(name)))
    rows = Sort(rows, tuple(hidden), (False,) * len(hidden))
    index = flat.index
    assert isinstance(index, Levels)  # noqa: S101  it was pinned
    names = tuple(name for name, _ in group.keys)
    exprs = tuple(Column(n) for n in hidden) + index.exprs
    levels = Levels(exprs, names + index.names, appearing=True)
    return replace(flat, rows=rows, index=levels).select(frame.columns)


def _declare(name: str) -> None:
    def statistic(windows: MovingState, numeric_only: bool = False) -> Any:
        return _statistic(windows, name, numeric_only)

    native(Rolling, Expanding, RollingGroupBy, ExpandingGroupBy, name=name)(statistic)


def _declare_spread(name: str) -> None:
    def spread(windows: MovingState, ddof: int = 1, numeric_only: bool = False) -> Any:
        return _statistic(windows, name, numeric_only, ddof=_count(ddof, 0, "ddof"))

    native(Rolling, Expanding, RollingGroupBy, ExpandingGroupBy, name=name)(spread)


for _name in ("sum", "mean", "min", "max", "median", "count"):
    _declare(_name)
for _name in ("std", "var"):
    _declare_spread(_name)
for _lazy, _owner in (
    (LazyRolling, Rolling),
    (LazyExpanding, Expanding),
    (LazyRollingGroupBy, RollingGroupBy),
    (LazyExpandingGroupBy, ExpandingGroupBy),
):
    install(_lazy, _owner)
