"""Rows and columns chosen by label, type, pattern or query; duplicates; assignment by mask."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import no_default
from pandas.api.types import is_list_like, is_scalar

from raylab.frame.facade import running
from raylab.frame.facade.base import native
from raylab.frame.facade.elementwise import chosen
from raylab.frame.facade.indexes import reset_index
from raylab.frame.facade.selection import (
    column_value,
    evaluated,
    filtered,
    label_list,
    masked_series,
    predicate_of,
)
from raylab.frame.facade.sorting import extreme_rows, sort_index
from raylab.frame.facade.state import FrameState, RangeSpec, SeriesState, dtype_of
from raylab.frame.plan.expressions import Expr, Literal, balanced, call
from raylab.frame.plan.nodes import HIDDEN, Distinct
from raylab.frame.plan.schema import NotNative

_VALUES = f"{HIDDEN}chosen"


@native(pd.DataFrame, name="filter")
def filter_(
    frame: FrameState,
    arg: Any = None,
    like: Any = None,
    regex: Any = None,
    axis: Any = None,
    items: Any = None,
) -> FrameState:
    if isinstance(evaluated(frame, arg), pd.Series):
        raise NotNative("a condition on rows")
    if arg is not None and items is None and is_list_like(arg) and not isinstance(arg, pd.Series):
        arg, items = None, arg
    if arg is not None:
        raise NotNative("a condition on rows")
    if axis not in (None, 1, "columns") or sum(v is not None for v in (items, like, regex)) != 1:
        raise NotNative("labels of rows, or several conditions")
    if items is not None:
        if isinstance(items, pd.DataFrame) or not all(is_scalar(item) for item in items):
            raise NotNative("labels that are no scalars")
        labels = [label for label in items if label in frame.columns]
    elif like is not None:
        labels = [label for label in frame.columns if like in label]
    else:
        labels = [label for label in frame.columns if re.search(regex, label) is not None]
    if not labels or len(set(labels)) < len(labels):
        raise NotNative("no columns, or one twice")
    return frame.select(labels)


@native(pd.DataFrame)
def select_dtypes(frame: FrameState, include: Any = None, exclude: Any = None) -> FrameState:
    empty = pd.DataFrame({c: pd.Series([], dtype=dtype_of(f)) for c, f in frame.fields.items()})
    labels = list(empty.select_dtypes(include=include, exclude=exclude).columns)
    if not labels:
        raise NotNative("a frame without columns")
    return frame.select(labels)


@native(pd.Series, name="dropna")
def dropna_series(series: SeriesState, ignore_index: bool = False) -> SeriesState:
    result = masked_series(series, call("notna", series.expr))
    return replace(result, index=RangeSpec()) if ignore_index else result


@native(pd.DataFrame)
def dropna(
    frame: FrameState,
    axis: Any = 0,
    how: Any = no_default,
    thresh: Any = no_default,
    subset: Any = None,
    ignore_index: bool = False,
) -> FrameState:
    if axis not in (0, "index"):
        raise NotNative("argument axis")
    labels = list(frame.columns) if subset is None else label_list(frame, subset)
    present: list[Expr] = [call("notna", frame.columns[label]) for label in labels]
    predicate: Expr
    if thresh is not no_default and thresh is not None:
        if how is not no_default or not isinstance(thresh, int):
            raise NotNative("argument thresh beside how")
        integers: list[Expr] = [call("cast", p, dtype=np.dtype("int64")) for p in present]
        predicate = call("ge", balanced("add", integers), Literal(thresh))
    elif how in (no_default, "any", "all"):
        predicate = balanced("or" if how == "all" else "and", present)
    else:
        raise NotNative("argument how")
    result = filtered(frame, predicate)
    return replace(result, index=RangeSpec()) if ignore_index else result


# --- duplicates ---------------------------------------------------------------------------------


def _duplicated(frame: FrameState, labels: list[str], keep: Any) -> SeriesState:
    frame = frame.settled(labels)
    keys = tuple(frame.columns[label] for label in labels)
    if any(frame.fields[label].kind == "opaque" for label in labels):
        raise NotNative("comparing rows by columns without kernels")
    if keep in ("first", "last"):
        earlier = running.over(
            frame.rows, "cumcount", keys[0], keys, dropna=False, ascending=keep == "first"
        )
        repeated = call("gt", earlier, Literal(0))
    elif keep is False:
        size = running.over(
            frame.rows, "of_group", Literal(True), keys, dropna=False, aggregate="size"
        )
        repeated = call("gt", size, Literal(1))
    else:
        raise NotNative("argument keep")
    return SeriesState(frame.rows, repeated, None, frame.index)


@native(pd.DataFrame)
def duplicated(frame: FrameState, subset: Any = None, keep: Any = "first") -> SeriesState:
    labels = list(frame.columns) if subset is None else label_list(frame, subset)
    return _duplicated(frame, labels, keep)


@native(pd.Series, name="duplicated")
def duplicated_series(series: SeriesState, keep: Any = "first") -> SeriesState:
    return replace(_duplicated(series.frame(_VALUES), [_VALUES], keep), name=series.name)


@native(pd.Series, name="drop_duplicates")
def drop_duplicates_series(
    series: SeriesState, keep: Any = "first", ignore_index: bool = False
) -> SeriesState:
    if keep not in ("first", "last", False):
        raise NotNative("argument keep")
    flat = series.frame(_VALUES).settled([_VALUES]).pinned().flat()
    if flat.fields[_VALUES].kind == "opaque":
        raise NotNative(f"comparing {flat.fields[_VALUES].dtype}")
    result = flat.over(Distinct(flat.rows, (_VALUES,), keep or "none")).column(_VALUES)
    index = RangeSpec() if ignore_index else result.index
    return replace(result, name=series.name, index=index)


# --- names and indexes --------------------------------------------------------------------------


@native(pd.Series, name="rename")
def rename_series(series: SeriesState, index: Any = None) -> SeriesState:
    if not (is_scalar(index) or index is None) or callable(index):
        raise NotNative("new row labels")
    return replace(series, name=index)


@native(pd.Series, name="reset_index")
def reset_series(
    series: SeriesState,
    level: Any = None,
    drop: bool = False,
    name: Any = no_default,
) -> Any:
    if level is not None:
        raise NotNative("argument level")
    if drop:
        return replace(series, index=RangeSpec())
    label = series.name if name is no_default else name
    if type(label) is not str or label.startswith(HIDDEN):
        raise NotNative("a series without a name")
    return reset_index(series.frame(label))


@native(pd.Series, name="sort_index")
def sort_series_index(
    series: SeriesState,
    level: Any = None,
    ascending: Any = True,
    kind: Any = "quicksort",
    na_position: str = "last",
    sort_remaining: bool = True,
    ignore_index: bool = False,
) -> SeriesState:
    options = (level, ascending, kind, na_position, sort_remaining, ignore_index)
    result = sort_index(series.frame(_VALUES), 0, *options).column(_VALUES)
    return replace(result, name=series.name)


def _extremes(name: str, *, largest: bool) -> None:
    def extreme(series: SeriesState, n: Any = 5, keep: str = "first") -> SeriesState:
        frame = series.frame(_VALUES)
        if not isinstance(n, int) or n < 0:
            raise NotNative("argument n")
        found = extreme_rows(frame, n, [_VALUES], keep, largest=largest)
        return replace(found.column(_VALUES), name=series.name)

    native(pd.Series, name=name)(extreme)


_extremes("nlargest", largest=True)
_extremes("nsmallest", largest=False)


# --- assignment by mask -------------------------------------------------------------------------


def set_rows(frame: FrameState, key: Any, value: Any) -> FrameState:
    """``df.loc[mask, column] = value``: another expression over the same rows.

    Raises:
        NotNative: rows by label, several columns, or a value of another dtype than the column's.
    """
    if not isinstance(key, tuple) or len(key) != 2:
        raise NotNative("an assignment to whole rows")
    rows, label = key
    labels = [label] if isinstance(label, str) else label
    if isinstance(labels, slice) or not is_list_like(labels):
        raise NotNative("columns other than labels")
    everything = isinstance(rows, slice) and rows == slice(None)
    predicate = None if everything else predicate_of(frame.rows, rows, frame.index)
    if predicate is None or not all(c in frame.columns for c in labels):
        raise NotNative("row labels, or new columns")
    if not is_scalar(value) and not isinstance(value, pd.Series):
        raise NotNative(f"values of type {type(value).__name__}")
    changes = {}
    for column in labels:
        series = frame.column(column)
        if is_scalar(value) and pd.isna(value):
            raise NotNative("a missing value")
        if isinstance(value, pd.Series):
            column_value(frame, value)  # refuses other rows
        result = chosen(series, call("not", predicate), value)
        if result.field.dtype != series.field.dtype:
            raise NotNative("a value of another dtype, which pandas refuses")
        changes[column] = result.expr
    return frame.assign(changes)
