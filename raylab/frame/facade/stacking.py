"""Rows of several frames one below the other, with common dtypes; melt, stack, explode."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_list_like

from raylab.frame.execution import engine
from raylab.frame.facade.base import native
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import (
    LEVEL,
    FrameState,
    Levels,
    Occurring,
    RangeSpec,
    SeriesState,
    value_node,
)
from raylab.frame.facade.string_methods import is_split
from raylab.frame.plan.expressions import Column, Expr, Literal, call
from raylab.frame.plan.nodes import (
    HIDDEN,
    Concat,
    Explode,
    Filter,
    Node,
    Project,
    RowNumber,
    Slice,
    Sort,
    hidden_name,
    typed,
)
from raylab.frame.plan.schema import Dtype, Field, NotNative, promoted, same_dtype

_VALUES = f"{HIDDEN}stacked"
_NUMBERS = ("int", "float")


def common_dtype(fields: list[Field | None]) -> Dtype:
    """The dtype of columns one below the other; None stands for rows without the column.

    Raises:
        NotNative: pandas makes objects of them.
    """
    known = [field for field in fields if field is not None]
    dtypes = [f.dtype if len(known) == len(fields) else promoted(f.dtype) for f in known]
    if all(same_dtype(dtypes[0], dtype) for dtype in dtypes):
        if dtypes[0] == np.dtype("object") and known[0].kind == "bool":
            raise NotNative("bools with missing values")
        return dtypes[0]
    if all(field.kind in _NUMBERS for field in known):
        return np.result_type(*dtypes)  # type: ignore[arg-type]  # numbers are NumPy dtypes
    raise NotNative(f"one column of {' and '.join(dict.fromkeys(map(str, dtypes)))}")


def in_dtype(expr: Expr, field: Field, dtype: Dtype) -> Expr:
    """The expression in a wider dtype."""
    return expr if same_dtype(field.dtype, dtype) else call("cast", expr, dtype=dtype)


def stacked(states: list[FrameState], labels: list[str]) -> FrameState:
    """The rows of all frames; a column that a frame does not have is missing in its rows.

    All indexes have as many levels; a RangeIndex is given up unless all are pinned.
    """
    states = [state.settled(state.columns) for state in states]
    columns: list[dict[str, Expr]] = [{} for _ in states]
    for label in labels:
        fields = [state.fields.get(label) for state in states]
        dtype = common_dtype(fields)
        for made, state, field in zip(columns, states, fields, strict=True):
            if field is None:
                made[label] = call("absent", dtype=dtype)
            else:
                made[label] = in_dtype(state.columns[label], field, dtype)
    first = states[0].index
    parts = []
    for made, state in zip(columns, states, strict=True):
        index = state.index
        if isinstance(first, Levels) and isinstance(index, Levels):
            if len(index.exprs) != len(first.exprs):
                raise NotNative("indexes with different numbers of levels")
        elif isinstance(index, Levels):
            index = RangeSpec()
        parts.append(value_node(replace(state, columns=made, index=index))[0])
    rows = Concat(tuple(parts))
    spec: Any = RangeSpec()
    if isinstance(first, Levels):
        levels = [f"{LEVEL}{i}" for i in range(len(first.exprs))]
        for level in levels:
            if not all(
                same_dtype(part.schema[level].dtype, rows.schema[level].dtype) for part in parts
            ):
                raise NotNative("index levels of different dtypes")
        spec = first.of(tuple(Column(level) for level in levels))
    return FrameState(rows, {label: Column(label) for label in labels}, spec)


# --- melt ---------------------------------------------------------------------------------------


def _chosen(frame: FrameState, labels: Any) -> list[str]:
    if labels is None:
        return []
    found = label_list(frame, labels)
    if len(set(found)) < len(found):
        raise NotNative("one column twice")
    return found


@native(pd.DataFrame)
def melt(
    frame: FrameState,
    id_vars: Any = None,
    value_vars: Any = None,
    var_name: Any = None,
    value_name: Any = "value",
    ignore_index: bool = True,
) -> FrameState:
    ids = _chosen(frame, id_vars)
    values = _chosen(frame, value_vars)
    if value_vars is None:
        values = [label for label in frame.columns if label not in ids]
    name: Any = var_name
    if var_name is None:
        name = "variable" if frame.columns_name is None else frame.columns_name
    titles = [*ids, name, value_name]
    fits = all(type(t) is str and not t.startswith(HIDDEN) for t in titles)
    if not values or not fits or len(set(titles)) < len(titles) or value_name in frame.columns:
        raise NotNative("no values, or names that are taken or no strings")
    frame = frame.select(dict.fromkeys([*ids, *values]))
    frame = replace(frame, index=RangeSpec()) if ignore_index else frame.pinned()
    parts = [
        replace(
            frame,
            columns={
                **{label: frame.columns[label] for label in ids},
                name: Literal(label),
                value_name: frame.columns[label],
            },
        )
        for label in values
    ]
    return stacked(parts, titles)


# --- stack --------------------------------------------------------------------------------------


def interleaved(
    frame: FrameState, columns: dict[Any, Expr], name: Hashable, levels: Any = None
) -> SeriesState:
    """Row after row its columns one below the other; their labels are the last index level.

    Args:
        frame: the rows and their index.
        columns: what is put below each other, by its label.
        name: of the new level.
        levels: the labels where they are to be other constants than strings.
    """
    pinned = frame.pinned()
    place = hidden_name(pinned.rows, "place")
    rows: Node = RowNumber(pinned.rows, place)
    fields: list[Field | None] = [typed(expr, pinned.rows) for expr in columns.values()]
    dtype = common_dtype(fields)
    index = pinned.index
    assert isinstance(index, Levels)  # noqa: S101  it was pinned
    parts = []
    for i, (label, expr) in enumerate(columns.items()):
        field = fields[i]
        assert field is not None  # noqa: S101  all columns exist
        shown = [(f"{LEVEL}{j}", level) for j, level in enumerate(index.exprs)]
        own = (f"{LEVEL}{len(shown)}", Literal(label if levels is None else levels[i]))
        value = (_VALUES, in_dtype(expr, field, dtype))
        order = ((place, Column(place)), (f"{HIDDEN}part", Literal(i)))
        parts.append(Project(rows, (value, *shown, own, *order)))
    by = (place, f"{HIDDEN}part")
    ordered = Sort(Concat(tuple(parts)), by, (False, False))
    names = (*index.names, name)
    exprs = tuple(Column(f"{LEVEL}{i}") for i in range(len(names)))
    labels = pd.Index(list(columns) if levels is None else levels)
    stored = (*_stored_levels(pinned.rows, index), labels)
    return SeriesState(
        ordered, Column(_VALUES), None, Levels(exprs, names, appearing=True, stored=stored)
    )


def _stored_levels(rows: Node, index: Levels) -> tuple[Any, ...]:
    """What the levels of an index store when another level comes below them."""
    if len(index.exprs) == 1:
        return (Occurring(rows, index.exprs[0], missing=True),)
    if index.stored:
        return index.stored
    return tuple(Occurring(rows, expr, sort=not index.appearing) for expr in index.exprs)


@native(pd.DataFrame)
def stack(frame: FrameState, level: Any = -1, future_stack: Any = True) -> SeriesState:
    if level not in (-1, 0) or future_stack is not True:
        raise NotNative("argument level or future_stack")
    frame = frame.settled(frame.columns)
    return interleaved(frame, dict(frame.columns), frame.columns_name)


def columns_below(frame: FrameState) -> SeriesState:
    """Column after column, as pandas' unstack of a frame with a single index level."""
    frame = frame.settled(frame.columns).pinned()
    index = frame.index
    assert isinstance(index, Levels)  # noqa: S101  it was pinned
    parts = []
    for label, expr in frame.columns.items():
        levels = Levels(
            (Literal(label), *index.exprs), (frame.columns_name, *index.names), appearing=True
        )
        parts.append(FrameState(frame.rows, {_VALUES: expr}, levels))
    return replace(stacked(parts, [_VALUES]).column(_VALUES), name=None)


