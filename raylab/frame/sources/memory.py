"""Rows in memory: pandas frames held by a Copy-on-Write reference, and results of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.types import physical
from raylab.frame.plan.fingerprint import new_token
from raylab.frame.plan.schema import Dtype, Field, NotNative, Schema, is_category, kind_of


@dataclass(frozen=True, eq=False)
class PandasSource:
    """A pandas frame as it was: later changes to its owner copy, they do not reach it.

    Args:
        frame: a shallow copy, whose blocks Copy-on-Write protects; its labels are strings.
        axes: the labels of the owner's block manager, to see later whether the owner changed.
        blocks: the owner's arrays; a change of its data puts others in their place.
        levels: index levels by their hidden name.
    """

    frame: pd.DataFrame
    axes: tuple[pd.Index, ...]
    blocks: tuple[Any, ...]
    levels: dict[str, pd.Index]
    fingerprint: str = field(default_factory=new_token)
    _converted: dict[str, pl.Series] = field(default_factory=dict)

    @cached_property
    def fields(self) -> Schema:
        """The frame's columns and the index levels."""
        dtypes = self.frame.dtypes
        found = {str(n): field_of_array(d, self._values(str(n))) for n, d in dtypes.items()}
        for name, level in self.levels.items():
            found[name] = field_of_array(level.dtype, level)
        return found

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.frame)

    @cached_property
    def nbytes(self) -> int:
        """The size of the frame without its index."""
        return int(self.frame.memory_usage(index=False).sum())

    def read(
        self,
        columns: tuple[str, ...],
        row_index: str | None,
        start: int = 0,
        length: int | None = None,
    ) -> pl.LazyFrame:
        """The columns, converted when they are first used."""
        frame = pl.DataFrame({name: self._series(name) for name in columns})
        return numbered_part(frame.lazy(), row_index, start, length)

    def check(self) -> None:
        """Data in memory stays what it was."""

    def describe(self) -> str:
        """A short name for ``explain``."""
        return f"memory, {self.rows} rows"

    def array(self, name: str) -> Any:
        """A column or an index level as NumPy array, or as pandas' array of its own dtypes."""
        values = self._values(name)
        if isinstance(self.fields[name].dtype, np.dtype):
            return np.asarray(values)
        return values.array if isinstance(values, pd.Index) else values

    def _values(self, name: str) -> Any:
        return self.levels[name] if name in self.levels else self.frame[name].array

    def _series(self, name: str) -> pl.Series:
        if name not in self._converted:
            self._converted[name] = to_polars(name, self._values(name), self.fields[name].dtype)
        return self._converted[name]


def to_polars(name: str, values: Any, dtype: Dtype) -> pl.Series:
    """A pandas array or index as a Polars series; numbers are not copied.

    Raises:
        NotNative: the dtype has no Polars counterpart.
    """
    kind = kind_of(dtype)
    if kind == "str":
        texts: Any = values.array if isinstance(values, pd.Index) else values
        return pl.Series(name, pl.from_arrow(texts.__arrow_array__()), dtype=pl.String)
    if kind == "datetime" and isinstance(dtype, pd.DatetimeTZDtype):
        moments = np.asarray(values, dtype=f"M8[{dtype.unit}]")
        return (
            _moments(name, moments).dt.replace_time_zone("UTC").dt.convert_time_zone(str(dtype.tz))
        )
    if kind in ("datetime", "timedelta"):
        return _moments(name, np.asarray(values))
    if is_category(dtype):
        codes = pl.Series(name, np.asarray(values.codes), dtype=pl.Int64)
        present = codes.set(codes < 0, None).cast(pl.UInt32)
        return present.cat.to(physical(dtype)).alias(name)
    if kind == "nullable":
        array: Any = values.array if isinstance(values, pd.Index) else values
        held = pl.Series(name, pl.from_arrow(array.__arrow_array__()), dtype=physical(dtype))
        return held.fill_nan(None) if held.dtype.is_float() else held  # to pandas NaN is NA, too
    if kind == "opaque":
        raise NotNative(f"column {name!r} of dtype {dtype} in memory")
    return pl.Series(name, np.asarray(values), dtype=physical(dtype), nan_to_null=False)


def _moments(name: str, values: np.ndarray[Any, Any]) -> pl.Series:
    """Datetimes or timedeltas; the engine has no seconds."""
    if np.datetime_data(values.dtype)[0] == "s":
        values = values.astype(f"{values.dtype.kind}8[ms]")
    return pl.Series(name, values)


def field_of_array(dtype: Dtype, values: Any) -> Field:
    """What is known about a column in memory."""
    kind = kind_of(dtype)
    if kind in ("bool", "int"):
        return Field(dtype, nullable=False)
    if kind == "float":
        return Field(dtype, nullable=False, nan=True)
    if kind == "opaque" and not is_category(dtype):
        return Field(dtype)
    return Field(dtype, nullable=bool(pd.isna(values).any()))


def numbered_part(
    frame: pl.LazyFrame, row_index: str | None, start: int, length: int | None
) -> pl.LazyFrame:
    """Rows of a frame, where asked with their numbers in the whole frame."""
    if row_index is not None:
        frame = frame.with_row_index(row_index)
    return frame if start == 0 and length is None else frame.slice(start, length)


@dataclass(frozen=True, eq=False)
class FrameSource:
    """Rows that the engine computed or that came as a Polars frame."""

    frame: pl.DataFrame
    fields: Schema
    fingerprint: str = field(default_factory=new_token)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.frame.height

    @cached_property
    def nbytes(self) -> int:
        """The size of the frame."""
        return int(self.frame.estimated_size())

    def read(
        self,
        columns: tuple[str, ...],
        row_index: str | None,
        start: int = 0,
        length: int | None = None,
    ) -> pl.LazyFrame:
        """The columns as they are."""
        return numbered_part(self.frame.lazy().select(columns), row_index, start, length)

    def check(self) -> None:
        """Data in memory stays what it was."""

    def describe(self) -> str:
        """A short name for ``explain``."""
        return f"materialised, {self.rows} rows"
