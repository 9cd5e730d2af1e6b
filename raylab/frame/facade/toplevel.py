"""Functions of the module: reading, combining, and conversions from other libraries."""

from __future__ import annotations

from typing import Any

import pandas as pd

from raylab.frame import support
from raylab.frame.execution.cache import CACHE
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import LazyObject
from raylab.frame.facade.dataframe import DataFrame, lazy_frame
from raylab.frame.facade.state import FrameState
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import Scan
from raylab.frame.plan.schema import NotNative
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
