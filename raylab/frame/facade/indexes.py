"""The row labels: columns to levels and back, levels dropped, named or swapped, rows by level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default
from pandas.api.types import is_list_like, is_scalar

from raylab.frame.execution import engine
from raylab.frame.facade.base import native
from raylab.frame.facade.operators import constant
from raylab.frame.facade.selection import label_list, new_label
from raylab.frame.facade.state import (
    FrameState,
    IndexSpec,
    Levels,
    RangeSpec,
    SeriesState,
    settle,
)
from raylab.frame.plan.expressions import Expr, call
from raylab.frame.plan.nodes import Filter
from raylab.frame.plan.schema import NotNative


@native(pd.DataFrame)
def reset_index(
    frame: FrameState, level: Any = None, drop: bool = False, names: Any = None
) -> FrameState:
    if level is not None and isinstance(frame.index, Levels) and len(frame.index.exprs) > 1:
        return _levels_reset(frame, frame.index, level, drop=drop, names=names)
    if level is not None:
        level_positions(frame.pinned().index, level)
    if drop:
        return replace(frame, index=RangeSpec())
    named = frame.pinned()
    index = named.index
    given = [names] if isinstance(names, str) else names
    if given is not None and (not isinstance(given, list) or len(given) != len(index.exprs)):  # type: ignore[union-attr]  # pinned
        raise NotNative("names that are no list with one for each level")
    labels = [_level_label(index, i, given) for i in range(len(index.exprs))]  # type: ignore[union-attr]  # pinned
    if any(label in frame.columns for label in labels):
        raise NotNative("an index level that is a column, too")
    levels = dict(zip(labels, index.exprs, strict=True))  # type: ignore[union-attr]  # pinned
    return replace(named, columns={**levels, **named.columns}, index=RangeSpec())


def level_positions(index: Any, level: Any) -> list[int]:
    """The positions of levels given by number or name.

    Raises:
        NotNative: one is not there, or several have the name; pandas words the error.
    """
    found = []
    for one in level if isinstance(level, list | tuple) else [level]:
        if index.names.count(one) == 1:
            found.append(index.names.index(one))
        elif isinstance(one, int) and -len(index.names) <= one < len(index.names):
            found.append(one % len(index.names))
        else:
            raise NotNative("a level that is not there, or several")
    return found


def _levels_reset(
    frame: FrameState, index: Levels, level: Any, *, drop: bool, names: Any
) -> FrameState:
    """Some levels of several as columns, or dropped."""
    chosen = sorted(level_positions(index, level))
    kept = [i for i in range(len(index.exprs)) if i not in chosen]
    if names is not None:
        raise NotNative("argument names beside level")
    spec: IndexSpec = RangeSpec()
    if kept:
        spec = index.some(kept)
    columns: dict[str, Expr] = {}
    if not drop:
        columns = {_level_label(index, i, None): index.exprs[i] for i in chosen}
        if columns.keys() & frame.columns.keys():
            raise NotNative("an index level that is a column, too")
    return replace(frame, columns={**columns, **frame.columns}, index=spec)


def _level_label(index: Any, position: int, names: Any) -> str:
    if names is not None:
        return new_label(names[position])
    name = index.names[position]
    if name is not None:
        return new_label(name)
    return "index" if len(index.exprs) == 1 else f"level_{position}"


@native(pd.DataFrame)
def set_index(frame: FrameState, keys: Any, drop: bool = True, append: bool = False) -> FrameState:
    labels = label_list(frame, keys)
    if len(set(labels)) < len(labels) or not labels:
        raise NotNative("one column as two levels, or none")
    exprs = tuple(settle(frame.column(label)).expr for label in labels)
    kept = [label for label in frame.columns if not (drop and label in labels)]
    if not kept:
        raise NotNative("a frame without columns")
    levels = Levels(exprs, tuple(labels))
    if append:
        frame = frame.pinned()
        old = frame.index
        assert isinstance(old, Levels)  # noqa: S101  it was pinned
        levels = Levels(old.exprs + exprs, old.names + levels.names)
    return replace(frame.select(kept), index=levels)


@native(pd.DataFrame, pd.Series)
def droplevel(state: Any, level: Any, axis: Any = 0) -> Any:
    index = _several(state, axis)
    dropped = set(level_positions(index, level))
    kept = [i for i in range(len(index.exprs)) if i not in dropped]
    if not kept:
        raise NotNative("an index without levels")
    return replace(state, index=index.some(kept))


def _several(state: Any, axis: Any = 0) -> Levels:
    """An index of several levels."""
    index = state.index
    if axis not in (0, "index") or not isinstance(index, Levels) or len(index.exprs) < 2:
        raise NotNative("argument axis, or an index of one level")
    return index


@native(pd.DataFrame, pd.Series)
def swaplevel(state: Any, i: Any = -2, j: Any = -1) -> Any:
    index = _several(state)
    one, other = level_positions(index, [i, j])
    order = list(range(len(index.exprs)))
    order[one], order[other] = order[other], order[one]
    return replace(state, index=index.some(order))


@native(pd.DataFrame, pd.Series)
def reorder_levels(state: Any, order: Any, axis: Any = 0) -> Any:
    index = _several(state, axis)
    positions = level_positions(index, list(order))
    if sorted(positions) != list(range(len(index.exprs))):
        raise NotNative("an order that is not of all levels")
    return replace(state, index=index.some(positions))


@native(pd.DataFrame, pd.Series)
def rename_axis(
    state: Any,
    mapper: Any = no_default,
    index: Any = no_default,
    columns: Any = no_default,
    axis: Any = 0,
) -> Any:
    if mapper is not no_default and axis in (1, "columns"):
        mapper, columns = no_default, mapper
    names = mapper if mapper is not no_default else index
    if columns is not no_default:
        if isinstance(state, SeriesState) or not (columns is None or is_scalar(columns)):
            raise NotNative("argument columns")
        state = replace(state, columns_name=columns)
    return state if names is no_default else replace(state, index=_renamed(state.index, names))


def _renamed(index: IndexSpec, names: Any) -> IndexSpec:
    levels = len(index.exprs) if isinstance(index, Levels) else 1
    if names is None or is_scalar(names):
        given = [names]
    elif is_list_like(names) and not isinstance(names, Mapping):
        given = list(names)
    else:
        raise NotNative(f"names as {type(names).__name__}")
    if len(given) != levels:
        raise NotNative("as many names as levels")
    if isinstance(index, RangeSpec):
        return replace(index, name=given[0])
    return replace(index, names=tuple(given))


@native(pd.DataFrame, pd.Series)
def xs(state: Any, key: Any, axis: Any = 0, level: Any = None, drop_level: bool = True) -> Any:
    index = _several(state, axis)
    if not is_scalar(key) or drop_level is not True:
        raise NotNative("a key of several levels, or argument drop_level")
    (position,) = [0] if level is None else level_positions(index, [level])
    return level_rows(state, position, key)


def level_rows(state: Any, level: int, label: Any) -> Any:
    """The rows with a label in a level, without that level: looks whether there are any.

    Raises:
        KeyError: there are none.
    """
    index = state.index
    assert isinstance(index, Levels)  # noqa: S101  the callers looked
    expr = index.exprs[level]
    here: Expr = call("eq", expr, constant(SeriesState(state.rows, expr, None), label))
    _ = SeriesState(state.rows, here, None).field
    found = Filter(state.rows, here)
    if not engine.has_rows(found):
        raise KeyError(label)
    kept = [i for i in range(len(index.exprs)) if i != level]
    return replace(state, rows=found, index=index.some(kept))


@native(pd.DataFrame)
def reindex(
    frame: FrameState, labels: Any = None, index: Any = None, columns: Any = None, axis: Any = None
) -> FrameState:
    if labels is not None and axis in (1, "columns") and columns is None:
        labels, columns = None, labels
    if labels is not None or index is not None or columns is None:
        raise NotNative("row labels")
    wanted = [new_label(label) for label in columns]
    if len(set(wanted)) < len(wanted) or not wanted:
        raise NotNative("no columns, or one twice")
    absent = call("absent", dtype=pd.Series([], dtype="float64").dtype)
    title = columns.name if isinstance(columns, pd.Index) else frame.columns_name
    chosen = {label: frame.columns.get(label, absent) for label in wanted}
    return replace(frame, columns=chosen, columns_name=title)
