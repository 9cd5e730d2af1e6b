"""Results of pandas' own functions as raylab's classes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pandas as pd


def adopt(value: Any) -> Any:
    """The value with pandas frames and series, also inside lists and dicts, as raylab's."""
    from raylab.frame.facade.dataframe import DataFrame
    from raylab.frame.facade.series import Series

    kind = type(value)
    if kind is pd.DataFrame:
        return DataFrame._from_mgr(value._mgr, value.axes).__finalize__(value)
    if kind is pd.Series:
        series = Series._from_mgr(value._mgr, value.axes)
        object.__setattr__(series, "_name", value.name)
        return series.__finalize__(value)
    if kind is dict:
        return {key: adopt(item) for key, item in value.items()}
    if kind in (list, tuple):
        return kind(adopt(item) for item in value)
    return value


def adopting(function: Callable[..., Any]) -> Callable[..., Any]:
    """A pandas function whose frames are raylab's."""

    @functools.wraps(function)
    def adopted(*args: Any, **kwargs: Any) -> Any:
        return adopt(function(*args, **kwargs))

    return adopted
