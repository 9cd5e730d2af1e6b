"""``loc`` and ``iloc``: masks, columns and leading rows."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas.core.indexing import _iLocIndexer, _LocIndexer

from raylab.frame import support
from raylab.frame.facade.base import wrap
from raylab.frame.facade.choosing import set_rows
from raylab.frame.facade.selection import (
    filtered,
    first_rows,
    label_list,
    masked_series,
    predicate_of,
)
from raylab.frame.facade.state import FrameState, SeriesState
from raylab.frame.plan.schema import NotNative

_EVERYTHING = slice(None)


class LazyLoc(_LocIndexer):
    """``loc`` of a lazy frame or series: boolean masks and columns are native."""

    def __getitem__(self, key: Any) -> Any:
        return _selected(self, key, by_label, super().__getitem__)

    def __setitem__(self, key: Any, value: Any) -> None:
        state = self.obj._state()
        if isinstance(state, FrameState):
            try:
                changed = set_rows(state, key, value)
            except NotNative as reason:
                with support.falling_back("DataFrame.loc", str(reason)):
                    super().__setitem__(key, value)
            else:
                self.obj.__dict__["_lazy"] = changed
                self.obj.__dict__.pop("_real", None)
            return
        super().__setitem__(key, value)


class LazyILoc(_iLocIndexer):
    """``iloc`` of a lazy frame or series: slices of rows counted from the start are native."""

    def __getitem__(self, key: Any) -> Any:
        return _selected(self, key, by_position, super().__getitem__)


def _selected(indexer: Any, key: Any, select: Any, base: Any) -> Any:
    state = indexer.obj._state()
    if state is not None:
        try:
            return wrap(select(state, key), indexer.obj)
        except NotNative as reason:
            operation = f"{type(indexer.obj).__name__}.{indexer.name}"
            with support.falling_back(operation, str(reason)):
                return base(key)
    return base(key)


def by_label(state: Any, key: Any) -> Any:
    """``loc[rows, columns]`` with a mask or everything as rows."""
    if isinstance(state, SeriesState):
        return _masked_series(state, key)
    rows, columns = key if isinstance(key, tuple) else (key, _EVERYTHING)
    frame: FrameState = state
    one: str | None = None
    if type(columns) is str:
        one = columns
        columns = [columns]
    if not _is_everything(columns):
        if not isinstance(columns, list | pd.Index):
            raise NotNative("columns other than labels")
        labels = label_list(frame, columns)
        if not labels or len(set(labels)) < len(labels):
            raise NotNative("no columns, or one twice")
        frame = frame.select(labels)
    if not _is_everything(rows):
        predicate = predicate_of(frame.rows, rows)
        if predicate is None:
            raise NotNative("row labels")
        frame = filtered(frame, predicate)
    return frame if one is None else frame.column(one)


def _masked_series(series: SeriesState, key: Any) -> SeriesState:
    predicate = predicate_of(series.rows, key)
    if predicate is None:
        raise NotNative("row labels")
    return masked_series(series, predicate)


def _is_everything(key: Any) -> bool:
    return isinstance(key, slice) and key == _EVERYTHING


def by_position(state: Any, key: Any) -> Any:
    """``iloc[a:b]`` with bounds counted from the start."""
    if not isinstance(key, slice) or key.step not in (None, 1):
        raise NotNative("positions other than a slice")
    start, stop = key.start or 0, key.stop
    if not isinstance(start, int) or not isinstance(stop, int | None) or start < 0:
        raise NotNative("bounds that are no integers or counted from the end")
    if stop is not None and stop < 0:
        raise NotNative("bounds counted from the end")
    return first_rows(state, start, None if stop is None else max(stop - start, 0))
