"""pandas dtypes and their Polars counterparts; constants as Polars literals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from raylab.frame.plan.literals import LiteralField
from raylab.frame.plan.schema import STR, Dtype, Field, NotNative, family_of, is_category

_POLARS_BY_NAME: dict[str, pl.DataType] = {
    "bool": pl.Boolean(),
    "int8": pl.Int8(),
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "uint8": pl.UInt8(),
    "uint16": pl.UInt16(),
    "uint32": pl.UInt32(),
    "uint64": pl.UInt64(),
    "float32": pl.Float32(),
    "float64": pl.Float64(),
}


def physical(dtype: Dtype) -> pl.DataType:
    """The Polars dtype that holds a column of this pandas dtype.

    Raises:
        NotNative: there is none. Seconds are held as milliseconds, the coarsest unit there is.
    """
    if isinstance(dtype, np.dtype):
        if dtype.kind in "Mm":
            unit = np.datetime_data(dtype)[0].replace("generic", "ns")
            engine_unit: Any = "ms" if unit == "s" else unit
            return pl.Datetime(engine_unit) if dtype.kind == "M" else pl.Duration(engine_unit)
        if dtype.name in _POLARS_BY_NAME:
            return _POLARS_BY_NAME[dtype.name]
    if isinstance(dtype, pd.DatetimeTZDtype):
        zone_unit: Any = "ms" if dtype.unit == "s" else dtype.unit
        return pl.Datetime(zone_unit, str(dtype.tz))
    if dtype == STR:
        return pl.String()
    if isinstance(dtype, pd.StringDtype) or family_of(dtype) != "opaque":
        return _nullable(dtype)
    if isinstance(dtype, pd.CategoricalDtype) and is_category(dtype):
        return pl.Enum(list(dtype.categories))
    raise NotNative(f"dtype {dtype}")


def _nullable(dtype: Dtype) -> pl.DataType:
    """The engine's dtype of a masked or Arrow dtype, ``string`` included."""
    if isinstance(dtype, pd.ArrowDtype):
        arrow = dtype.pyarrow_dtype
        if pa.types.is_decimal(arrow):
            return pl.Decimal(arrow.precision, arrow.scale)
        if pa.types.is_date(arrow):
            return pl.Date()
        if pa.types.is_timestamp(arrow):
            return pl.Datetime("ms" if arrow.unit == "s" else arrow.unit, arrow.tz)
        if pa.types.is_duration(arrow):
            return pl.Duration("ms" if arrow.unit == "s" else arrow.unit)
        if family_of(dtype) == "str":
            return pl.String()
        return _POLARS_BY_NAME[np.dtype(arrow.to_pandas_dtype()).name]
    if isinstance(dtype, pd.StringDtype):
        return pl.String()
    return _POLARS_BY_NAME[dtype.numpy_dtype.name]  # type: ignore[union-attr]  # a masked dtype


def unit_of(dtype: Dtype) -> Any:
    """The unit of a datetime or timedelta dtype: "s", "ms", "us" or "ns"."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return dtype.unit
    return np.datetime_data(dtype)[0]  # type: ignore[arg-type]  # a NumPy datetime


def common_dtype(left: Field, right: Field) -> np.dtype[Any]:
    """NumPy's result dtype of two numbers; a Python scalar does not widen the other side.

    Raises:
        NotNative: a Python integer does not fit the other side's dtype.
    """
    for one, other in ((left, right), (right, left)):
        if isinstance(one, LiteralField) and one.weak and not isinstance(other, LiteralField):
            dtype = np.dtype(other.dtype)  # type: ignore[arg-type]  # numbers are NumPy dtypes
            if isinstance(one.value, int) and not isinstance(one.value, bool):
                if dtype.kind in "iu":
                    bounds = np.iinfo(dtype)
                    if not bounds.min <= one.value <= bounds.max:
                        raise NotNative(f"the constant {one.value} does not fit {dtype}")
                if dtype.kind == "b":
                    return np.dtype("int64")
                return dtype
            if isinstance(one.value, float) and dtype.kind == "f":
                return dtype
    return np.result_type(left.dtype, right.dtype)  # type: ignore[arg-type]  # NumPy dtypes


def fits(value: LiteralField, field: Field) -> bool:
    """Whether a moment or span can stand in a column: the same zone, no finer than its unit."""
    zoned = isinstance(field.dtype, pd.DatetimeTZDtype)
    if zoned != isinstance(value.dtype, pd.DatetimeTZDtype):
        return False
    if zoned and str(value.dtype.tz) != str(field.dtype.tz):  # type: ignore[union-attr]  # both zoned
        return False
    return bool(value.value.as_unit(unit_of(field.dtype)) == value.value)


def literal(value: Any, dtype: Dtype) -> pl.Expr:
    """A constant as a Polars literal of the given pandas dtype.

    Raises:
        NotNative: a moment is finer than the unit of the dtype.
    """
    kind = physical(dtype)
    if isinstance(value, pd.Timestamp | pd.Timedelta):
        unit: Any = kind.time_unit  # type: ignore[attr-defined]  # Datetime and Duration have it
        ticks = value.as_unit(unit)
        if ticks != value:
            raise NotNative(f"the constant {value} in {dtype}")
        if isinstance(ticks, pd.Timestamp) and ticks.nanosecond == 0 and ticks.tz is None:
            return pl.lit(ticks.to_pydatetime(), dtype=kind)
        return pl.lit(ticks.to_numpy().astype("int64").item(), dtype=pl.Int64()).cast(kind)
    return pl.lit(value, dtype=kind)
