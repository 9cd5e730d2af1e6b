"""Results of pandas' own functions as raylab's classes.

pandas gives most results the class of what they were computed from. Some of its functions name
its own classes: their results are adopted here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy
from pandas.core.window.ewm import ExponentialMovingWindow, ExponentialMovingWindowGroupBy
from pandas.core.window.expanding import Expanding, ExpandingGroupBy
from pandas.core.window.rolling import Rolling, RollingGroupBy


def adopt(value: Any) -> Any:
    """The value with pandas frames and series, also inside lists and dicts, as raylab's.

    A groupby or windows of pandas become such that adopt what they give.
    """
    kind = type(value)
    if kind not in _FOREIGN:
        return value
    from raylab.frame.facade.dataframe import DataFrame
    from raylab.frame.facade.series import Series

    if kind is pd.DataFrame:
        return DataFrame._from_mgr(value._mgr, value.axes).__finalize__(value)
    if kind is pd.Series:
        series = Series._from_mgr(value._mgr, value.axes)
        object.__setattr__(series, "_name", value.name)
        return series.__finalize__(value)
    face = _COMPANIONS.get(kind)
    if face is not None:
        value.__class__ = face
        return value
    if kind is dict:
        return {key: adopt(item) for key, item in value.items()}
    return kind(adopt(item) for item in value)


def adopting(function: Callable[..., Any]) -> Callable[..., Any]:
    """A pandas function whose frames are raylab's."""

    @functools.wraps(function)
    def adopted(*args: Any, **kwargs: Any) -> Any:
        return adopt(function(*args, **kwargs))

    return adopted


ADOPTED: set[Any] = set()
"""Methods of lazy faces that are pandas' own but for the class of their results."""


def adopt_results(face: type, owner: type) -> None:
    """Makes a face adopt what the methods of its pandas class give, where it has none of its own."""
    for name in dir(owner):
        method = getattr(owner, name)
        if not name.startswith("_") and isinstance(method, FunctionType) and name not in vars(face):
            setattr(face, name, adopting(method))
            ADOPTED.add(vars(face)[name])


def _adopting_class(owner: type, *names: str) -> type:
    members = {name: adopting(getattr(owner, name)) for name in names}
    return type(owner.__name__, (owner,), members)


_WINDOWS = (
    *(Rolling, RollingGroupBy, Expanding, ExpandingGroupBy),
    *(ExponentialMovingWindow, ExponentialMovingWindowGroupBy),
)
_COMPANIONS: dict[type, type] = {
    owner: _adopting_class(owner, "_gotitem", "rolling", "expanding", "ewm")
    for owner in (DataFrameGroupBy, SeriesGroupBy)
} | {owner: _adopting_class(owner, "cov", "corr") for owner in _WINDOWS}
"""Groupbys and windows of pandas on raylab's frames: small ones are pandas' own."""

_FOREIGN = frozenset((pd.DataFrame, pd.Series, dict, list, tuple, *_COMPANIONS))


def looking_further(function: Callable[..., Any]) -> Callable[..., Any]:
    """``query`` or ``eval``, whose caller is behind this function and one more wrapper."""

    @functools.wraps(function)
    def looking(*args: Any, level: int = 0, **kwargs: Any) -> Any:
        return function(*args, level=level + 2, **kwargs)

    return looking
