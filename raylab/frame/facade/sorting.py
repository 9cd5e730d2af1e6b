"""Sorting, and the largest and smallest rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.api.types import is_list_like

from raylab.frame.facade.base import native, state_of, wrap
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.indexes import level_positions
from raylab.frame.facade.operators import constant
from raylab.frame.facade.selection import label_list, unambiguous
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, SeriesState, same_rows
from raylab.frame.plan.expressions import Column, Expr, call
from raylab.frame.plan.nodes import HIDDEN, Filter, Node, RowNumber, Slice, Sort, hidden_name
from raylab.frame.plan.schema import NotNative, is_category

_BY = f"{HIDDEN}by"
_VALUES = f"{HIDDEN}values"
_STABLE = ("quicksort", "mergesort", "stable", "heapsort")


def _directions(ascending: Any, keys: int) -> tuple[bool, ...]:
    given = list(ascending) if is_list_like(ascending) else [ascending] * keys
    if len(given) != keys or not all(isinstance(up, bool | int) for up in given):
        raise NotNative("directions that do not fit the keys")
    return tuple(not up for up in given)


def sorted_rows(
    frame: FrameState, labels: list[str], descending: tuple[bool, ...], *, nulls_last: bool = True
) -> FrameState:
    """The rows by columns; ties keep their order."""
    frame = frame.settled(labels)
    for label in labels:
        field = frame.fields[label]
        if field.kind == "opaque" and not (field.settled and is_category(field.dtype)):
            raise NotNative(f"sorting by {frame.fields[label].dtype}")
    if len(set(labels)) < len(labels):
        raise NotNative("sorting twice by one column")
    flat = frame.pinned().flat()
    return flat.over(Sort(flat.rows, tuple(labels), descending, nulls_last))


@native(pd.DataFrame, name="sort_values")
def sort_frame(
    frame: FrameState,
    by: Any,
    ascending: Any = True,
    kind: Any = "quicksort",
    na_position: str = "last",
    ignore_index: bool = False,
    key: Any = None,
) -> FrameState:
    shown = list(frame.columns)
    frame, labels = _keys(frame, by, key)
    if kind not in _STABLE or na_position not in ("first", "last") or not labels:
        raise NotNative("argument kind, na_position or no keys")
    directions = _directions(ascending, len(labels))
    result = sorted_rows(frame, labels, directions, nulls_last=na_position == "last").select(shown)
    return replace(result, index=RangeSpec()) if ignore_index else result


def _keys(frame: FrameState, by: Any, key: Any) -> tuple[FrameState, list[str]]:
    """The frame with what it is sorted by as columns, and their labels."""
    index = frame.index
    named = index.names if isinstance(index, Levels) else ()
    given = [by] if isinstance(by, str) else by
    if isinstance(given, list):
        unambiguous(frame, given)
    if not isinstance(given, list) or not any(k in named and k not in frame.columns for k in given):
        labels = label_list(frame, by)
        if key is None:
            return frame, labels
        exprs = {label: frame.columns[label] for label in labels}
    else:
        assert isinstance(index, Levels)  # noqa: S101  it has names
        levels = dict(zip(index.names, index.exprs, strict=True))
        exprs = {k: frame.columns[k] if k in frame.columns else levels[k] for k in given}
    hidden: dict[str, Expr] = {}
    for i, (name, expr) in enumerate(exprs.items()):
        hidden[f"{HIDDEN}by{i}"] = (
            expr if key is None else _through(SeriesState(frame.rows, expr, name), key)
        )
    return frame.assign(hidden), list(hidden)


def _through(series: SeriesState, key: Any) -> Expr:
    """A key as a function of series sees it; pandas takes the values, whatever their labels."""
    result = key(wrap(series))
    state = state_of(result) if isinstance(result, pd.Series) else None
    if not isinstance(state, SeriesState) or not same_rows(state.rows, series.rows):
        raise NotNative("a key that gives other rows")
    return state.expr


@native(pd.Series, name="sort_values")
def sort_series(
    series: SeriesState,
    ascending: Any = True,
    kind: Any = "quicksort",
    na_position: str = "last",
    ignore_index: bool = False,
    key: Any = None,
) -> SeriesState:
    frame, by = series.frame(_VALUES), _VALUES
    if key is not None:
        frame, by = frame.assign({_BY: _through(series, key)}), _BY
    result = sort_frame(frame, [by], ascending, kind, na_position, ignore_index)
    return replace(result.column(_VALUES), name=series.name)


@native(pd.DataFrame)
def sort_index(
    frame: FrameState,
    axis: Any = 0,
    level: Any = None,
    ascending: Any = True,
    kind: Any = "quicksort",
    na_position: str = "last",
    sort_remaining: bool = True,
    ignore_index: bool = False,
) -> FrameState:
    if axis in (1, "columns"):
        if level is not None or not isinstance(ascending, bool) or ignore_index:
            raise NotNative("sorting the columns by levels")
        return frame.select(sorted(frame.columns, reverse=not ascending))
    if axis not in (0, "index") or na_position not in ("first", "last") or kind not in _STABLE:
        raise NotNative("argument axis, na_position or kind")
    if isinstance(frame.index, RangeSpec) and ascending is True and frame.index.step > 0:
        return replace(frame, index=RangeSpec()) if ignore_index else frame
    flat = frame.pinned().flat()
    index = flat.index
    if not isinstance(index, Levels) or not all(isinstance(e, Column) for e in index.exprs):
        raise NotNative("an index that is computed")
    names = [e.name for e in index.exprs if isinstance(e, Column)]
    if any(flat.rows.schema[name].kind == "opaque" for name in names):
        raise NotNative("sorting by an index of another kind")
    if level is not None and len(names) > 1:
        first = level_positions(index, level)
        if not isinstance(ascending, bool):
            raise NotNative("directions of some levels")
        rest = [i for i in range(len(names)) if i not in first] if sort_remaining else []
        names = [names[i] for i in (*first, *rest)]
    directions = _directions(ascending, len(names))
    nulls_last = na_position == "last"
    if index.missing_last and len(names) > 1:
        if len(set(directions)) > 1:
            raise NotNative("levels with missing values in several directions")
        nulls_last = not directions[0]
    result = flat.over(Sort(flat.rows, tuple(names), directions, nulls_last))
    return replace(result, index=RangeSpec() if ignore_index else index.rising())


def extreme_rows(
    frame: FrameState, n: Any, labels: list[str], keep: str, *, largest: bool
) -> FrameState:
    """The rows with the largest or smallest values; missing values come last."""
    frame = frame.settled(labels)
    numbers = all(frame.fields[c].kind in ("int", "float", "datetime", "timedelta") for c in labels)
    if not isinstance(n, int) or n < 0 or not labels or not numbers:
        raise NotNative("argument n, or columns without an order")
    if keep == "first":
        ordered = sorted_rows(frame, labels, (largest,) * len(labels))
        return ordered.over(Slice(ordered.rows, 0, n))
    flat = frame.pinned().flat()
    if keep == "last":
        place = hidden_name(flat.rows, "place")
        rows: Node = RowNumber(flat.rows, place)
        by = (*labels, place)
        rows = Sort(rows, by, (*(largest for _ in labels), True))
        return flat.over(Slice(rows, 0, n))
    if keep != "all" or len(labels) > 1 or not n:
        raise NotNative("argument keep")
    (label,) = labels
    rows = Filter(flat.rows, call("notna", Column(label)))
    ordered = flat.over(Sort(rows, (label,), (largest,)))
    last = compute_frame(ordered.over(Slice(ordered.rows, n - 1, 1)).select([label]))[label]
    if not len(last):
        raise NotNative("fewer values than are asked for")
    bound = constant(ordered.column(label), last.iloc[0])
    reached = call("ge" if largest else "le", Column(label), bound)
    return ordered.over(Filter(ordered.rows, reached))


@native(pd.DataFrame)
def nlargest(frame: FrameState, n: Any, columns: Any, keep: str = "first") -> FrameState:
    return extreme_rows(frame, n, label_list(frame, columns), keep, largest=True)


@native(pd.DataFrame)
def nsmallest(frame: FrameState, n: Any, columns: Any, keep: str = "first") -> FrameState:
    return extreme_rows(frame, n, label_list(frame, columns), keep, largest=False)
