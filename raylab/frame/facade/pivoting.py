"""Rows to columns: pivot, pivot_table, unstack, crosstab. One look at the labels, then lazy."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import no_default
from pandas.api.types import is_list_like, is_scalar

from raylab.frame.execution import engine
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.aggregating import aggregate_frame
from raylab.frame.facade.base import native
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.grouping import groupby, one_function
from raylab.frame.facade.labelling import MOST, labelled, occurring
from raylab.frame.facade.operators import constant
from raylab.frame.facade.selection import filtered, label_list
from raylab.frame.facade.stacking import columns_below, common_dtype, in_dtype
from raylab.frame.facade.state import FrameState, Levels, SeriesState, settle
from raylab.frame.plan.expressions import Column, Expr, Literal, balanced, call
from raylab.frame.plan.nodes import (
    HIDDEN,
    Aggregate,
    AggregateCall,
    Filter,
    Node,
    Project,
    Slice,
    typed,
)
from raylab.frame.plan.schema import NotNative

_COUNT = f"{HIDDEN}count"


def spread(
    rows: Node,
    keys: tuple[tuple[Hashable, Expr], ...],
    on: tuple[Hashable, Expr],
    values: dict[str, Expr],
    fill_value: Any = None,
) -> tuple[FrameState, pd.Index]:
    """One row per key and one column per value and label of ``on``; and the labels: a trigger.

    Args:
        rows: what is spread; no two rows agree in keys and label.
        keys: the index of the result, sorted.
        on: what gives the labels.
        values: the cells.
        fill_value: of cells that no row gives.

    Raises:
        NotNative: labels or keys are missing, two rows give one cell (pandas words the error), or
            the result is too wide.
    """
    exprs = [expr for _, expr in keys]
    for expr in (*exprs, on[1]):
        field = typed(expr, rows)
        if field.kind == "opaque":
            raise NotNative(f"labels of {field.dtype}")
        if field.may_miss and engine.has_rows(Slice(Filter(rows, call("isna", expr)), 0, 1)):
            raise NotNative("missing labels")
    labels, _ = occurring(rows, on[1], on[0])
    if not len(labels) or len(labels) * len(values) > MOST:
        raise NotNative("no labels, or a frame that is too wide")
    _refuse_twice(rows, (*exprs, on[1]))
    series = SeriesState(rows, on[1], None)
    calls: list[tuple[str, AggregateCall]] = []
    for value in values.values():
        for label in labels:
            here = call("eq", on[1], constant(series, label))
            calls.append((f"{HIDDEN}{len(calls)}", AggregateCall("min", call("cell", here, value))))
    named = tuple((f"{HIDDEN}key{i}", expr) for i, expr in enumerate(exprs))
    cells: Node = Aggregate(rows, named, tuple(calls))
    columns: dict[str, Expr] = {}
    holes: list[tuple[str, Expr]] = []
    for first in range(0, len(calls), len(labels)):
        same = [Column(name) for name, _ in calls[first : first + len(labels)]]
        if fill_value is None:
            holes.append((f"{HIDDEN}hole{first}", balanced("or", [call("isna", c) for c in same])))
            shown = [call("cell_or_missing", column, Column(holes[-1][0])) for column in same]
        else:
            shown = [call("fillna", column, Literal(fill_value)) for column in same]
        columns |= {f"{first + i}": column for i, column in enumerate(shown)}
    if holes:  # told once for all columns
        cells = Project(cells, (*((name, Column(name)) for name in cells.schema), *holes))
    levels = Levels(tuple(Column(n) for n, _ in named), tuple(name for name, _ in keys))
    state = FrameState(cells, columns, levels)
    _ = state.fields
    return state, labels


def _refuse_twice(rows: Node, exprs: tuple[Expr, ...]) -> None:
    named = tuple((f"{HIDDEN}key{i}", expr) for i, expr in enumerate(exprs))
    if rows.unique is not None and rows.unique <= {e.name for e in exprs if isinstance(e, Column)}:
        return
    size = (_COUNT, AggregateCall("size", Literal(True)))
    twice = call("gt", Column(_COUNT), Literal(1))
    if engine.has_rows(Filter(Aggregate(rows, named, (size,)), twice)):
        raise NotNative("several rows for one cell")


def _under(values: list[str], labels: pd.Index, outer: Hashable = None) -> pd.MultiIndex:
    """The labels below each of the values."""
    levels: Any = [pd.Index(values), labels]
    codes: Any = np.divmod(np.arange(len(values) * len(labels)), len(labels))
    return pd.MultiIndex(levels, codes, names=[outer, labels.name])


# --- unstack ------------------------------------------------------------------------------------


def _level(index: Levels, level: Any) -> int:
    """The position of a level given by number or name."""
    if isinstance(level, list) and len(level) == 1:
        (level,) = level
    if not isinstance(level, bool) and isinstance(level, int) and level not in index.names:
        return range(len(index.exprs))[level]
    if index.names.count(level) != 1:
        raise NotNative("a level that is not there, or several")
    return index.names.index(level)


def _unstacked(frame: FrameState, level: Any, fill_value: Any) -> tuple[FrameState, pd.Index]:
    index = frame.index
    assert isinstance(index, Levels)  # noqa: S101  the callers looked
    if index.appearing:
        raise NotNative("levels in the order of their appearance")
    frame = frame.settled(frame.columns)
    position = _level(index, level)
    if fill_value is not None and any(field.may_miss for field in frame.fields.values()):
        raise NotNative("fill_value beside missing values")
    named = list(zip(index.names, index.exprs, strict=True))
    on = named.pop(position)
    return spread(frame.rows, tuple(named), on, dict(frame.columns), fill_value)


def _has_levels(state: Any) -> bool:
    return isinstance(state.index, Levels) and len(state.index.exprs) > 1


@native(pd.Series, name="unstack")
def unstack_series(
    series: SeriesState, level: Any = -1, fill_value: Any = None, sort: bool = True
) -> Any:
    if not _has_levels(series) or not sort:
        raise NotNative("an index of one level, or argument sort")
    if any(isinstance(name, tuple) for name in series.index.names):  # type: ignore[union-attr]
        raise NotNative("names of levels that are tuples")
    return labelled(*_unstacked(series.frame("values"), level, fill_value))


@native(pd.DataFrame, name="unstack")
def unstack_frame(
    frame: FrameState, level: Any = -1, fill_value: Any = None, sort: bool = True
) -> Any:
    if not sort:
        raise NotNative("argument sort")
    if not _has_levels(frame):
        if level not in (-1, 0):
            raise NotNative("a level by its name")
        return columns_below(frame)
    state, labels = _unstacked(frame, level, fill_value)
    return labelled(state, _under(list(frame.columns), labels, frame.columns_name))


# --- pivot --------------------------------------------------------------------------------------


@native(pd.DataFrame)
def pivot(
    frame: FrameState, *, columns: Any, index: Any = no_default, values: Any = no_default
) -> Any:
    (on,) = label_list(frame, columns) if not is_list_like(columns) else (None,)
    if on is None or frame.columns_name is not None:
        raise NotNative("several columns, or a name of the columns")
    frame = frame.settled(frame.columns)
    keys: tuple[tuple[Hashable, Expr], ...]
    if index is no_default:
        pinned = frame.pinned()
        frame, level = pinned, pinned.index
        assert isinstance(level, Levels)  # noqa: S101  it was pinned
        keys, taken = tuple(zip(level.names, level.exprs, strict=True)), set()
    else:
        names = label_list(frame, index)
        keys, taken = tuple((name, frame.columns[name]) for name in names), set(names)
    if values is no_default:
        chosen = [label for label in frame.columns if label not in taken and label != on]
    else:
        chosen = label_list(frame, values)
    cells = {label: frame.columns[label] for label in chosen}
    if not cells:
        raise NotNative("no values")
    if values is not no_default and len(cells) > 1:
        # pandas puts the values into one array.
        dtype = common_dtype([frame.fields[label] for label in cells])
        cells = {c: in_dtype(expr, frame.fields[c], dtype) for c, expr in cells.items()}
    state, labels = spread(frame.rows, keys, (on, frame.columns[on]), cells)
    if isinstance(values, str):
        return labelled(state, labels)
    return labelled(state, _under(list(cells), labels))


# --- pivot_table --------------------------------------------------------------------------------


@native(pd.DataFrame)
def pivot_table(
    frame: FrameState,
    values: Any = None,
    index: Any = None,
    columns: Any = None,
    aggfunc: Any = "mean",
    fill_value: Any = None,
    dropna: bool = True,
    observed: bool = True,
    sort: bool = True,
) -> Any:
    by = [] if index is None else label_list(frame, index)
    on = [] if columns is None else label_list(frame, columns)
    if not by or len(on) > 1 or not dropna or not sort or set(by) & set(on):
        raise NotNative("no index, several columns, or argument dropna or sort")
    if frame.columns_name is not None or not (fill_value is None or is_scalar(fill_value)):
        raise NotNative("a name of the columns, or fill_value")
    groups = groupby(frame, [*by, *on], observed=observed)
    chosen = groups.values if values is None else label_list(frame, values)
    if set(chosen) & {*by, *on} or len(set(chosen)) < len(chosen) or not chosen:
        raise NotNative("keys as values, one twice, or none")
    groups = replace(groups, selected=tuple(chosen))
    if isinstance(aggfunc, dict):
        if not all(isinstance(function, str) for function in aggfunc.values()):
            raise NotNative("several functions of a column")
        table: FrameState = aggregate_frame(groups, aggfunc)
    elif isinstance(aggfunc, str):
        table = one_function(groups, *_known(aggfunc))
    else:
        raise NotNative(f"aggregation {aggfunc!r}")
    present = [call("notna", expr) for expr in table.columns.values()]
    if any(field.may_miss for field in table.fields.values()):
        table = filtered(table, balanced("or", present))
    if not on:
        return _without_columns(table, fill_value)
    return _with_columns(table, fill_value, several=not isinstance(values, str))


def _known(aggfunc: str) -> tuple[str]:
    if aggfunc not in ("sum", "mean", "min", "max", "median", "count", "nunique", "first", "last"):
        raise NotNative(f"aggregation {aggfunc!r}")
    return (aggfunc,)


def _without_columns(table: FrameState, fill_value: Any) -> FrameState:
    """The groups themselves, their columns sorted and those without any value left out."""
    if not engine.has_rows(Slice(table.rows, 0, 1)):
        raise NotNative("no groups")
    table = table.select(sorted(table.columns))
    doubtful = [label for label, field in table.fields.items() if field.may_miss]
    if doubtful:
        calls = tuple((c, AggregateCall("count", table.columns[c])) for c in doubtful)
        row = engine.reduce_rows(table.rows, calls)
        empty = {label for label in doubtful if not row[label][0]}
        table = table.select(label for label in table.columns if label not in empty)
    if not table.columns:
        raise NotNative("a frame without columns")
    if fill_value is None:
        return table
    return table.assign(
        {c: call("fillna", table.columns[c], Literal(fill_value)) for c in doubtful}
    )


def _with_columns(table: FrameState, fill_value: Any, *, several: bool) -> Any:
    table = table.select(sorted(table.columns)).settled(table.columns)
    index = table.index
    assert isinstance(index, Levels)  # noqa: S101  keys are the index
    *keys, on = zip(index.names, index.exprs, strict=True)
    state, labels = spread(table.rows, tuple(keys), on, dict(table.columns), fill_value)
    if not several:
        return labelled(state, labels)
    frame = compute_frame(state)
    frame.columns = _under(list(table.columns), labels)
    return adopt(frame.dropna(how="all", axis=1))


# --- crosstab -----------------------------------------------------------------------------------


def cross_counts(rows: SeriesState, columns: SeriesState) -> Any:
    """How often values occur together; both series have the same rows."""
    one, other = settle(rows), settle(columns)
    if rows.name == columns.name:
        raise NotNative("two series of one name")
    node: Node = one.rows
    for series in (one, other):
        if series.field.may_miss:
            node = Filter(node, call("notna", series.expr))
    keys = ((f"{HIDDEN}row", one.expr), (f"{HIDDEN}column", other.expr))
    counted = Aggregate(node, keys, ((_COUNT, AggregateCall("size", Literal(True))),))
    state, labels = spread(
        counted,
        (("row_0" if one.name is None else one.name, Column(keys[0][0])),),
        ("col_0" if other.name is None else other.name, Column(keys[1][0])),
        {"count": Column(_COUNT)},
        fill_value=np.int64(0).item(),
    )
    return labelled(state, labels)
