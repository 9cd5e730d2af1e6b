"""Functions of the module: reading, combining, and conversions from other libraries."""

from __future__ import annotations

from typing import Any

import pandas as pd

from raylab.frame import support
from raylab.frame.execution.cache import CACHE
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import LazyObject, state_of
from raylab.frame.facade.dataframe import DataFrame, lazy_frame
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, value_node
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import Concat, Scan
from raylab.frame.plan.schema import NotNative, same_dtype
from raylab.frame.sources.memory import FrameSource
from raylab.frame.sources.polars import typed_frame


def from_pandas(data: Any) -> Any:
    """A pandas frame or series as raylab's, without a copy.

    >>> import pandas, raylab.frame as pd
    >>> type(pd.from_pandas(pandas.DataFrame({"x": [1]}))).__module__
    'raylab.frame.facade.dataframe'
    """
    if not isinstance(data, pd.DataFrame | pd.Series):
        raise TypeError(f"from_pandas takes a DataFrame or a Series, not {type(data).__name__}")
    return data if isinstance(data, LazyObject) else adopt(data.copy(deep=False))


def from_polars(data: Any) -> DataFrame:
    """A lazy frame over a Polars DataFrame or LazyFrame, which is collected.

    Raises:
        TypeError: the data is neither.
    """
    import polars as pl

    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if not isinstance(data, pl.DataFrame):
        raise TypeError(f"from_polars takes a Polars frame, not {type(data).__name__}")
    try:
        frame, fields = typed_frame(data)
    except NotNative:
        adopted: DataFrame = adopt(data.to_pandas())
        return adopted
    scan = Scan(FrameSource(frame, fields), tuple(fields))
    return lazy_frame(FrameState(scan, {name: Column(name) for name in fields}))


def from_arrow(data: Any) -> DataFrame:
    """A lazy frame over an Arrow table, or anything that exports one; its columns are shared.

    Raises:
        TypeError: the data exports no Arrow table.
    """
    import polars as pl

    frame = pl.from_arrow(data)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"from_arrow takes an Arrow table, not {type(data).__name__}")
    return from_polars(frame)


def concat(
    objs: Any,
    *,
    axis: Any = 0,
    join: str = "outer",
    ignore_index: bool = False,
    **kwargs: Any,
) -> Any:
    """As ``pandas.concat``; native for frames with the same columns, one below the other."""
    if not isinstance(objs, dict | list | tuple | pd.DataFrame | pd.Series | str):
        objs = list(objs)
    arguments = {"axis": axis, "join": join, "ignore_index": ignore_index, **kwargs}
    if not isinstance(objs, list | tuple) or not any(_is_lazy(obj) for obj in objs):
        return adopt(pd.concat(objs, **arguments))
    try:
        if axis not in (0, "index") or join not in ("inner", "outer") or kwargs:
            raise NotNative("arguments beyond ignore_index")
        return lazy_frame(_stacked([state_of(obj) for obj in objs], ignore_index=ignore_index))
    except NotNative as reason:
        with support.falling_back("concat", str(reason)):
            return adopt(pd.concat(objs, **arguments))


def _is_lazy(obj: Any) -> bool:
    return isinstance(obj, LazyObject) and obj._state() is not None


def _stacked(states: list[Any], *, ignore_index: bool) -> FrameState:
    if not all(isinstance(state, FrameState) for state in states):
        raise NotNative("series")
    labels = list(states[0].columns)
    if any(list(state.columns) != labels for state in states):
        raise NotNative("frames with different columns")
    states = [state.settled(labels) for state in states]
    if ignore_index:
        states = [FrameState(s.rows, s.columns) for s in states]
    else:
        states = [state.pinned() for state in states]
    names = {s.index.names for s in states if isinstance(s.index, Levels)}
    if len(names) > 1:
        raise NotNative("indexes with different names")
    nodes = [value_node(state)[0] for state in states]
    first = nodes[0].schema
    for node in nodes:
        if not all(same_dtype(node.schema[name].dtype, f.dtype) for name, f in first.items()):
            raise NotNative("columns of different dtypes")
    rows = Concat(tuple(nodes))
    index: Any = RangeSpec()
    if not ignore_index:
        levels = tuple(Column(name) for name in first if name not in labels)
        index = Levels(levels, states[0].index.names)
    return FrameState(rows, {label: Column(label) for label in labels}, index)


def merge(left: Any, right: Any, *args: Any, **kwargs: Any) -> Any:
    """As ``pandas.merge``; native where ``DataFrame.merge`` is."""
    if isinstance(left, DataFrame):
        return left.merge(right, *args, **kwargs)
    return adopt(pd.merge(left, right, *args, **kwargs))


def fallback_report() -> DataFrame:
    """What fell back to pandas: the operation, the reason, the place, how often and the cost.

    >>> import raylab.frame as pd
    >>> list(pd.fallback_report().columns)
    ['operation', 'reason', 'site', 'count', 'rows', 'seconds']
    """
    names = ["operation", "reason", "site", "count", "rows", "seconds"]
    data = [[getattr(entry, name) for name in names] for entry in support.fallbacks()]
    report = DataFrame(data, columns=names)
    return report.sort_values("seconds", ascending=False, ignore_index=True)


def clear_cache() -> None:
    """Forgets all kept results.

    >>> import raylab.frame as pd
    >>> pd.clear_cache()
    """
    CACHE.clear()
