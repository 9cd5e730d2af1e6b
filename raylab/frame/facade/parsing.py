"""``to_datetime`` and ``to_numeric`` of lazy series."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default

from raylab.frame import sites, support
from raylab.frame.execution import engine
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import LazyObject, wrap
from raylab.frame.facade.state import SeriesState, settle
from raylab.frame.plan.expressions import Column, call
from raylab.frame.plan.nodes import HIDDEN, AggregateCall, Filter, Project, Slice
from raylab.frame.plan.schema import NotNative

_TEXT = f"{HIDDEN}text"
_FINE = re.compile(r"%[fzZGVuU]")
"""Directives whose values decide about the unit or the time zone of the result."""


def to_datetime(arg: Any, *args: Any, **kwargs: Any) -> Any:
    """As ``pandas.to_datetime``; lazy for a series of strings in one format.

    >>> import raylab.frame as pd
    >>> pd.to_datetime(pd.Series(["2024-02-29"])).dt.year.tolist()
    [2024]
    """
    return _converted(pd.to_datetime, _moments, arg, *args, **kwargs)


def to_numeric(arg: Any, *args: Any, **kwargs: Any) -> Any:
    """As ``pandas.to_numeric``; looks at strings for the dtype, the rest is lazy.

    >>> import raylab.frame as pd
    >>> pd.to_numeric(pd.Series(["1", "2"])).tolist()
    [1, 2]
    """
    return _converted(pd.to_numeric, _numbers, arg, *args, **kwargs)


def _converted(own: Any, native: Any, arg: Any, *args: Any, **kwargs: Any) -> Any:
    state = arg._state() if isinstance(arg, LazyObject) else None
    if not isinstance(state, SeriesState):
        return adopt(own(arg, *args, **kwargs))
    try:
        if args:
            raise NotNative("positional arguments")
        converted = native(settle(state), **_defined(kwargs))
        sites.remember(own.__name__, converted.expr)
        return wrap(converted)
    except NotNative as reason:
        with support.falling_back(own.__name__, str(reason)):
            return adopt(own(arg, *args, **kwargs))


def _defined(kwargs: dict[str, Any]) -> dict[str, Any]:
    known = {"errors", "format"}
    unknown = {k for k, v in kwargs.items() if k not in known and v is not no_default}
    if unknown:
        raise NotNative(f"argument {min(unknown)}")
    return {k: v for k, v in kwargs.items() if v is not None and v is not no_default}


def _moments(series: SeriesState, errors: str = "raise", format: Any = None) -> SeriesState:
    if errors not in ("raise", "coerce"):
        raise NotNative("argument errors")
    if series.field.kind == "datetime":
        return series
    if series.field.kind != "str":
        raise NotNative(f"moments from {series.field.dtype}")
    form = _guessed(series) if format is None else format
    if not isinstance(form, str) or _FINE.search(form) or form in ("ISO8601", "mixed"):
        raise NotNative("a format that leaves the unit or time zone to the data")
    parsed = series.mapped(call("parse_datetime", series.expr, form=form, errors=errors))
    if not engine.has_rows(Slice(Filter(series.rows, call("notna", parsed.expr)), 0, 1)):
        raise NotNative("no moments at all, for which pandas takes another unit")
    return parsed


def _guessed(series: SeriesState) -> str:
    """The format of the first string, as pandas guesses it: looks at the data."""
    rows = Project(series.rows, ((_TEXT, series.expr),))
    present = Filter(rows, call("notna", Column(_TEXT)))
    first = engine.run(Slice(present, 0, 1), ordered=True)[_TEXT].to_list()
    form = pd.tseries.api.guess_datetime_format(first[0]) if first else None
    if form is None:
        raise NotNative("strings whose format cannot be guessed")
    return form


def _numbers(series: SeriesState, errors: str = "raise") -> SeriesState:
    if errors not in ("raise", "coerce"):
        raise NotNative("argument errors")
    if series.field.kind in ("int", "float", "bool"):
        return series
    if series.field.kind != "str":
        raise NotNative(f"numbers from {series.field.dtype}")
    kinds = call("number_kind", series.expr, errors=errors)
    _ = series.mapped(kinds)
    try:
        row = engine.reduce_rows(series.rows, (("kind", AggregateCall("max", kinds)),))
    except ValueError as error:
        raise NotNative("strings that are no numbers") from error
    kind = row["kind"][0]
    if kind not in (0, 1):
        raise NotNative("no strings, or numbers beyond int64")
    return series.mapped(call("to_number", series.expr, errors=errors, whole=kind == 0))
