"""Parquet files as a lazy source: schema and statistics from the footers, identity per file."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, chain
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from pandas.io._util import (  # type: ignore[import-not-found]  # not in the stubs
    arrow_table_to_pandas,
)

from raylab.frame.plan.fingerprint import structural_fingerprint
from raylab.frame.plan.schema import (
    FLOAT64,
    NONE_OBJECT,
    OBJECT,
    Dtype,
    Field,
    NotNative,
    Schema,
    kind_of,
)
from raylab.frame.sources.files import FileIdentity, Options, file_system, identities
from raylab.frame.sources.folders import FolderKey, data_files, fragments


@dataclass(frozen=True)
class IndexColumn:
    """An index level that the file stores: its column and the name of the level."""

    column: str
    name: Any


@dataclass(frozen=True)
class IndexRange:
    """A RangeIndex that the file only describes."""

    start: int
    step: int
    name: Any


@dataclass(frozen=True, eq=False)
class ParquetSource:
    """One or several Parquet files of one schema, read as one after the other.

    Attributes:
        files: in the order of their rows.
        fields: pandas' dtypes of all columns; no-null facts come from the footers.
        group_rows: the rows of each row group, by file.
        total_bytes: uncompressed.
        index: index levels that are columns, or a range.
        labels: the visible columns, in order.
        attrs: ``DataFrame.attrs`` as pandas stored them.
        keys: columns that the names of folders tell.
        columns_name: the name of the column axis.
        backend: pandas' argument ``dtype_backend``; the same file in other dtypes is another source.
    """

    files: tuple[FileIdentity, ...]
    fields: Schema
    group_rows: tuple[tuple[int, ...], ...]
    total_bytes: int
    index: tuple[IndexColumn, ...] | IndexRange
    labels: tuple[str, ...]
    attrs: dict[str, Any]
    keys: tuple[FolderKey, ...] = ()
    backend: str | None = None
    columns_name: Hashable = None

    @cached_property
    def fingerprint(self) -> str:
        """The identities of the files."""
        return structural_fingerprint(_Identity(self.files, self.keys, self.backend))

    @cached_property
    def rows(self) -> int:
        """The number of rows, from the footers."""
        return sum(map(sum, self.group_rows))

    @cached_property
    def piece_starts(self) -> tuple[int, ...]:
        """The first row of each row group: where cutting the rows costs nothing."""
        groups = list(chain.from_iterable(self.group_rows))
        return tuple(accumulate(groups[:-1], initial=0))

    @property
    def nbytes(self) -> int:
        """The uncompressed size, from the footers."""
        return self.total_bytes

    @property
    def in_process(self) -> bool:
        """Whether no other process can see the files."""
        return self.files[0].in_process

    def read(
        self,
        columns: tuple[str, ...],
        row_index: str | None,
        start: int = 0,
        length: int | None = None,
    ) -> pl.LazyFrame:
        """A lazy scan; columns whose dtype pandas widens are widened here."""
        scan = self._scan_local if self.files[0].is_local else self._scan_remote
        frame = scan(row_index, start, length)
        casts = [
            pl.col(name).cast(pl.Float64)
            for name in columns
            if self.fields[name].dtype == FLOAT64 and name in self._widened
        ]
        frame = frame.select([*columns, *([row_index] if row_index else [])])
        return frame.with_columns(casts) if casts else frame

    def _scan_local(self, row_index: str | None, start: int, length: int | None) -> pl.LazyFrame:
        frame = pl.scan_parquet(
            [f.path for f in self.files],
            row_index_name=row_index,
            glob=False,
            hive_partitioning=bool(self.keys),
            hive_schema={k.name: pl.Enum(k.texts) for k in self.keys} or None,
        )
        return frame if start == 0 and length is None else frame.slice(start, length)

    def _scan_remote(self, row_index: str | None, start: int, length: int | None) -> pl.LazyFrame:
        """Row groups by pyarrow, which takes filters and the choice of columns."""
        end = self.rows if length is None else start + length
        data, first = fragments(self.files, self.group_rows, self.keys, start, end)
        frame = pl.scan_pyarrow_dataset(data)
        if row_index is not None:
            frame = frame.with_row_index(row_index, first)
        if self.keys:
            frame = frame.with_columns(pl.col(k.name).cast(pl.Enum(k.texts)) for k in self.keys)
        return frame.slice(start - first, end - start)

    @cached_property
    def _widened(self) -> frozenset[str]:
        arrow = footer(self.files[0]).schema.to_arrow_schema()
        return frozenset(f.name for f in arrow if pa.types.is_integer(f.type))

    def check(self) -> None:
        """Compares the files with what was scanned.

        Raises:
            SourceChangedError: a file was changed, replaced or removed since the scan.
        """
        for known in self.files:
            known.check("read_parquet")

    def key_of(self, file: FileIdentity, name: str) -> int | str:
        """The value of a folder key for a file."""
        key = next(key for key in self.keys if key.name == name)
        parts = file.path.split("/")
        text = next(p.partition("=")[2] for p in parts if p.startswith(f"{name}="))
        return int(text) if key.whole_numbers else text

    def only(self, files: tuple[FileIdentity, ...]) -> ParquetSource:
        """Some of the files."""
        return _open(files, self.keys, self.backend)

    def is_widened(self, name: str, field: Field) -> bool:
        """Whether missing values made floats or objects of numbers or bools."""
        return field.dtype == OBJECT or (name in self._widened and field.dtype == FLOAT64)

    def describe(self) -> str:
        """A short name for ``explain``."""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"parquet {self.files[0].name}{more}, {self.rows} rows"


@dataclass(frozen=True)
class _Identity:
    files: tuple[FileIdentity, ...]
    keys: tuple[FolderKey, ...]
    backend: str | None


def open_parquet(
    path: Any, storage_options: Mapping[str, Any] | None = None, backend: str | None = None
) -> ParquetSource:
    """The source for a file, a list of files, a folder or a glob pattern; or URLs of such.

    Args:
        path: what to read.
        storage_options: of fsspec.
        backend: "pyarrow" or "numpy_nullable", pandas' argument ``dtype_backend``.

    Raises:
        NotNative: the files need what only pandas' own reader does (differing schemas, stored
            categories).
        FileNotFoundError: nothing is there.
        pyarrow.ArrowInvalid: a file is no Parquet file; names it.
    """
    options = Options(storage_options)
    names, keys = data_files(path, options)
    return _open(identities(names, options), keys, backend)


@lru_cache(maxsize=256)
def _open(
    files: tuple[FileIdentity, ...], keys: tuple[FolderKey, ...], backend: str | None
) -> ParquetSource:
    footers = [footer(f) for f in files]
    arrow: pa.Schema = footers[0].schema.to_arrow_schema()
    for other in footers[1:]:
        if not other.schema.to_arrow_schema().equals(arrow):
            raise NotNative("files with different schemas")
    if len(set(arrow.names) | {k.name for k in keys}) < len(arrow.names) + len(keys):
        raise NotNative("duplicate column names")
    if keys and backend is not None:
        raise NotNative("columns from names of folders in another backend's dtypes")
    nulls = _null_counts(footers)
    dtypes: dict[str, Any] = {} if backend is None else {"dtype_backend": backend}
    plain = {"to_pandas_kwargs": {"ignore_metadata": True}, **dtypes}
    empty = arrow_table_to_pandas(arrow.empty_table(), **plain)
    typed = arrow_table_to_pandas(arrow.empty_table(), **dtypes)
    fields = {f.name: stored_field(_dtype(f.name, typed, empty), nulls.get(f.name)) for f in arrow}
    groups = tuple(tuple(m.row_group(g).num_rows for g in range(m.num_row_groups)) for m in footers)
    stored = arrow.pandas_metadata or {}
    rows = sum(map(sum, groups))
    index = _index(stored, arrow.names, rows, single=len(files) == 1 and not keys)
    hidden = {level.column for level in index} if isinstance(index, tuple) else set()
    labels = tuple(name for name in arrow.names if name not in hidden)
    if list(labels) != list(typed.columns):
        raise NotNative("column labels other than strings")
    total = sum(m.row_group(g).total_byte_size for m in footers for g in range(m.num_row_groups))
    attrs = json.loads((arrow.metadata or {}).get(b"PANDAS_ATTRS", b"{}"))
    for key in keys:
        fields[key.name] = Field(key.dtype, nullable=False)
    labels = (*labels, *(key.name for key in keys))
    return ParquetSource(
        files, fields, groups, total, index, labels, attrs, keys, backend, typed.columns.name
    )


def footer(file: FileIdentity) -> Any:
    """The metadata of a file.

    Raises:
        pyarrow.ArrowInvalid: it is no Parquet file; names it.
    """
    import pyarrow.parquet as pq

    try:
        if file.is_local:
            return pq.read_metadata(file.path)
        system, inner = file_system(file.path, file.options)
        with system.open(inner, "rb") as opened:
            return pq.read_metadata(opened)
    except pa.ArrowInvalid as error:
        raise pa.ArrowInvalid(f"{file.path}: {error}") from error


def _dtype(name: str, typed: pd.DataFrame, empty: pd.DataFrame) -> Dtype:
    """Pandas' dtype of a column of the file, were nothing missing."""
    source = typed if name in typed.columns else empty
    dtype: Dtype = source[name].dtype
    if isinstance(dtype, pd.CategoricalDtype | pd.PeriodDtype | pd.IntervalDtype):
        raise NotNative(f"column {name!r} of dtype {dtype}")
    if isinstance(dtype, pd.ArrowDtype) and kind_of(dtype) == "opaque":
        raise NotNative(f"column {name!r} of dtype {dtype}")
    return dtype


