"""rolling, expanding and ewm: windows over rows or in time, also within groups."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy
from pandas.core.window.ewm import ExponentialMovingWindow, ExponentialMovingWindowGroupBy
from pandas.core.window.expanding import Expanding, ExpandingGroupBy
from pandas.core.window.rolling import Rolling, RollingGroupBy
from pandas.tseries.frequencies import to_offset

from raylab.frame.facade.accessors import LazyCompanion
from raylab.frame.facade.base import EMPTY, WRAPPERS, native, wrap
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.grouping import GroupState, owner_for, pandas_groupby
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import FrameState, Levels, SeriesState, same_rows, settle
from raylab.frame.plan.expressions import Expr
from raylab.frame.plan.schema import NotNative

_CLOSED = ("right", "left", "both", "neither")
_VALUES = "values"

ROLLING = (Rolling, RollingGroupBy)
EXPANDING = (Expanding, ExpandingGroupBy)
EWM = (ExponentialMovingWindow, ExponentialMovingWindowGroupBy)


@dataclass(frozen=True)
class MovingState:
    """Lazy windows.

    Attributes:
        base: the frame or series, or the groupby, whose rows the windows move over.
        kind: the method of pandas that makes them.
        shape: its arguments.
        selected: the columns chosen by brackets: one label for a series, None for all.
        times: the moments of the rows, where windows are in time.
        on: the column that they are; None for the index.
    """

    base: Any
    kind: str
    shape: tuple[tuple[str, Hashable], ...]
    selected: str | tuple[str, ...] | None = None
    times: Expr | None = None
    on: str | None = None

    @property
    def frame(self) -> Any:
        """The rows: a frame, or a series."""
        return self.base.frame if isinstance(self.base, GroupState) else self.base


class LazyWindows(LazyCompanion):
    """Windows whose columns are attributes, over the rows as they are when it is computed."""

    def __getattribute__(self, name: str) -> Any:
        if "_lazy_state" in object.__getattribute__(self, "__dict__") and not hasattr(
            type(self), name
        ):
            state: MovingState | None = self._state("__getitem__")
            frame = None if state is None else state.frame
            if isinstance(frame, FrameState) and name in frame.columns:
                return self[name]  # type: ignore[index]  # subclasses have it
        return super().__getattribute__(name)

    def _followed(self, state: MovingState, now: Any, operation: str) -> MovingState | None:
        if state.times is not None and not same_rows(now.rows, state.base.rows):
            return None
        wanted = {state.selected} if isinstance(state.selected, str) else set(state.selected or ())
        if wanted and not wanted <= set(now.columns):
            return None
        return replace(state, base=now)

    def _use(self, operation: str, arguments: dict[str, Any]) -> None:
        state = self._state()
        if operation != "__getitem__" and state is not None and state.selected is not None:
            self.__dict__.update(_lazy_state=state, _owner=None)  # pandas keeps chosen columns


class LazyRolling(LazyWindows, Rolling):
    """pandas' rolling over lazy rows."""


class LazyExpanding(LazyWindows, Expanding):
    """pandas' expanding over lazy rows."""


class LazyEwm(LazyWindows, ExponentialMovingWindow):
    """pandas' ewm over lazy rows."""


class LazyRollingGroupBy(LazyWindows, RollingGroupBy):
    """pandas' rolling within lazy groups."""


class LazyExpandingGroupBy(LazyWindows, ExpandingGroupBy):
    """pandas' expanding within lazy groups."""


class LazyEwmGroupBy(LazyWindows, ExponentialMovingWindowGroupBy):
    """pandas' ewm within lazy groups."""


FACES: dict[tuple[str, bool], Any] = {
    ("rolling", False): LazyRolling,
    ("expanding", False): LazyExpanding,
    ("ewm", False): LazyEwm,
    ("rolling", True): LazyRollingGroupBy,
    ("expanding", True): LazyExpandingGroupBy,
    ("ewm", True): LazyEwmGroupBy,
}


def _face(state: MovingState, like: Any = None) -> Any:
    grouped = isinstance(state.base, GroupState)
    owner = None if grouped else owner_for(None, like)
    return FACES[state.kind, grouped]._standing(state, _pandas_windows, owner)


WRAPPERS[MovingState] = _face


def _pandas_windows(state: MovingState) -> Any:
    """The windows of pandas over the same rows."""
    shape = {name: value for name, value in state.shape if value is not None}
    on = {} if state.on is None else {"on": state.on}
    if isinstance(state.base, GroupState):
        windows: Any = getattr(pandas_groupby(state.base), state.kind)(**shape, **on)
    else:
        owner = pd.Series if isinstance(state.base, SeriesState) else pd.DataFrame
        windows = getattr(owner, state.kind)(wrap(state.base), **shape, **on)
    if state.selected is None:
        return windows
    return windows[state.selected if isinstance(state.selected, str) else list(state.selected)]


def _without_rows(state: MovingState) -> Any:
    """Pandas' windows over the same columns, without rows."""
    make = EMPTY.get(type(state.base))
    if make is None or state.times is not None:
        return None
    shape = {name: value for name, value in state.shape if value is not None}
    return getattr(make(state.base), state.kind)(**shape)