# --- explode ------------------------------------------------------------------------------------


@native(pd.DataFrame)
def explode(frame: FrameState, column: Any, ignore_index: bool = False) -> FrameState:
    if is_list_like(column) and len(column) == 1:
        (column,) = column
    (label,) = label_list(frame, [column])
    if not is_split(frame.column(label)):
        raise NotNative("lists other than of split strings")
    (text,) = frame.columns[label].operands
    if not engine.has_rows(Slice(Filter(frame.rows, call("notna", text)), 0, 1)):
        return _without_lists(frame, label, ignore_index=ignore_index)
    flat = frame.pinned().flat()
    result = flat.over(Explode(flat.rows, label))
    return replace(result, index=RangeSpec()) if ignore_index else result


def _without_lists(frame: FrameState, label: str, *, ignore_index: bool) -> FrameState:
    """The rows as they are: nothing was split, for which pandas has floats."""
    if engine.count_rows(frame.rows):
        frame = frame.assign({label: call("absent", dtype=np.dtype("float64"))})
    return replace(frame, index=RangeSpec()) if ignore_index else frame


@native(pd.Series, name="explode")
def explode_series(series: SeriesState, ignore_index: bool = False) -> SeriesState:
    result = explode(series.frame(_VALUES), _VALUES, ignore_index).column(_VALUES)
    return replace(result, name=series.name)
