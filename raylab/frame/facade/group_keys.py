"""What groups are made by: labels, series, levels of the index, arrays, functions of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_scalar

from raylab.frame.facade.base import state_of, wrap
from raylab.frame.facade.indexes import level_positions
from raylab.frame.facade.positions import computed_index, held
from raylab.frame.facade.state import FrameState, Levels, SeriesState, same_labelled_rows
from raylab.frame.plan.schema import NotNative, UnknownLabel


def own_labels(frame: FrameState, by: Any) -> Any:
    """The keys with a series that is the frame's own column as its label: pandas does the same."""
    if isinstance(by, list):
        return [own_labels(frame, key) for key in by]
    index = frame.index
    levels = index.names if isinstance(index, Levels) else (index.name,)
    return by.name if is_own(frame, by) and by.name not in levels else by


def is_own(frame: FrameState, key: Any) -> bool:
    """Whether a key is a series that is a column of the frame."""
    if not isinstance(key, pd.Series) or type(key.name) is not str or key.name not in frame.columns:
        return False
    try:
        state = state_of(key)
    except NotNative:
        return False
    own = frame.columns[key.name].fingerprint == state.expr.fingerprint
    return own and same_labelled_rows(state, frame)


def as_keys(frame: FrameState, by: Any, level: Any) -> tuple[FrameState, Any]:
    """Keys as labels and series: levels of the index, arrays and functions of labels become such.

    Raises:
        NotNative: a key of another kind.
    """
    if level is not None:
        if by is not None:
            raise NotNative("keys beside levels")
        frame = frame.pinned()
        places = level_positions(frame.index, level)
        several = isinstance(level, list | tuple)
        keys = [_level_series(frame, place) for place in places]
        return frame, keys if several else keys[0]
    index = frame.index
    named = index.names if isinstance(index, Levels) else (index.name,)
    if any(isinstance(k, str) and k in named for k in (by if isinstance(by, list) else [by])):
        frame = frame.pinned()

    def key_of(key: Any) -> Any:
        if isinstance(key, str) and key in named:
            if key in frame.columns:
                raise NotNative("a key that is a column and a level")
            return _level_series(frame, named.index(key))
        if isinstance(key, str) and key not in frame.columns:
            raise UnknownLabel("a key that is no column")
        if isinstance(key, pd.Series | str) or is_scalar(key):
            return key
        if callable(key) or isinstance(key, dict):
            key = computed_index(frame).map(key)
        if isinstance(key, pd.MultiIndex):
            raise NotNative("keys of several levels")
        if getattr(key, "freq", None) is not None:
            raise NotNative("a key with a frequency, which the labels of the groups keep")
        if isinstance(key, np.ndarray | pd.Index | pd.api.extensions.ExtensionArray):
            return _held_series(frame, key)
        raise NotNative(f"a key of type {type(key).__name__}")

    return frame, [key_of(key) for key in by] if isinstance(by, list) else key_of(by)


def _level_series(frame: FrameState, place: int) -> Any:
    index = frame.index
    assert isinstance(index, Levels)  # noqa: S101  the callers pinned it
    return wrap(SeriesState(frame.rows, index.exprs[place], index.names[place], index))


def _held_series(frame: FrameState, values: Any) -> Any:
    name = getattr(values, "name", None)
    expr = held(frame.rows, getattr(values, "array", values))
    return wrap(SeriesState(frame.rows, expr, name, frame.index))
