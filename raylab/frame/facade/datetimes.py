"""The breadth of ``.dt``: methods and properties of one moment or span, by pandas batch by batch."""

from __future__ import annotations

import inspect
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default
from pandas.api.types import is_list_like
from pandas.core.indexes.accessors import DatetimeProperties, TimedeltaProperties

from raylab.frame.facade.accessors import LazyAccessor
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import install, native, wrap
from raylab.frame.facade.state import FrameState, SeriesState
from raylab.frame.kernels.batches import frozen
from raylab.frame.plan.expressions import call
from raylab.frame.plan.functions import FUNCTIONS
from raylab.frame.plan.schema import NotNative

_ALIASES = {
    "day_of_week": "dayofweek",
    "weekday": "dayofweek",
    "day_of_year": "dayofyear",
    "daysinmonth": "days_in_month",
}
_FIELDS = frozenset(
    (
        "days_in_month",
        "is_month_end",
        "is_month_start",
        "is_quarter_end",
        "is_quarter_start",
        "is_year_end",
        "is_year_start",
        "microsecond",
        "nanosecond",
        "days",
        "seconds",
        "microseconds",
        "nanoseconds",
    )
)
"""Properties of one value that have no kernel of their own."""

_COMPONENTS = ("days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds")


def _of_each(moments: SeriesState, name: str, arguments: dict[str, Any]) -> SeriesState:
    """A method or property of pandas' accessor, for each value."""
    ambiguous = arguments.get("ambiguous")
    if is_list_like(ambiguous) or (isinstance(ambiguous, str) and ambiguous == "infer"):
        raise NotNative("hours told row by row, or inferred from the rows around")
    given = frozen({k: v for k, v in arguments.items() if v is not no_default})
    expr = call("method", moments.expr, accessor="dt", name=name, arguments=given)
    return moments.mapped(expr)


class LazyProperties(LazyAccessor):
    """Properties of each value of a lazy series."""

    def _delegate_property_get(self, name: str) -> Any:
        state: SeriesState | None = self._state()
        if state is not None:
            name = _ALIASES.get(name, name)
            try:
                return wrap(_property(state, name), self)
            except NotNative:
                pass  # pandas' own answers
        return adopt(super()._delegate_property_get(name))


def _property(state: SeriesState, name: str) -> Any:
    function = f"dt.{name}"
    if function in FUNCTIONS and state.field.kind == "datetime":
        return state.mapped(call(function, state.expr))
    if name in _FIELDS:
        return _of_each(state, name, {})
    if name in ("tz", "unit"):
        empty: Any = pd.Series([], dtype=state.field.dtype)
        return getattr(empty.dt, name)
    raise NotNative(f"property {name}")


class LazyDatetimeProperties(LazyProperties, DatetimeProperties):
    """pandas' datetime properties over a lazy series."""

    def isocalendar(self) -> Any:
        """Year, week and day of the week by ISO 8601, as nullable integers."""
        return adopt(super().isocalendar())


class LazyTimedeltaProperties(LazyProperties, TimedeltaProperties):
    """pandas' timedelta properties over a lazy series."""

    @property
    def components(self) -> Any:
        """The parts of each span as columns."""
        state: SeriesState | None = self._state()
        if state is None:
            return super().components
        parts = {name: call("timedelta_part", state.expr, part=name) for name in _COMPONENTS}
        return wrap(FrameState(state.rows, dict(parts), state.index), self)


def properties(series: Any, state: SeriesState) -> LazyProperties:
    """The ``.dt`` accessor of a lazy series of moments or spans."""
    kind = LazyDatetimeProperties if state.field.kind == "datetime" else LazyTimedeltaProperties
    return kind._of(series, "dt", state)


def _declare(owner: type, name: str) -> None:
    def method(moments: SeriesState, **arguments: Any) -> SeriesState:
        return _of_each(moments, name, arguments)

    setattr(method, "__signature__", inspect.signature(getattr(owner, name)))  # noqa: B010  read by inspect
    native(owner, name=name)(method)


for _name in (
    "as_unit",
    "ceil",
    "day_name",
    "floor",
    "month_name",
    "round",
    "tz_convert",
    "tz_localize",
):
    _declare(DatetimeProperties, _name)
for _name in ("as_unit", "ceil", "floor", "round", "total_seconds"):
    _declare(TimedeltaProperties, _name)


@native(DatetimeProperties)
def normalize(moments: SeriesState) -> SeriesState:
    return moments.mapped(call("dt.normalize", moments.expr))


@native(DatetimeProperties)
def strftime(moments: SeriesState, date_format: Any) -> SeriesState:
    if not isinstance(date_format, str):
        raise NotNative("a format that is no string")
    return moments.mapped(call("dt.strftime", moments.expr, form=date_format))


install(LazyDatetimeProperties, DatetimeProperties)
install(LazyTimedeltaProperties, TimedeltaProperties)