def _null_counts(footers: list[Any]) -> dict[str, int]:
    """The missing values of each column for which every row group tells."""
    counts: dict[str, int] = {}
    unknown: set[str] = set()
    for footer in footers:
        names = [footer.schema.column(c).path for c in range(footer.num_columns)]
        for g in range(footer.num_row_groups):
            group = footer.row_group(g)
            for c, name in enumerate(names):
                statistics = group.column(c).statistics
                if statistics is None or not statistics.has_null_count:
                    unknown.add(name)
                else:
                    counts[name] = counts.get(name, 0) + statistics.null_count
    return {name: count for name, count in counts.items() if name not in unknown}


def stored_field(dtype: Dtype, nulls: int | None) -> Field:
    """What pandas makes of a column: numbers with nulls become floats, bools become objects."""
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        if nulls is None:
            raise NotNative("footers without null counts")
        if nulls and dtype.kind == "b":
            return Field(NONE_OBJECT)
        if nulls:
            return Field(FLOAT64, nullable=True)
        return Field(dtype, nullable=False)
    is_float = isinstance(dtype, np.dtype) and dtype.kind == "f"
    return Field(dtype, nullable=nulls != 0, nan=is_float)


def _index(
    stored: dict[str, Any], names: list[str], rows: int, *, single: bool
) -> tuple[IndexColumn, ...] | IndexRange:
    """The index that pandas' metadata describes; without any, rows are numbered from 0."""
    described = stored.get("index_columns", [])
    if not described:
        return IndexRange(0, 1, None)
    if len(described) == 1 and isinstance(described[0], dict):
        only = described[0]
        length = len(range(only["start"], only["stop"], only["step"]))
        if only.get("kind") == "range" and length == rows:
            return IndexRange(only["start"], only["step"], only["name"])
        return IndexRange(0, 1, only["name"] if single else None)
    if not all(isinstance(level, str) and level in names for level in described):
        raise NotNative("an index that is only partly stored")
    level_names = {c["field_name"]: c["name"] for c in stored.get("columns", [])}
    return tuple(IndexColumn(level, level_names.get(level)) for level in described)
