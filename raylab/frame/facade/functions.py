"""``apply`` and ``map`` with Python functions: run over partitions, at once, each row once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from raylab.frame import settings, support
from raylab.frame.execution.opaque import EachRow, EachValue, replaying, row_operation, run_task
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import native
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.memory import frame_in_memory
from raylab.frame.facade.state import FrameState, SeriesState, dtype_of, settle, value_node
from raylab.frame.plan.nodes import HIDDEN, Project
from raylab.frame.plan.opaque import Opaque
from raylab.frame.plan.schema import NotNative, is_category

_VALUES = f"{HIDDEN}argument"
_by_dictionary = support.NATIVE["Series", "map"]


def _is_function(func: Any) -> bool:
    return callable(func) and not isinstance(func, np.ufunc | pd.Series | dict)


def _of_few_rows(values: Any) -> FrameState | None:
    """The state over rows that are known by now, of any plan: they are cut evenly for the workers."""
    few = len(values) < settings.get("lazy_threshold_rows")
    return frame_in_memory(values) if few else None


def _mapped(series: SeriesState, func: Any, na_action: Any) -> Any:
    """As pandas' map: the dtype follows from all results."""
    series = settle(series)
    if is_category(series.field.dtype):
        raise NotNative("a function of categories, which pandas calls once a category")
    frame = series.frame(_VALUES)
    table = compute_frame(frame)
    frame = _of_few_rows(table) or frame
    task = EachValue(func, dtype_of(series.field), na_action)
    node = Opaque(Project(frame.rows, ((_VALUES, frame.columns[_VALUES]),)), task)
    values: Any = table[_VALUES]
    values.name = series.name
    results = run_task(node, lambda i: values.index[i])
    return values, results


@native(pd.Series, name="map")
def map_(series: SeriesState, func: Any = None, na_action: Any = None) -> Any:
    if not _is_function(func):
        return _by_dictionary(series, func, na_action)
    if na_action not in (None, "ignore"):
        raise NotNative("argument na_action")
    values, results = _mapped(series, func, na_action)
    return adopt(values.map(replaying(results), na_action))


@native(pd.Series, name="apply")
def apply_series(series: SeriesState, func: Any, args: Any = (), **kwargs: Any) -> Any:
    if not _is_function(func):
        raise NotNative(f"applying {type(func).__name__}")

    def call(value: Any) -> Any:
        return func(value, *args, **kwargs)

    values, results = _mapped(series, call if args or kwargs else func, None)
    return adopt(values.apply(replaying(results)))


@native(pd.DataFrame, name="apply")
def apply_frame(
    frame: FrameState,
    func: Any,
    axis: Any = 0,
    result_type: Any = None,
    args: Any = (),
    **kwargs: Any,
) -> Any:
    if axis not in (1, "columns") or not _is_function(func):
        raise NotNative("a function of whole columns, or no Python function")
    if result_type not in (None, "expand", "reduce"):
        raise NotNative("argument result_type")
    frame = frame.settled(frame.columns)
    values = compute_frame(frame)
    if not len(values):
        raise NotNative("a function of rows where there are none")
    frame = (_of_few_rows(values) or frame).pinned()
    rows, names = value_node(frame)
    dtypes = tuple((label, dtype_of(rows.schema[label])) for label in frame.columns)
    level_names: tuple[Any, ...] = frame.index.names  # type: ignore[union-attr]  # pinned
    levels = tuple(
        (name, dtype_of(rows.schema[name]), level)
        for name, level in zip(names, level_names, strict=True)
    )
    node = Opaque(rows, EachRow(func, dtypes, levels, frame.columns_name, tuple(args), kwargs))
    results = run_task(node, lambda i: values.index[i])
    operation = row_operation(values, func, result_type)
    return adopt(operation.wrap_results(dict(enumerate(results)), operation.result_index))
