"""From the engine's columns to pandas arrays and indexes, with pandas' exact dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from raylab.frame.plan.schema import OBJECT, PIECES, STR, Dtype


def to_array(series: pl.Series, dtype: Dtype) -> Any:
    """A column as the array that pandas holds for this dtype; writable where pandas' is."""
    if dtype == STR:
        return _strings(series)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _zoned(series, dtype)
    if isinstance(dtype, np.dtype):
        if dtype.kind == "b" or dtype.kind in "iuf":
            return series.to_numpy(writable=True).astype(dtype, copy=False)
        if dtype.kind in "Mm":
            return series.to_numpy(writable=True).astype(dtype, copy=False)
        if series.dtype == pl.Boolean:
            values = np.array(series.to_list(), dtype=object)
            if not dtype.metadata:
                values[series.is_null().to_numpy()] = np.nan
            return values
        return _objects(series)
    if isinstance(dtype, pd.CategoricalDtype) and isinstance(series.dtype, pl.Enum):
        codes = series.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        return pd.Categorical.from_codes(codes, dtype=dtype)
    arrow = series.to_arrow()
    if isinstance(dtype, pd.ArrowDtype):
        arrow = arrow.cast(dtype.pyarrow_dtype)
    from_arrow: Any = dtype.__from_arrow__  # type: ignore[attr-defined]  # scans admit no others
    return from_arrow(pa.chunked_array([arrow]))


def to_index(series: pl.Series, dtype: Dtype, name: Any) -> pd.Index:
    """A column as an index."""
    make_index: Any = pd.Index
    index: pd.Index = make_index(to_array(series, dtype), dtype=dtype, name=name)
    return index


def to_positions(series: pl.Series, name: Any) -> pd.Index:
    """What is left of a RangeIndex: again a range where the labels are evenly spaced."""
    values = series.to_numpy(writable=True)
    whole = pd.RangeIndex(0, name=name)
    shallow_copy: Any = whole._shallow_copy  # type: ignore[attr-defined]  # pandas' own rule
    index: pd.Index = shallow_copy(values, name=name)
    return index


def _strings(series: pl.Series) -> Any:
    array_type: Any = STR.construct_array_type()  # type: ignore[union-attr]  # an extension dtype
    return array_type(pa.chunked_array([series.to_arrow()]), dtype=STR)


def _zoned(series: pl.Series, dtype: pd.DatetimeTZDtype) -> Any:
    moments = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    values = moments.to_numpy(writable=True).astype(f"M8[{dtype.unit}]", copy=False)
    return pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(dtype.tz).array


def _objects(series: pl.Series) -> Any:
    """Columns without kernels: decimals, dates, binary, lists, as Arrow gives them to pandas."""
    split = isinstance(series.dtype, pl.Struct) and series.dtype.fields[0].name == PIECES
    if split or series.dtype == pl.String:
        return _split_strings(series.struct.field(PIECES) if split else series)
    return series.to_arrow().to_pandas().astype(OBJECT).to_numpy()


def _split_strings(series: pl.Series) -> Any:
    """Python lists of strings, or one string of each; where none was split pandas infers floats."""
    if len(series) and series.null_count() == len(series):
        return np.full(len(series), np.nan)
    values = np.empty(len(series), dtype=object)
    for i, value in enumerate(series.to_list()):
        values[i] = np.nan if value is None else value
    return values
