"""``loc``, ``iloc``, ``at`` and ``iat``: masks, labels, positions and columns."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_list_like, is_scalar
from pandas.core.indexing import _AtIndexer, _iAtIndexer, _iLocIndexer, _LocIndexer

from raylab.frame import support
from raylab.frame.execution import engine
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import wrap
from raylab.frame.facade.choosing import set_rows
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.indexes import level_rows
from raylab.frame.facade.positions import computed_index, rows_at, slice_rows
from raylab.frame.facade.selection import (
    evaluated,
    filtered,
    label_list,
    masked_series,
    predicate_of,
)
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, SeriesState
from raylab.frame.plan.expressions import Column, Literal, call
from raylab.frame.plan.nodes import Filter, RowNumber, hidden_name
from raylab.frame.plan.schema import NotNative

_common: Any = importlib.import_module("pandas.core.common")
_EVERYTHING = slice(None)
_VALUES = "values"


class LazyLoc(_LocIndexer):
    """``loc`` of a lazy frame or series."""

    def __getitem__(self, key: Any) -> Any:
        return _selected(self, key, by_label, super().__getitem__)

    def __setitem__(self, key: Any, value: Any) -> None:
        state = self.obj._state()
        if isinstance(state, FrameState):
            try:
                changed = set_rows(state, key, value)
            except NotNative as reason:
                with support.falling_back("DataFrame.loc", str(reason)):
                    _consolidate(self.obj, value)
                    super().__setitem__(key, value)
            else:
                self.obj.__dict__["_lazy"] = changed
                self.obj.__dict__.pop("_real", None)
            return
        super().__setitem__(key, value)


class LazyILoc(_iLocIndexer):
    """``iloc`` of a lazy frame or series."""

    def __getitem__(self, key: Any) -> Any:
        return _selected(self, key, by_position, super().__getitem__)

    def __setitem__(self, key: Any, value: Any) -> None:
        _consolidate(self.obj, value)
        super().__setitem__(key, value)


def _consolidate(*objs: Any) -> None:
    """Brings computed columns into one block a dtype: what pandas writes depends on its blocks."""
    for obj in objs:
        if isinstance(obj, pd.DataFrame) and not {"_lazy", "_computed"}.isdisjoint(obj.__dict__):
            obj._mgr = obj._mgr.consolidate()


class LazyAt(_AtIndexer):
    """``at`` of a lazy frame or series."""

    def __getitem__(self, key: Any) -> Any:
        return _selected(self, key, _one(by_label), super().__getitem__)


class LazyIAt(_iAtIndexer):
    """``iat`` of a lazy frame or series."""

    def __getitem__(self, key: Any) -> Any:
        return _selected(self, key, _one(by_position), super().__getitem__)


INDEXERS = {"loc": LazyLoc, "iloc": LazyILoc, "at": LazyAt, "iat": LazyIAt}


def _one(select: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The selection of one value."""

    def one(state: Any, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) != (2 if isinstance(state, FrameState) else 1):
            raise NotNative("not a row and a column")
        found = select(state, key)
        if not is_scalar(found):
            raise NotNative("more than one value")
        return found

    return one


def _selected(indexer: Any, key: Any, select: Any, base: Any) -> Any:
    # One row or value of data in memory is a look-up for pandas.
    parts = key if isinstance(key, tuple) else (key,)
    one = "_real" in indexer.obj.__dict__ and all(is_scalar(part) for part in parts)
    state = None if one else indexer.obj._state()
    if state is not None:
        try:
            if any(part is Ellipsis or _is_other_array(part) for part in parts):
                raise NotNative("an ellipsis, or an array of no or several dimensions")
            return wrap(select(state, key), indexer.obj)
        except NotNative as reason:
            operation = f"{type(indexer.obj).__name__}.{indexer.name}"
            with support.falling_back(operation, str(reason)):
                return base(key)
    return base(key)


