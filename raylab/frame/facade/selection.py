"""Choosing rows and columns: ``[]``, head and tail, drop, rename, assign, index changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import no_default
from pandas.api.types import is_list_like
from pandas.api.typing import Expression as _Expression

from raylab.frame.execution import engine
from raylab.frame.facade.alignment import aligned
from raylab.frame.facade.base import LazyObject, native, state_of, wrap
from raylab.frame.facade.positions import computed_index, held, over_rows
from raylab.frame.facade.state import (
    FrameState,
    IndexSpec,
    Levels,
    RangeSpec,
    SeriesState,
)
from raylab.frame.plan.expressions import Expr, Literal, call
from raylab.frame.plan.nodes import HIDDEN, Distinct, Filter, Node, Slice
from raylab.frame.plan.schema import NotNative, UnknownLabel, is_category

_AXIS_COLUMNS = (1, "columns")


def evaluated(state: Any, value: Any) -> Any:
    """An expression of ``pd.col`` over the columns of a frame; any other value as it is."""
    if not isinstance(value, _Expression):
        return value
    if not isinstance(state, FrameState):
        raise NotNative("an expression of columns without columns")
    return value._eval_expression(wrap(state))


def label_list(frame: FrameState, labels: Any) -> list[str]:
    """Labels as a list of known column labels.

    Raises:
        NotNative: one is unknown or not a string; pandas words the error.
    """
    found = [labels] if isinstance(labels, str) or not is_list_like(labels) else list(labels)
    if not all(type(label) is str and label in frame.columns for label in found):
        raise UnknownLabel("labels that are not columns")
    return found


def unambiguous(frame: FrameState, labels: Any) -> None:
    """Refuses labels that are columns and levels of the index, too: pandas words the error."""
    index = frame.index
    named = index.names if isinstance(index, Levels) else (index.name,)
    if any(label in named and label in frame.columns for label in labels):
        raise NotNative("a column that is a level of the index, too")


def predicate_of(rows: Node, mask: Any, index: IndexSpec) -> Expr | None:
    """The expression of a boolean mask over rows (with their index); None when it is none."""
    if isinstance(mask, pd.Series):
        state = state_of(mask)
        if state.field.kind == "nullable":
            return predicate_of(rows, _holding(mask), index)
        if state.field.kind != "bool":
            raise NotNative(f"a mask of {state.field.dtype}")
        return over_rows(rows, index, mask)
    if isinstance(mask, np.ndarray | list | pd.api.extensions.ExtensionArray):
        values = np.asarray(mask)
        if values.dtype == bool and values.ndim == 1 and len(values):
            return held(rows, values)
    return None


def _holding(mask: Any) -> Any:
    """A mask of nullable bools as one of bools: what is missing does not hold."""
    state = state_of(mask)
    return wrap(state.mapped(call("holds", state.expr)))


def filtered(frame: FrameState, predicate: Expr) -> FrameState:
    """The rows for which the predicate holds."""
    pinned = frame.pinned()
    return pinned.over(Filter(pinned.rows, predicate))


@native(pd.DataFrame)
def __getitem__(frame: FrameState, key: Any) -> Any:
    if type(key) is str and key in frame.columns:
        return frame.column(key)
    key = evaluated(frame, key)
    predicate = predicate_of(frame.rows, key, frame.index)
    if predicate is not None:
        return filtered(frame, predicate)
    if isinstance(key, slice):
        return _sliced(frame, key)
    if isinstance(key, list | pd.Index) and not isinstance(key, pd.MultiIndex):
        labels = label_list(frame, key)
        if len(set(labels)) == len(labels) and labels:
            return frame.select(labels)
    raise NotNative(f"a key of type {type(key).__name__}")


@native(pd.Series, name="__getitem__")
def series_item(series: SeriesState, key: Any) -> SeriesState:
    if isinstance(key, slice):
        result: SeriesState = _sliced(series, key)
        return result
    predicate = predicate_of(series.rows, key, series.index)
    if predicate is None:
        raise NotNative(f"a key of type {type(key).__name__}")
    return masked_series(series, predicate)


def masked_series(series: SeriesState, predicate: Expr) -> SeriesState:
    """The values for which the predicate holds."""
    pinned = series.pinned()
    return replace(pinned, rows=Filter(pinned.rows, predicate))


def _sliced(frame: Any, key: slice) -> Any:
    """A slice of positions, as ``df[:10]``; labels are pandas' matter."""
    bounds = (key.start, key.stop)
    if key.step not in (None, 1) or not all(b is None or isinstance(b, int) for b in bounds):
        raise NotNative("a slice of labels or with a step")
    start, stop = key.start or 0, key.stop
    if start < 0 or (stop is not None and stop < 0):
        start, stop, _ = key.indices(engine.count_rows(frame.rows))
    return first_rows(frame, start, None if stop is None else max(stop - start, 0))


