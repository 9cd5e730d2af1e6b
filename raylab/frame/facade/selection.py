"""Choosing rows and columns: ``[]``, head and tail, drop, rename, assign, index changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default
from pandas.api.types import is_list_like

from raylab.frame.execution import engine
from raylab.frame.facade.base import LazyObject, native, state_of, wrap
from raylab.frame.facade.state import (
    FrameState,
    Levels,
    RangeSpec,
    SeriesState,
    same_rows,
    settle,
)
from raylab.frame.plan.expressions import Expr, Literal, call
from raylab.frame.plan.nodes import HIDDEN, Distinct, Filter, Node, Slice
from raylab.frame.plan.schema import NotNative

_AXIS_COLUMNS = (1, "columns")


def label_list(frame: FrameState, labels: Any) -> list[str]:
    """Labels as a list of known column labels.

    Raises:
        NotNative: one is unknown or not a string; pandas words the error.
    """
    found = [labels] if isinstance(labels, str) or not is_list_like(labels) else list(labels)
    if not all(type(label) is str and label in frame.columns for label in found):
        raise NotNative("labels that are not columns")
    return found


def predicate_of(rows: Node, mask: Any) -> Expr | None:
    """The expression of a boolean mask over the same rows; None when it is none."""
    if not isinstance(mask, pd.Series):
        return None
    state = state_of(mask)
    if not same_rows(state.rows, rows):
        raise NotNative("a mask over other rows")
    if state.field.kind != "bool":
        raise NotNative(f"a mask of {state.field.dtype}")
    predicate: Expr = state.expr
    return predicate


def filtered(frame: FrameState, predicate: Expr) -> FrameState:
    """The rows for which the predicate holds."""
    pinned = frame.pinned()
    return pinned.over(Filter(pinned.rows, predicate))


@native(pd.DataFrame)
def __getitem__(frame: FrameState, key: Any) -> Any:
    if type(key) is str and key in frame.columns:
        return frame.column(key)
    if isinstance(key, pd.Series):
        predicate = predicate_of(frame.rows, key)
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
    predicate = predicate_of(series.rows, key)
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
        raise NotNative("a slice counted from the end")
    return first_rows(frame, start, None if stop is None else max(stop - start, 0))


def first_rows(state: Any, offset: int, length: int | None) -> Any:
    """Consecutive rows; a RangeIndex stays one."""
    index = state.index
    if isinstance(index, RangeSpec):
        height = engine.count_rows(state.rows) if offset else 0
        start = index.start + min(offset, height) * index.step
        index = RangeSpec(start, index.step, index.name)
    return replace(state, rows=Slice(state.rows, offset, length), index=index)


def _count(n: Any) -> int:
    if not isinstance(n, int) or n < 0:
        raise NotNative("a number of rows that is negative or no integer")
    return n


@native(pd.DataFrame, pd.Series)
def head(state: Any, n: int = 5) -> Any:
    return first_rows(state, 0, _count(n))


@native(pd.DataFrame, pd.Series)
def tail(state: Any, n: int = 5) -> Any:
    if isinstance(state.index, RangeSpec):
        height = engine.count_rows(state.rows)
        return first_rows(state, max(height - _count(n), 0), None)
    offset = -_count(n)
    return replace(state, rows=Slice(state.rows, offset, None) if n else Slice(state.rows, 0, 0))


@native(pd.DataFrame, pd.Series)
def copy(state: Any, deep: bool = True) -> Any:
    return state


@native(pd.DataFrame)
def drop(
    frame: FrameState, labels: Any = None, axis: Any = 0, index: Any = None, columns: Any = None
) -> FrameState:
    if labels is not None and axis in _AXIS_COLUMNS and columns is None:
        labels, columns = None, labels
    if labels is not None or index is not None or columns is None:
        raise NotNative("dropping rows by label")
    dropped = set(label_list(frame, columns))
    if len(dropped) == len(frame.columns):
        raise NotNative("a frame without columns")
    return frame.select(label for label in frame.columns if label not in dropped)


@native(pd.DataFrame)
def rename(
    frame: FrameState, mapper: Any = None, index: Any = None, columns: Any = None, axis: Any = None
) -> FrameState:
    if mapper is not None and axis in _AXIS_COLUMNS and columns is None:
        mapper, columns = None, mapper
    if mapper is not None or index is not None or columns is None:
        raise NotNative("renaming row labels")
    if isinstance(columns, Mapping):
        new = [columns.get(label, label) for label in frame.columns]
    elif callable(columns):
        new = [columns(label) for label in frame.columns]
    else:
        raise NotNative(f"new labels as {type(columns).__name__}")
    if not all(type(label) is str for label in new) or len(set(new)) < len(new):
        raise NotNative("labels that are not distinct strings")
    return replace(frame, columns=dict(zip(new, frame.columns.values(), strict=True)))


@native(pd.DataFrame)
def add_prefix(frame: FrameState, prefix: str) -> FrameState:
    return replace(frame, columns={f"{prefix}{c}": e for c, e in frame.columns.items()})


@native(pd.DataFrame)
def add_suffix(frame: FrameState, suffix: str) -> FrameState:
    return replace(frame, columns={f"{c}{suffix}": e for c, e in frame.columns.items()})


def column_value(frame: FrameState, value: Any) -> Expr:
    """What is assigned to a column: an expression over the same rows, or a constant."""
    if isinstance(value, pd.Series):
        state = state_of(value)
        if not same_rows(state.rows, frame.rows):
            raise NotNative("a column over other rows")
        expr: Expr = state.expr
        return expr
    if is_list_like(value) or isinstance(value, LazyObject):
        raise NotNative(f"a column from {type(value).__name__}")
    constant = Literal(value)
    _ = SeriesState(frame.rows, constant, None).field
    return constant


@native(pd.DataFrame)
def assign(frame: FrameState, **kwargs: Any) -> FrameState:
    for label, value in kwargs.items():
        given = value(wrap(frame)) if callable(value) else value
        frame = frame.assign({_new_label(label): column_value(frame, given)})
    return frame


def _new_label(label: Any) -> str:
    if type(label) is not str or label.startswith(HIDDEN):
        raise NotNative("labels that are not strings")
    return label


def set_column(frame: FrameState, label: Any, value: Any) -> FrameState:
    """``df[label] = value``."""
    return frame.assign({_new_label(label): column_value(frame, value)})


@native(pd.DataFrame)
def reset_index(
    frame: FrameState, level: Any = None, drop: bool = False, names: Any = None
) -> FrameState:
    if level is not None:
        raise NotNative("argument level")
    if drop:
        return replace(frame, index=RangeSpec())
    named = frame.pinned()
    index = named.index
    given = [names] if isinstance(names, str) else names
    labels = [_level_label(index, i, given) for i in range(len(index.exprs))]  # type: ignore[union-attr]  # pinned
    if any(label in frame.columns for label in labels):
        raise NotNative("an index level that is a column, too")
    levels = dict(zip(labels, index.exprs, strict=True))  # type: ignore[union-attr]  # pinned
    return replace(named, columns={**levels, **named.columns}, index=RangeSpec())


def _level_label(index: Any, position: int, names: Any) -> str:
    if names is not None:
        return _new_label(names[position])
    name = index.names[position]
    if name is not None:
        return _new_label(name)
    return "index" if len(index.exprs) == 1 else f"level_{position}"


@native(pd.Series)
def to_frame(series: SeriesState, name: Any = no_default) -> FrameState:
    label = series.name if name is no_default else name
    return series.frame(_new_label(label))


@native(pd.DataFrame)
def set_index(frame: FrameState, keys: Any, drop: bool = True) -> FrameState:
    labels = label_list(frame, keys)
    if len(set(labels)) < len(labels):
        raise NotNative("one column as two levels")
    exprs = tuple(settle(frame.column(label)).expr for label in labels)
    kept = [label for label in frame.columns if not (drop and label in labels)]
    if not kept:
        raise NotNative("a frame without columns")
    return replace(frame.select(kept), index=Levels(exprs, tuple(labels)))


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
        if field.kind == "opaque" and field.settled:
            raise NotNative(f"comparing rows by {field.dtype}")


@native(pd.DataFrame)
def dropna(
    frame: FrameState, how: Any = no_default, subset: Any = None, ignore_index: bool = False
) -> FrameState:
    labels = list(frame.columns) if subset is None else label_list(frame, subset)
    if how not in (no_default, "any", "all"):
        raise NotNative("argument how")
    present = [call("notna", frame.columns[label]) for label in labels]
    predicate: Expr = present[0]
    for part in present[1:]:
        predicate = call("or" if how == "all" else "and", predicate, part)
    result = filtered(frame, predicate)
    return replace(result, index=RangeSpec()) if ignore_index else result
