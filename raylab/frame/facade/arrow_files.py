"""Parquet and Feather files of a lazy frame, written batch by batch, as pandas writes them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pyarrow as pa

from raylab.frame.execution import engine
from raylab.frame.facade.batches import pandas_batches
from raylab.frame.facade.state import FrameState, RangeSpec
from raylab.frame.plan.schema import OBJECT, NotNative

_GROUP_ROWS = 1 << 20
"""Of a row group, unless the user says otherwise: pyarrow's own default."""

_FEATHER_ROWS = 1 << 16


def write_parquet(
    state: FrameState,
    file: Any,
    attrs: dict[str, Any],
    compression: Any = "snappy",
    index: bool | None = None,
    row_group_size: int | None = None,
) -> None:
    """One file with pandas' metadata.

    Raises:
        NotNative: before anything is written: columns of objects, whose Arrow type depends on
            all their values.
    """
    import pyarrow.parquet as pq

    _no_objects(state)
    group_rows = row_group_size or _GROUP_ROWS
    frames = pandas_batches(state, group_rows, whole_index=True)
    first = next(frames)
    rows = len(first) if len(first) < group_rows else engine.count_rows(state.rows)
    schema = pa.Schema.from_pandas(first, preserve_index=index)
    schema = schema.with_metadata(_metadata(schema.pandas_metadata, rows, attrs))
    with pq.ParquetWriter(file, schema, compression=compression) as writer:
        for frame in itertools.chain([first], frames):
            table = pa.Table.from_pandas(frame, preserve_index=index).cast(schema)
            writer.write_table(table, row_group_size=group_rows)


def _metadata(stored: dict[str, Any], rows: int, attrs: dict[str, Any]) -> dict[str, str]:
    """What pandas writes about a frame of so many rows, from what it writes about its first ones."""
    for level in stored["index_columns"]:
        if isinstance(level, dict) and level["kind"] == "range":
            level["stop"] = level["start"] + rows * level["step"]
    if attrs:
        stored["attributes"] = attrs
    told = {"pandas": json.dumps(stored)}
    return {**told, "PANDAS_ATTRS": json.dumps(attrs)} if attrs else told


def write_feather(state: FrameState, file: Any) -> None:
    """One file of the second Feather format, compressed as pandas does it.

    Raises:
        NotNative: before anything is written: columns of objects, or an index.
    """
    _no_objects(state)
    if state.index != RangeSpec():
        raise NotNative("an index")
    frames = pandas_batches(state, _FEATHER_ROWS)
    first = next(frames)
    schema = pa.Schema.from_pandas(first, preserve_index=False)
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(file, schema, options=options) as writer:
        for frame in itertools.chain([first], frames):
            writer.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))


def _no_objects(state: FrameState) -> None:
    settled = state.settled(list(state.columns))
    for label, field in settled.fields.items():
        if field.dtype == OBJECT:
            raise NotNative(f"column {label!r} of dtype object")
