"""Results of pandas' own functions as raylab's classes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pandas as pd


def adopt(value: Any) -> Any:
    """The value with pandas frames and series, also inside lists and dicts, as raylab's."""
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
    if kind is dict:
        return {key: adopt(item) for key, item in value.items()}
    return kind(adopt(item) for item in value)


_FOREIGN = frozenset((pd.DataFrame, pd.Series, dict, list, tuple))


def adopting(function: Callable[..., Any]) -> Callable[..., Any]:
    """A pandas function whose frames are raylab's."""

    @functools.wraps(function)
    def adopted(*args: Any, **kwargs: Any) -> Any:
        return adopt(function(*args, **kwargs))

    return adopted


def looking_further(function: Callable[..., Any]) -> Callable[..., Any]:
    """``query`` or ``eval``, whose caller is behind this function and one more wrapper."""

    @functools.wraps(function)
    def looking(*args: Any, level: int = 0, **kwargs: Any) -> Any:
        return function(*args, level=level + 2, **kwargs)

    return looking
