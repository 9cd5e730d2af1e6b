"""Polars frames from outside: the dtypes that pandas would give their columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.plan.schema import FLOAT64, NONE_OBJECT, OBJECT, STR, Dtype, Field, NotNative

_NUMBERS: dict[type[pl.DataType], str] = {
    pl.Int8: "int8",
    pl.Int16: "int16",
    pl.Int32: "int32",
    pl.Int64: "int64",
    pl.UInt8: "uint8",
    pl.UInt16: "uint16",
    pl.UInt32: "uint32",
    pl.UInt64: "uint64",
    pl.Boolean: "bool",
    pl.Float32: "float32",
    pl.Float64: "float64",
}


def typed_frame(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Field]]:
    """The frame with numbers widened where pandas widens them, and the fields of its columns.

    Raises:
        NotNative: a column has no native form (categories, nested data).
    """
    fields: dict[str, Field] = {}
    casts: list[pl.Expr] = []
    for series in frame.get_columns():
        field = _field(series)
        if field.dtype == FLOAT64 and series.dtype != pl.Float64:
            casts.append(pl.col(series.name).cast(pl.Float64))
        fields[series.name] = field
    return frame.with_columns(casts), fields


def _field(series: pl.Series) -> Field:
    missing = series.null_count() > 0
    dtype = series.dtype
    name = _NUMBERS.get(type(dtype))
    if name is not None:
        number: Dtype = np.dtype(name)
        if name.startswith("float"):
            return Field(number, nullable=missing, nan=True)
        if missing:
            return Field(NONE_OBJECT if name == "bool" else FLOAT64)
        return Field(number, nullable=False)
    if isinstance(dtype, pl.String):
        return Field(STR, nullable=missing)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            return Field(pd.DatetimeTZDtype(dtype.time_unit, dtype.time_zone), nullable=missing)
        return Field(np.dtype(f"M8[{dtype.time_unit}]"), nullable=missing)
    if isinstance(dtype, pl.Duration):
        return Field(np.dtype(f"m8[{dtype.time_unit}]"), nullable=missing)
    if isinstance(dtype, pl.Decimal | pl.Date | pl.Time | pl.Binary):
        return Field(OBJECT, nullable=missing)
    raise NotNative(f"column {series.name!r} of dtype {dtype}")