def _is_other_array(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.ndim != 1


# --- by label -----------------------------------------------------------------------------------


def by_label(state: Any, key: Any) -> Any:
    """``loc[rows, columns]``; labels are found by pandas' own index, without the columns."""
    if isinstance(state, SeriesState):
        frame, one = state.frame(_VALUES), _VALUES
        rows = key(wrap(state)) if callable(key) else key
        if isinstance(rows, tuple):
            raise NotNative("a key of several levels")
        return _named(_labelled_rows(frame, rows, one), state)
    several = isinstance(state.index, Levels) and len(state.index.exprs) > 1
    if several and isinstance(key, tuple) and all(is_scalar(part) for part in key):
        raise NotNative("a key of several levels")
    rows, columns = key if isinstance(key, tuple) and len(key) == 2 else (key, _EVERYTHING)
    if isinstance(rows, tuple):
        raise NotNative("a key of several levels")
    rows = evaluated(state, rows)
    frame, single = _chosen_columns(state, columns)
    rows = rows(wrap(frame)) if callable(rows) else rows
    return _labelled_rows(frame, rows, single)


def _named(result: Any, series: SeriesState) -> Any:
    return replace(result, name=series.name) if isinstance(result, SeriesState) else result


def _chosen_columns(frame: FrameState, columns: Any) -> tuple[FrameState, str | None]:
    """The frame with some columns, and the label where only one was asked for."""
    if _is_everything(columns):
        return frame, None
    if type(columns) is str:
        return frame.select(label_list(frame, columns)), columns
    if isinstance(columns, slice):
        labels = pd.Index(list(frame.columns))
        chosen = list(labels[labels.slice_indexer(columns.start, columns.stop, columns.step)])
    elif isinstance(columns, list | pd.Index):
        chosen = label_list(frame, columns)
    else:
        raise NotNative("columns other than labels")
    if not chosen or len(set(chosen)) < len(chosen):
        raise NotNative("no columns, or one twice")
    return frame.select(chosen), None


def _labelled_rows(frame: FrameState, rows: Any, single: str | None) -> Any:
    if _is_everything(rows):
        return frame if single is None else frame.column(single)
    predicate = predicate_of(frame.rows, rows, frame.index)
    if predicate is not None:
        if single is None:
            return filtered(frame, predicate)
        return masked_series(frame.column(single), predicate)
    if isinstance(frame.index, Levels) and len(frame.index.exprs) > 1:
        if not is_scalar(rows):
            raise NotNative("labels of several levels")
        return _below(frame, rows, single)
    index = computed_index(frame)
    if isinstance(rows, slice):
        places: Any = index.slice_indexer(rows.start, rows.stop, rows.step)
        if isinstance(places, np.ndarray):  # of parts of moments that are in no order
            return _shown(rows_at(frame, places), single)
        return _shown(_at_slice(frame, places, len(index)), single)
    if is_list_like(rows):
        if isinstance(rows, pd.DataFrame | dict | set):
            raise NotNative(f"row labels as {type(rows).__name__}")
        if _common.is_bool_indexer(rows):
            raise NotNative(f"a mask as {type(rows).__name__}")
        own: Any = index
        _, places = own._get_indexer_strict(rows, "index")
        return _shown(rows_at(frame, places), single)
    place = index.get_loc(rows)
    if isinstance(place, slice):
        return _shown(_at_slice(frame, place, len(index)), single)
    if isinstance(place, np.ndarray):
        is_mask = place.dtype == bool
        return _shown(rows_at(frame, np.flatnonzero(place) if is_mask else place), single)
    return _row(frame, int(place), single)


def _below(frame: FrameState, label: Any, single: str | None) -> Any:
    """The rows whose first level has a label, without that level."""
    index = frame.index
    assert isinstance(index, Levels)  # noqa: S101  the caller looked
    found = level_rows(frame, 0, label)
    return _shown(found, single)


def _shown(frame: FrameState, single: str | None) -> Any:
    return frame if single is None else frame.column(single)


def _is_everything(key: Any) -> bool:
    return isinstance(key, slice) and key == _EVERYTHING


# --- by position --------------------------------------------------------------------------------


def by_position(state: Any, key: Any) -> Any:
    """``iloc[rows, columns]``."""
    if isinstance(state, SeriesState):
        if isinstance(key, tuple):
            raise NotNative("a key of several parts")
        return _named(_placed_rows(state.frame(_VALUES), key, _VALUES), state)
    rows, columns = key if isinstance(key, tuple) and len(key) == 2 else (key, _EVERYTHING)
    frame, single = _placed_columns(state, columns)
    return _placed_rows(frame, rows(wrap(frame)) if callable(rows) else rows, single)


def _placed_columns(frame: FrameState, columns: Any) -> tuple[FrameState, str | None]:
    labels = list(frame.columns)
    if isinstance(columns, int) and not isinstance(columns, bool):
        if not -len(labels) <= columns < len(labels):
            raise NotNative("a column out of bounds")
        return frame.select([labels[columns]]), labels[columns]
    if isinstance(columns, slice):
        chosen = labels[columns]
    elif isinstance(columns, list | np.ndarray) and all(type(c) is int for c in columns):
        if any(not -len(labels) <= c < len(labels) for c in columns):
            raise NotNative("a column out of bounds")
        chosen = [labels[c] for c in columns]
    else:
        raise NotNative("columns other than positions")
    if not chosen or len(set(chosen)) < len(chosen):
        raise NotNative("no columns, or one twice")
    return frame.select(chosen), None


def _placed_rows(frame: FrameState, rows: Any, single: str | None) -> Any:
    if _is_everything(rows):
        return _shown(frame, single)
    if isinstance(rows, slice):
        if not all(isinstance(b, int | None) for b in (rows.start, rows.stop, rows.step)):
            raise NotNative("bounds that are no integers")
        plain = rows.step in (None, 1) and (rows.start or 0) >= 0
        if plain and rows.stop is not None and rows.stop >= 0:
            return _shown(slice_rows(frame, rows.start or 0, rows.stop), single)
        return _shown(_at_slice(frame, rows, engine.count_rows(frame.rows)), single)
    height = engine.count_rows(frame.rows)
    if isinstance(rows, int | np.integer) and not isinstance(rows, bool):
        if not -height <= rows < height:
            raise NotNative("a row out of bounds")
        return _row(frame, int(rows) % height, single)
    if isinstance(rows, list | np.ndarray | range):
        places = np.asarray(rows)
        if places.ndim == 1 and places.dtype.kind == "b" and len(places) == height:
            return _shown(rows_at(frame, np.flatnonzero(places)), single)
        if places.ndim == 1 and (places.dtype.kind in "iu" or not len(places)):
            if len(places) and not (-height <= places.min() and places.max() < height):
                raise NotNative("a row out of bounds")
            return _shown(rows_at(frame, places.astype(np.int64) % max(height, 1)), single)
    raise NotNative(f"positions as {type(rows).__name__}")


def _at_slice(frame: FrameState, rows: slice, height: int) -> FrameState:
    """The rows of a slice of positions, with any bounds and step."""
    places = range(height)[rows]
    if places.step == 1 or not len(places):
        result: FrameState = slice_rows(frame, places.start, places.start + len(places))
        return result
    if places.step < 0:
        return replace(rows_at(frame, np.arange(height)[rows]))
    number = hidden_name(frame.rows, "place")
    pinned = frame.pinned()
    numbered = RowNumber(pinned.rows, number)
    past = call("sub", Column(number), Literal(places.start))
    test = call(
        "and", call("ge", past, Literal(0)), call("lt", past, Literal(len(places) * places.step))
    )
    every = call("eq", call("mod", past, Literal(places.step)), Literal(0))
    index = frame.index
    if isinstance(index, RangeSpec):
        first = index.start + places.start * index.step
        index = RangeSpec(first, index.step * places.step, index.name)
    return replace(frame, rows=Filter(numbered, call("and", test, every)), index=index)


def _row(frame: FrameState, place: int, single: str | None) -> Any:
    """One row as a series, or one value: a trigger."""
    found = compute_frame(slice_rows(frame, place, place + 1))
    if single is None:
        return adopt(found.iloc[0])
    return found[single].iloc[0]
