"""Lazy series that somebody holds: what is likely to be asked for next, beside what is asked now."""

from __future__ import annotations

from weakref import WeakValueDictionary

from raylab.frame.facade.state import SeriesState
from raylab.frame.plan.expressions import Column

_MOST = 8

_HELD: WeakValueDictionary[int, SeriesState] = WeakValueDictionary()
"""The states of lazy series that are alive, by identity."""


def held(state: SeriesState) -> None:
    """Notes the state of a series that goes to the user."""
    _HELD[id(state)] = state


def columns_beside(series: SeriesState) -> list[SeriesState]:
    """Other series that somebody holds and that are plain columns of the same rows; some of them."""
    found = [
        state
        for state in _HELD.values()
        if state.rows is series.rows and state is not series and isinstance(state.expr, Column)
    ]
    return found[:_MOST]