def first_rows(state: Any, offset: int, length: int | None) -> Any:
    """Consecutive rows; a RangeIndex stays one."""
    index = state.index
    if isinstance(index, RangeSpec):
        height = engine.count_rows(state.rows) if offset else 0
        start = index.start + min(offset, height) * index.step
        index = RangeSpec(start, index.step, index.name)
    return replace(state, rows=Slice(state.rows, offset, length), index=index)


def _count(state: Any, n: Any) -> int:
    """A number of rows; a negative one means all but so many."""
    if not isinstance(n, int):
        raise NotNative("a number of rows that is no integer")
    return n if n >= 0 else max(engine.count_rows(state.rows) + n, 0)


@native(pd.DataFrame, pd.Series)
def head(state: Any, n: int = 5) -> Any:
    return first_rows(state, 0, _count(state, n))


@native(pd.DataFrame, pd.Series)
def tail(state: Any, n: int = 5) -> Any:
    if isinstance(state.index, RangeSpec):
        height = engine.count_rows(state.rows)
        return first_rows(state, max(height - _count(state, n), 0), None)
    kept = _count(state, n)
    rows = Slice(state.rows, -kept, None) if kept else Slice(state.rows, 0, 0)
    return replace(state, rows=rows)


@native(pd.DataFrame, pd.Series)
def copy(state: Any, deep: bool = True) -> Any:
    return state


@native(pd.DataFrame)
def drop(
    frame: FrameState,
    labels: Any = None,
    axis: Any = 0,
    index: Any = None,
    columns: Any = None,
    errors: str = "raise",
) -> FrameState:
    by_columns = axis in _AXIS_COLUMNS
    if not (index is None and columns is None) and (labels is not None or by_columns):
        raise NotNative("labels or axis beside index or columns")
    if labels is not None and by_columns:
        columns = labels
    elif labels is not None:
        index = labels
    if columns is not None:
        given = [columns] if isinstance(columns, str) or not is_list_like(columns) else columns
        known = [label for label in given if label in frame.columns]
        dropped = set(known if errors == "ignore" else label_list(frame, columns))
        if len(dropped) == len(frame.columns):
            raise NotNative("a frame without columns")
        frame = frame.select(label for label in frame.columns if label not in dropped)
    return frame if index is None else without_rows(frame, index, errors)


def without_rows(state: Any, labels: Any, errors: Any) -> Any:
    """The rows without some labels, which pandas' own index finds.

    Raises:
        KeyError: a label is not there.
    """
    if isinstance(state.index, Levels) and len(state.index.exprs) > 1:
        raise NotNative("labels of several levels")
    index = computed_index(state)
    given = labels if is_list_like(labels) else [labels]
    rest = index.drop(given, errors=errors)  # pandas words the error
    kept = held(state.rows, index.isin(rest))
    pinned = state.pinned()
    return replace(pinned, rows=Filter(pinned.rows, kept))