EMPTY[MovingState] = _without_rows


def count(value: Any, smallest: int, name: str) -> int:
    """A number of at least some size.

    Raises:
        NotNative: it is not; pandas words the error.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
        raise NotNative(f"argument {name}")
    return value


@native(pd.DataFrame, pd.Series, DataFrameGroupBy, SeriesGroupBy)
def rolling(
    base: Any,
    window: Any,
    min_periods: Any = None,
    center: Any = False,
    on: Any = None,
    closed: Any = None,
) -> MovingState:
    if not isinstance(center, bool) or closed not in (None, *_CLOSED):
        raise NotNative("argument center or closed")
    if not isinstance(window, int):
        return _in_time(_whole(base), window, min_periods, center, on, closed)
    size = count(window, 1, "window")
    least = size if min_periods is None else count(min_periods, 0, "min_periods")
    if least > size or on is not None:
        raise NotNative("argument min_periods or on")
    shape = {"window": size, "min_periods": least, "center": center, "closed": closed}
    return MovingState(_whole(base), "rolling", tuple(sorted(shape.items())))


def _in_time(
    base: Any, window: Any, min_periods: Any, center: bool, on: Any, closed: Any
) -> MovingState:
    """Windows of a length of time; looks at the moments, which must rise."""
    try:
        # A Timedelta would take "2MS", two months, for milliseconds.
        offset: Any = to_offset(window)
        length = pd.Timedelta(offset.nanos)
    except (ValueError, TypeError, AttributeError) as error:
        raise NotNative(f"a window of {window!r}") from error
    least = 1 if min_periods is None else count(min_periods, 0, "min_periods")
    frame = base.frame if isinstance(base, GroupState) else base
    if on is not None:
        if not isinstance(frame, FrameState):
            raise NotNative("argument on of a series")
        (label,) = label_list(frame, [on])
        times: Expr = frame.columns[label]
    elif isinstance(frame.index, Levels) and len(frame.index.exprs) == 1:
        (times,) = frame.index.exprs
    else:
        raise NotNative("windows in time over an index of another kind")
    series = settle(SeriesState(frame.rows, times, None))
    if series.field.kind != "datetime" or length <= pd.Timedelta(0):
        raise NotNative("windows in time over an index of another kind")
    moments = compute_frame(series.frame(_VALUES))[_VALUES]
    if not (moments.is_monotonic_increasing and moments.notna().all()):
        raise NotNative("moments that do not rise")
    shape = {"window": length, "min_periods": least, "center": center, "closed": closed}
    return MovingState(base, "rolling", tuple(sorted(shape.items())), None, times, on)


@native(pd.DataFrame, pd.Series, DataFrameGroupBy, SeriesGroupBy)
def expanding(base: Any, min_periods: Any = 1) -> MovingState:
    shape = (("min_periods", count(min_periods, 0, "min_periods")),)
    return MovingState(_whole(base), "expanding", shape)


@native(pd.DataFrame, pd.Series, DataFrameGroupBy, SeriesGroupBy)
def ewm(
    base: Any,
    com: Any = None,
    span: Any = None,
    halflife: Any = None,
    alpha: Any = None,
    min_periods: Any = 0,
    adjust: Any = True,
    ignore_na: Any = False,
) -> MovingState:
    decay = {"com": com, "span": span, "halflife": halflife, "alpha": alpha}
    given = {name: value for name, value in decay.items() if value is not None}
    if len(given) != 1 or not all(isinstance(value, int | float) for value in given.values()):
        raise NotNative("not one decay that is a number")
    shape = {
        **given,
        "min_periods": count(min_periods or 0, 0, "min_periods"),
        "adjust": bool(adjust),
        "ignore_na": bool(ignore_na),
    }
    pd.Series([1.0]).ewm(**shape)  # pandas words the errors
    return MovingState(_whole(base), "ewm", tuple(sorted(shape.items())))


def _whole(base: Any) -> Any:
    """The rows; of groups only what has a native form."""
    if not isinstance(base, GroupState):
        return base
    named = {name for name, _ in base.keys}
    if not (base.as_index and base.sort) or named & (set(base.frame.columns) - base.labels):
        raise NotNative("groups that are not the index, not sorted, or named like a column")
    return base


@native(*ROLLING, *EXPANDING, *EWM)
def __getitem__(windows: MovingState, key: Any) -> MovingState:
    frame = windows.frame
    if windows.selected is not None or not isinstance(frame, FrameState):
        raise NotNative("a selection of a selection")
    labels = label_list(frame, key)
    grouped = windows.base if isinstance(windows.base, GroupState) else None
    if grouped and (grouped.selected is not None or set(labels) & grouped.labels):
        raise NotNative("a selection of a selection, or of keys")
    if len(set(labels)) < len(labels) or windows.on in labels:
        raise NotNative("one column twice, or the moments")
    return replace(windows, selected=key if isinstance(key, str) else tuple(labels))
