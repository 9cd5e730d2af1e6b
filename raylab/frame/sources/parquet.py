"""Parquet files as a lazy source: schema and statistics from the footers, identity per file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.io._util import (  # type: ignore[import-not-found]  # not in the stubs
    arrow_table_to_pandas,
)

from raylab.errors import SourceChangedError
from raylab.frame.plan.fingerprint import structural_fingerprint
from raylab.frame.plan.schema import FLOAT64, OBJECT, Dtype, Field, NotNative, Schema


@dataclass(frozen=True)
class FileIdentity:
    """What tells a file from a later one under the same name."""

    path: str
    size: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, path: str) -> FileIdentity:
        """The identity of a file as it is now."""
        stat = Path(path).stat()
        return cls(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)


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
        group_rows: the rows of each row group, over all files.
        total_bytes: uncompressed.
        index: index levels that are columns, or a range.
        labels: the visible columns, in order.
        attrs: ``DataFrame.attrs`` as pandas stored them.
    """

    files: tuple[FileIdentity, ...]
    fields: Schema
    group_rows: tuple[int, ...]
    total_bytes: int
    index: tuple[IndexColumn, ...] | IndexRange
    labels: tuple[str, ...]
    attrs: dict[str, Any]

    @cached_property
    def fingerprint(self) -> str:
        """The identities of the files."""
        return structural_fingerprint(_Identity(self.files))

    @cached_property
    def rows(self) -> int:
        """The number of rows, from the footers."""
        return sum(self.group_rows)

    @cached_property
    def piece_starts(self) -> tuple[int, ...]:
        """The first row of each row group: where cutting the rows costs nothing."""
        return tuple(accumulate(self.group_rows[:-1], initial=0))

    @property
    def nbytes(self) -> int:
        """The uncompressed size, from the footers."""
        return self.total_bytes

    def read(self, columns: tuple[str, ...], row_index: str | None) -> pl.LazyFrame:
        """A lazy scan; columns whose dtype pandas widens are widened here."""
        frame = pl.scan_parquet(
            [f.path for f in self.files],
            row_index_name=row_index,
            glob=False,
            hive_partitioning=False,
        )
        casts = [
            pl.col(name).cast(pl.Float64)
            for name in columns
            if self.fields[name].dtype == FLOAT64 and name in self._widened
        ]
        frame = frame.select([*columns, *([row_index] if row_index else [])])
        return frame.with_columns(casts) if casts else frame

    @cached_property
    def _widened(self) -> frozenset[str]:
        arrow = pq.read_schema(self.files[0].path)
        return frozenset(f.name for f in arrow if pa.types.is_integer(f.type))

    def check(self) -> None:
        """Compares the files with what was scanned.

        Raises:
            SourceChangedError: a file was changed, replaced or removed since the scan.
        """
        for known in self.files:
            try:
                current: FileIdentity | None = FileIdentity.of(known.path)
            except OSError:
                current = None
            if current != known:
                what = "is gone" if current is None else "has changed"
                raise SourceChangedError(
                    f"{known.path} {what} since read_parquet; read it again, "
                    f"or keep the data with df.copy() before the file is written."
                )

    def describe(self) -> str:
        """A short name for ``explain``."""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"parquet {Path(self.files[0].path).name}{more}, {self.rows} rows"


@dataclass(frozen=True)
class _Identity:
    files: tuple[FileIdentity, ...]


def open_parquet(path: Any) -> ParquetSource:
    """The source for a file, a list of files, a folder or a glob pattern.

    Raises:
        NotNative: the files need what only pandas' own reader does (remote paths, hive
            partitions, differing schemas, categories).
        FileNotFoundError: nothing is there.
    """
    files = tuple(FileIdentity.of(name) for name in _expand(path))
    return _open(files)


def _expand(path: Any) -> list[str]:
    if isinstance(path, list | tuple):
        return [name for item in path for name in _expand(item)]
    if not isinstance(path, str | Path):
        raise NotNative(f"reading from {type(path).__name__}")
    text = str(path)
    if "://" in text:
        raise NotNative("remote paths")
    location = Path(text).expanduser()
    if location.is_dir():
        names = sorted(_data_files(location))
        if not names:
            raise NotNative("a folder without files")
        return names
    if not location.exists() and any(mark in text for mark in "*?["):
        base = Path(location.anchor) if location.is_absolute() else Path()
        pattern = str(location.relative_to(location.anchor)) if location.is_absolute() else text
        names = sorted(str(found) for found in base.glob(pattern))
        if names:
            return names
    if not location.exists():
        raise FileNotFoundError(2, "No such file or directory", text)
    return [str(location.resolve())]


def _data_files(folder: Path) -> Iterable[str]:
    for found in folder.rglob("*"):
        inside = found.relative_to(folder).parts
        if any(part.startswith(("_", ".")) for part in inside) or not found.is_file():
            continue
        if any("=" in part for part in inside[:-1]):
            raise NotNative("hive partitions")
        yield str(found.resolve())


@lru_cache(maxsize=256)
def _open(files: tuple[FileIdentity, ...]) -> ParquetSource:
    footers = [pq.read_metadata(f.path) for f in files]
    arrow: pa.Schema = footers[0].schema.to_arrow_schema()
    for footer in footers[1:]:
        if not footer.schema.to_arrow_schema().equals(arrow):
            raise NotNative("files with different schemas")
    if len(set(arrow.names)) < len(arrow.names):
        raise NotNative("duplicate column names")
    nulls = _null_counts(footers)
    empty = arrow_table_to_pandas(arrow.empty_table(), to_pandas_kwargs={"ignore_metadata": True})
    typed = arrow_table_to_pandas(arrow.empty_table())
    fields = {f.name: _field(_dtype(f.name, typed, empty), nulls.get(f.name)) for f in arrow}
    rows = tuple(m.row_group(g).num_rows for m in footers for g in range(m.num_row_groups))
    stored = arrow.pandas_metadata or {}
    index = _index(stored, arrow.names, sum(rows), single=len(files) == 1)
    hidden = {level.column for level in index} if isinstance(index, tuple) else set()
    labels = tuple(name for name in arrow.names if name not in hidden)
    if list(labels) != list(typed.columns):
        raise NotNative("column labels other than strings")
    total = sum(m.row_group(g).total_byte_size for m in footers for g in range(m.num_row_groups))
    attrs = json.loads((arrow.metadata or {}).get(b"PANDAS_ATTRS", b"{}"))
    return ParquetSource(files, fields, rows, total, index, labels, attrs)


def _dtype(name: str, typed: pd.DataFrame, empty: pd.DataFrame) -> Dtype:
    """Pandas' dtype of a column of the file, were nothing missing."""
    source = typed if name in typed.columns else empty
    dtype: Dtype = source[name].dtype
    if isinstance(dtype, pd.CategoricalDtype | pd.PeriodDtype | pd.IntervalDtype):
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


def _field(dtype: Dtype, nulls: int | None) -> Field:
    """What pandas makes of a column: numbers with nulls become floats, bools become objects."""
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        if nulls is None:
            raise NotNative("footers without null counts")
        if nulls and dtype.kind == "b":
            return Field(OBJECT)
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
