"""Arrow tables of others as blocks of the object store, and blocks as tables."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

from raylab.frame.execution.blocks import Block
from raylab.frame.plan.schema import (
    FLOAT64,
    NONE_OBJECT,
    OBJECT,
    Field,
    NotNative,
    Schema,
    promoted,
)
from raylab.frame.sources.polars import typed_frame

Told = dict[str, Field] | str


def table_fields(table: Any) -> list[Told]:
    """The fields of a table's columns, or why it has no native form."""
    try:
        return [typed_frame(_frame(table))[1]]
    except NotNative as reason:
        return [str(reason)]


def joined_fields(told: list[Told]) -> dict[str, Field]:
    """The fields of tables one below the other.

    Raises:
        NotNative: the tables have different columns, or such without a native form.
    """
    schemas = [fields for fields in told if not isinstance(fields, str)]
    if not schemas or len(schemas) < len(told):
        raise NotNative(next((t for t in told if isinstance(t, str)), "a dataset without blocks"))
    if any(list(fields) != list(schemas[0]) for fields in schemas):
        raise NotNative("blocks with different columns")
    return {name: _joined(name, [fields[name] for fields in schemas]) for name in schemas[0]}


def _joined(name: str, parts: list[Field]) -> Field:
    dtypes = {part.dtype for part in parts}
    nullable = any(part.nullable for part in parts)
    nan = any(part.nan for part in parts)
    if len(dtypes) == 1:
        return Field(parts[0].dtype, nullable=nullable, nan=nan)
    wide = {promoted(dtype) for dtype in dtypes}
    if wide == {FLOAT64}:
        return Field(FLOAT64, nullable=True, nan=nan)
    if wide == {OBJECT}:
        return Field(NONE_OBJECT)
    raise NotNative(f"column {name!r}, whose blocks have different dtypes")


def table_block(table: Any, fields: Schema) -> list[Any]:
    """The table as a block of these fields; its number of rows and its size."""
    frame, own = typed_frame(_frame(table))
    casts = [
        pl.col(name).cast(pl.Float64)
        for name, field in fields.items()
        if field.dtype == FLOAT64 and own[name].dtype != FLOAT64
    ]
    frame = frame.with_columns(casts)
    return [Block(frame), (frame.height, int(frame.estimated_size()))]


def block_table(block: Block) -> list[Any]:
    """The block as a table, and its number of rows."""
    return [arrow_table(block.frame), block.frame.height]


def arrow_table(frame: pl.DataFrame) -> pa.Table:
    """A frame for others, who know missing values only as null."""
    floats = [pl.col(name).fill_nan(None) for name, d in frame.schema.items() if d.is_float()]
    return frame.with_columns(floats).to_arrow() if floats else frame.to_arrow()


def _frame(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise NotNative(f"a block of type {type(table).__name__}")
    return frame
