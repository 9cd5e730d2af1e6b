"""Lazy objects that somebody holds: what is likely to be asked for next, beside what is asked now."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from raylab.frame.facade.state import FrameState, SeriesState
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import Filter, Node, RowNumber

_MOST = 8

_HELD: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""The lazy frames and series that are alive, by identity."""


def held(obj: Any) -> None:
    """Notes a lazy frame or series that goes to the user."""
    _HELD[id(obj)] = obj


def _states() -> list[Any]:
    alive = (reference() for reference in _HELD.valuerefs())  # a copy: other threads go on
    return [obj.__dict__.get("_lazy") for obj in alive if obj is not None]


def columns_beside(series: SeriesState) -> list[SeriesState]:
    """Other series that somebody holds and that are plain columns of the same rows; some of them."""
    found = [
        state
        for state in _states()
        if isinstance(state, SeriesState)
        and state.rows is series.rows
        and state is not series
        and isinstance(state.expr, Column)
    ]
    return found[:_MOST]


def rows_beside(series: SeriesState) -> Node | None:
    """The rows of a frame that somebody holds with the same column, of which filters left these."""
    frames = {
        id(state.rows): state
        for state in _states()
        if isinstance(state, FrameState) and state.rows is not series.rows
    }
    below, filtered = series.rows, False
    while frames and isinstance(below, Filter | RowNumber):
        filtered = filtered or isinstance(below, Filter)
        below = below.child
        if filtered and id(below) in frames:
            columns = frames[id(below)].columns.values()
            same = any(expr.fingerprint == series.expr.fingerprint for expr in columns)
            return below if same else None
    return None
