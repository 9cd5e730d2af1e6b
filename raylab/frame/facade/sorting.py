"""Sorting, and the largest and smallest rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.api.types import is_list_like

from raylab.frame.facade.base import native
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, SeriesState
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import HIDDEN, Slice, Sort
from raylab.frame.plan.schema import NotNative, is_category

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
) -> FrameState:
    labels = label_list(frame, by)
    if kind not in _STABLE or na_position not in ("first", "last") or not labels:
        raise NotNative("argument kind, na_position or no keys")
    directions = _directions(ascending, len(labels))
    result = sorted_rows(frame, labels, directions, nulls_last=na_position == "last")
    return replace(result, index=RangeSpec()) if ignore_index else result


@native(pd.Series, name="sort_values")
def sort_series(
    series: SeriesState,
    ascending: Any = True,
    kind: Any = "quicksort",
    na_position: str = "last",
    ignore_index: bool = False,
) -> SeriesState:
    frame = replace(series.frame(_VALUES))
    result = sort_frame(frame, [_VALUES], ascending, kind, na_position, ignore_index)
    return replace(result.column(_VALUES), name=series.name)


@native(pd.DataFrame)
def sort_index(frame: FrameState, ascending: Any = True, na_position: str = "last") -> FrameState:
    if isinstance(frame.index, RangeSpec) and ascending is True and frame.index.step > 0:
        return frame
    if na_position not in ("first", "last"):
        raise NotNative("argument na_position")
    flat = frame.pinned().flat()
    index = flat.index
    if not isinstance(index, Levels) or not all(isinstance(e, Column) for e in index.exprs):
        raise NotNative("an index that is computed")
    names = tuple(e.name for e in index.exprs if isinstance(e, Column))
    if any(flat.rows.schema[name].kind == "opaque" for name in names):
        raise NotNative("sorting by an index of another kind")
    directions = _directions(ascending, len(names))
    return flat.over(Sort(flat.rows, names, directions, na_position == "last"))


def _extreme_rows(
    frame: FrameState, n: Any, columns: Any, keep: str, *, largest: bool
) -> FrameState:
    labels = label_list(frame, columns)
    numbers = all(frame.fields[label].kind in ("int", "float", "datetime") for label in labels)
    if keep != "first" or not isinstance(n, int) or n < 0 or not labels or not numbers:
        raise NotNative("argument keep, n or columns")
    ordered = sorted_rows(frame, labels, (largest,) * len(labels))
    return ordered.over(Slice(ordered.rows, 0, n))


@native(pd.DataFrame)
def nlargest(frame: FrameState, n: Any, columns: Any, keep: str = "first") -> FrameState:
    return _extreme_rows(frame, n, columns, keep, largest=True)


@native(pd.DataFrame)
def nsmallest(frame: FrameState, n: Any, columns: Any, keep: str = "first") -> FrameState:
    return _extreme_rows(frame, n, columns, keep, largest=False)
