"""Rows by their positions, the labels of rows, and values in memory beside rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.execution import engine
from raylab.frame.facade.base import state_of
from raylab.frame.facade.dataframe import compute_frame, compute_index, range_index
from raylab.frame.facade.running import over
from raylab.frame.facade.state import IndexSpec, Levels, RangeSpec, same_labels, same_rows
from raylab.frame.plan.expressions import Expr, Literal
from raylab.frame.plan.fingerprint import new_token
from raylab.frame.plan.nodes import HIDDEN, Join, Node, Project, RowNumber, Scan, Slice, hidden_name
from raylab.frame.plan.schema import INT64, Field, NotNative, is_category, kind_of
from raylab.frame.plan.windows import HeldValues
from raylab.frame.sources.memory import FrameSource, field_of_array, to_polars


def computed_index(state: Any) -> pd.Index:
    """The row labels of a frame or series, without its columns: a trigger unless a range."""
    if isinstance(state.index, RangeSpec):
        return range_index(state.index, engine.count_rows(state.rows))
    names = [f"{HIDDEN}level{i}" for i in range(len(state.index.exprs))]
    node = Project(state.rows, tuple(zip(names, state.index.exprs, strict=True)))
    rows = engine.execute(node)
    return compute_index(state.index, [rows[name] for name in names], state, rows.height)


def rows_at(state: Any, positions: Any) -> Any:
    """The rows at positions (from 0, in any order, also repeated), in that order."""
    pinned = state.pinned()
    number = hidden_name(pinned.rows, "at")
    numbered = RowNumber(pinned.rows, number)
    wanted = hidden_name(numbered, "wanted")
    data = pl.DataFrame({wanted: np.asarray(positions, dtype=np.int64)})
    source = FrameSource(data, {wanted: Field(INT64, nullable=False)})
    joined = Join(Scan(source, (wanted,)), numbered, "inner", (wanted,), (number,))
    return replace(pinned, rows=joined)


def slice_rows(state: Any, start: int, stop: int) -> Any:
    """The rows from one position up to another; a RangeIndex stays one."""
    index = state.index
    if isinstance(index, RangeSpec):
        index = RangeSpec(index.start + start * index.step, index.step, index.name)
    return replace(state, rows=Slice(state.rows, start, max(stop - start, 0)), index=index)


def held(rows: Node, values: Any) -> Expr:
    """Values in memory as a column over rows: the first belongs to the first row.

    Raises:
        NotNative: there are not as many as rows, or their dtype has no kernels.
    """
    if isinstance(values, dict | set | str):
        raise NotNative(f"a column from {type(values).__name__}")
    series = pd.DataFrame({"values": values})["values"]
    dtype = series.dtype
    if kind_of(dtype) == "opaque" and not is_category(dtype):
        raise NotNative(f"a column from an array of {dtype}")
    if len(series) != engine.count_rows(rows):
        raise NotNative("an array of another length")
    array = series.array.copy()
    data = to_polars("values", array, dtype)
    holder = HeldValues(data, field_of_array(dtype, array), new_token())
    return over(rows, "held", Literal(True), values=holder)


def over_rows(rows: Node, index: IndexSpec, other: Any) -> Expr:
    """A series with the labels of rows as an expression over them.

    It is of the same rows, or has the same RangeIndex.

    Raises:
        NotNative: its labels would have to be matched.
    """
    state = state_of(other)
    if not same_labels(state.index, index):
        raise NotNative("the other side has other labels")
    if same_rows(state.rows, rows):
        expr: Expr = state.expr
        return expr
    if isinstance(index, Levels) or engine.count_rows(state.rows) != engine.count_rows(rows):
        raise NotNative("the other side has other rows")
    return held(rows, compute_frame(state.frame("values"))["values"].array)