@native(pd.DataFrame)
def rename(
    frame: FrameState, mapper: Any = None, index: Any = None, columns: Any = None, axis: Any = None
) -> FrameState:
    if axis is not None and (index is not None or columns is not None):
        raise NotNative("an axis beside index or columns")
    if mapper is not None and axis in _AXIS_COLUMNS and columns is None:
        mapper, columns = None, mapper
    if mapper is not None or (index is None and columns is None):
        raise NotNative("renaming without labels")
    if index is not None:
        frame = _rows_renamed(frame, index)
    if columns is None:
        return frame
    if isinstance(columns, Mapping):
        new = [columns.get(label, label) for label in frame.columns]
    elif callable(columns):
        new = [columns(label) for label in frame.columns]
    else:
        raise NotNative(f"new labels as {type(columns).__name__}")
    if not all(type(label) is str for label in new) or len(set(new)) < len(new):
        raise NotNative("labels that are not distinct strings")
    return replace(frame, columns=dict(zip(new, frame.columns.values(), strict=True)))


def _rows_renamed(frame: FrameState, mapper: Any) -> FrameState:
    """Other row labels, which pandas' own index gives."""
    if isinstance(frame.index, Levels) and len(frame.index.exprs) > 1:
        raise NotNative("labels of several levels")
    rename = (lambda v: mapper.get(v, v)) if isinstance(mapper, Mapping) else mapper
    if not callable(rename):
        raise NotNative(f"new labels as {type(mapper).__name__}")
    own: Any = computed_index(frame)
    renamed = own._transform_index(rename)
    return replace(frame, index=Levels((held(frame.rows, renamed.array),), (renamed.name,)))


@native(pd.DataFrame)
def add_prefix(frame: FrameState, prefix: str) -> FrameState:
    return replace(frame, columns={f"{prefix}{c}": e for c, e in frame.columns.items()})


@native(pd.DataFrame)
def add_suffix(frame: FrameState, suffix: str) -> FrameState:
    return replace(frame, columns={f"{c}{suffix}": e for c, e in frame.columns.items()})


def column_value(frame: FrameState, value: Any) -> Expr:
    """What is assigned to a column: an expression over the same rows, or a constant."""
    if isinstance(value, pd.Series):
        return over_rows(frame.rows, frame.index, value)
    if isinstance(value, LazyObject):
        raise NotNative(f"a column from {type(value).__name__}")
    if is_list_like(value):
        if isinstance(value, np.matrix):
            raise NotNative("a matrix as a column")
        return held(frame.rows, list(value) if isinstance(value, range) else value)
    constant = Literal(value)
    _ = SeriesState(frame.rows, constant, None).field
    return constant


@native(pd.DataFrame)
def assign(frame: FrameState, **kwargs: Any) -> FrameState:
    for label, value in kwargs.items():
        given = evaluated(frame, value)
        given = given(wrap(frame)) if callable(given) else given
        frame = set_column(frame, label, given)
    return frame


def new_label(label: Any) -> str:
    """A label that a lazy frame can have."""
    if type(label) is not str or label.startswith(HIDDEN):
        raise NotNative("labels that are not strings")
    return label


def set_column(frame: FrameState, label: Any, value: Any) -> FrameState:
    """``df[label] = value``."""
    if isinstance(value, pd.Series):
        frame, expr = aligned(frame, value)
        return frame.assign({new_label(label): expr})
    return frame.assign({new_label(label): column_value(frame, value)})


@native(pd.Series)
def to_frame(series: SeriesState, name: Any = no_default) -> FrameState:
    label = series.name if name is no_default else name
    return series.frame(new_label(label))


@native(pd.DataFrame)
def drop_duplicates(
    frame: FrameState, subset: Any = None, keep: Any = "first", ignore_index: bool = False
) -> FrameState:
    labels = list(frame.columns) if subset is None else label_list(frame, subset)
    if keep not in ("first", "last", False):
        raise NotNative("argument keep")
    _refuse_opaque(frame, labels)
    flat = frame.pinned().flat()
    result = flat.over(Distinct(flat.rows, tuple(labels), keep or "none"))
    return replace(result, index=RangeSpec()) if ignore_index else result


def _refuse_opaque(frame: FrameState, labels: list[str]) -> None:
    for label in labels:
        field = frame.fields[label]
        if field.kind == "opaque" and field.settled and not is_category(field.dtype):
            raise NotNative(f"comparing rows by {field.dtype}")
