"""Partitions as they lie in the object store: Arrow buffers in the engine's own layout."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

_LAYOUT = pl.CompatLevel.newest()
_SMALL = 1 << 16


class Block:
    """A frame that travels between processes; reading it from the object store copies nothing."""

    __slots__ = ("frame",)

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __reduce__(self) -> tuple[Any, ...]:
        # As batches: ray brings its own way to pickle a table, which does not know string views.
        table = compact(self.frame).to_arrow(compat_level=_LAYOUT)
        return _restored, (table.schema, table.to_batches())


def _restored(schema: pa.Schema, batches: list[pa.RecordBatch]) -> Block:
    return Block(pl.DataFrame(pa.Table.from_batches(batches, schema)))


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in one piece, without what only rows outside of it need.

    A slice, and a filter that finds neighbouring rows, keeps the memory of all rows, and any filter
    of text the whole text; sent to another process, all of it would be copied.
    """
    frame = frame.rechunk()
    if _is_cut_out(frame):
        frame = own_memory(frame)
    wasteful = [column for column in frame.get_columns() if _wastes(column)]
    return frame.with_columns(_copied(column) for column in wasteful)


def _is_cut_out(frame: pl.DataFrame) -> bool:
    numbers = frame.select(pl.exclude(pl.String, pl.Binary)).to_arrow(compat_level=_LAYOUT)
    held: int = numbers.get_total_buffer_size()
    return held > _SMALL and held > 2 * numbers.nbytes


def _wastes(column: pl.Series) -> bool:
    if column.dtype not in (pl.String, pl.Binary):
        return False
    array = column.to_arrow(compat_level=_LAYOUT)
    held: int = sum(buffer.size for buffer in array.buffers()[2:] if buffer is not None)
    if held < _SMALL:
        return False
    used = column.str.len_bytes() if column.dtype == pl.String else column.bin.size()
    return held > 2 * int(used.sum())


def _copied(column: pl.Series) -> pl.Series:
    """The column with text of its own: in the older layout text lies in the order of the rows."""
    old = column.to_arrow(compat_level=pl.CompatLevel.oldest())
    return pl.Series(column.name, pl.from_arrow(old), dtype=column.dtype)


def own_memory(frame: pl.DataFrame) -> pl.DataFrame:
    """A copy outside of the object store, which keeps what any frame still looks at."""
    table = frame.to_arrow(compat_level=_LAYOUT)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return pl.DataFrame(pa.ipc.open_stream(sink.getvalue()).read_all())
