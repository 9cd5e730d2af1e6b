"""To and from other libraries: Polars, Arrow, Ray Data."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa

from raylab.frame.execution import engine
from raylab.frame.execution.tables import (
    arrow_table,
    block_table,
    joined_fields,
    table_block,
    table_fields,
)
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import LazyObject
from raylab.frame.facade.dataframe import DataFrame, lazy_frame
from raylab.frame.facade.persistence import kept_on_ray, stored_partitions
from raylab.frame.facade.state import FrameState, value_node
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import Scan
from raylab.frame.plan.schema import NotNative
from raylab.frame.sources.memory import FrameSource
from raylab.frame.sources.polars import typed_frame
from raylab.frame.sources.stored import Partition, StoredSource


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
    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if not isinstance(data, pl.DataFrame):
        raise TypeError(f"from_polars takes a Polars frame, not {type(data).__name__}")
    try:
        frame, fields = typed_frame(data)
    except NotNative:
        adopted: DataFrame = adopt(data.to_pandas())
        return adopted
    return _over(FrameSource(frame, fields), list(fields))


def from_arrow(data: Any) -> DataFrame:
    """A lazy frame over an Arrow table, or anything that exports one; its columns are shared.

    Raises:
        TypeError: the data exports no Arrow table.
    """
    frame = pl.from_arrow(data)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"from_arrow takes an Arrow table, not {type(data).__name__}")
    return from_polars(frame)


def from_ray_dataset(dataset: Any) -> DataFrame:
    """A lazy frame over a dataset of Ray Data, whose rows stay in the object store.

    The dataset is run now. Its columns get pandas' dtypes: integers with missing values in any
    block become floats.

    Raises:
        TypeError: it is none, or has columns without a native form.
    """
    from raylab import runtime

    if not runtime.is_dataset(dataset):
        raise TypeError(f"from_ray_dataset takes a ray.data.Dataset, not {type(dataset).__name__}")
    references = runtime.arrow_references(dataset)
    try:
        fields = joined_fields(runtime.mapped(table_fields, references, returns=1)[0])
    except NotNative as reason:
        raise TypeError(f"from_ray_dataset: {reason}") from reason
    blocks, sizes = runtime.mapped(table_block, references, fields, returns=2)
    stored = [Partition(b, rows, size) for b, (rows, size) in zip(blocks, sizes, strict=True)]
    return _over(StoredSource(tuple(stored), fields), list(fields))


def to_ray_dataset(frame: Any) -> Any:
    """A frame's columns as a dataset of Ray Data, without its index.

    Raises:
        TypeError: a column has a dtype that only pandas can hold.
    """
    from raylab import runtime

    source = frame._plan() or frame._state_in_memory()
    if source is None:
        raise TypeError("to_ray_dataset needs native dtypes and distinct labels of type str")
    partitions = stored_partitions(kept_on_ray(FrameState(source.rows, source.columns)))
    references = [partition.reference for partition in partitions]
    tables, _ = runtime.mapped(block_table, references, returns=2)
    return runtime.dataset_of(tables)


def to_polars(frame: Any) -> pl.DataFrame:
    """The columns straight from the engine; missing values are null, the index is left out."""
    lazy = frame._plan()
    if lazy is None:
        lazy = frame._state_in_memory()
    if lazy is None:
        return pl.from_pandas(frame.to_pandas())
    node, _ = value_node(lazy.settled(list(lazy.columns)))
    return engine.execute(node).select(list(lazy.columns))


def to_arrow(frame: Any) -> pa.Table:
    """The columns straight from the engine; missing values are null, the index is left out."""
    return arrow_table(to_polars(frame))


def arrow_stream(frame: Any, requested_schema: Any) -> Any:
    """What ``__arrow_c_stream__`` gives: batches straight from the engine."""
    return to_arrow(frame).__arrow_c_stream__(requested_schema)


def _over(source: Any, names: list[str]) -> DataFrame:
    scan = Scan(source, tuple(names))
    return lazy_frame(FrameState(scan, {name: Column(name) for name in names}))
