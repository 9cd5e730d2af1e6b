"""Readers of files: a lazy frame over a source, or pandas' own reader, counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default

from raylab.frame import settings, support
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.dataframe import DataFrame, lazy_frame
from raylab.frame.facade.filters import filtered, split_by_key
from raylab.frame.facade.state import FrameState, Levels, RangeSpec
from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.nodes import Scan
from raylab.frame.plan.schema import NotNative
from raylab.frame.sources.files import FileIdentity, is_url, plain_path

COMPRESSED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar", ".tgz")
"""Ends of the names of files that pandas decompresses."""


def read_parquet(
    path: Any,
    engine: Any = no_default,
    columns: list[str] | None = None,
    storage_options: Any = None,
    dtype_backend: Any = no_default,
    filesystem: Any = None,
    filters: Any = None,
    to_pandas_kwargs: Any = None,
    **kwargs: Any,
) -> DataFrame:
    """A lazy frame over a Parquet file, a list of files, a folder or a glob pattern.

    A path may be a URL of fsspec. Names of folders such as ``year=2024`` give columns. The footers
    are read now, the data when it is needed: a file that is changed in between raises
    SourceChangedError and never gives other data. ``filters`` and conditions on the frame choose
    folders and row groups by their statistics. What only pandas can read is read at once, by it.

    Raises:
        FileNotFoundError: nothing is there.
        pyarrow.ArrowInvalid: a file is no Parquet file; names it.
    """
    from raylab.frame.sources.parquet import open_parquet

    def native() -> DataFrame:
        if filesystem is not None or to_pandas_kwargs is not None or kwargs:
            raise NotNative("arguments beyond columns, filters and storage_options")
        if engine not in (no_default, "auto", "pyarrow"):
            raise NotNative("argument engine")
        if dtype_backend not in (no_default, "pyarrow", "numpy_nullable"):
            raise NotNative("argument dtype_backend")
        backend = None if dtype_backend is no_default else dtype_backend
        source = open_parquet(path, storage_options, backend)
        conditions: Any = None
        if filters is not None:
            source, conditions = split_by_key(source, filters)
        state = _parquet_state(source, columns)
        if filters is not None:
            whole = _parquet_state(source, None)
            rows = filtered(source, lazy_frame(whole), conditions)
            state = replace(state, rows=rows)
            if isinstance(state.index, RangeSpec):
                state = replace(state, index=RangeSpec(name=state.index.name))
        return lazy_frame(state, WithAttrs(source.attrs))

    arguments = {
        "engine": engine,
        "columns": columns,
        "storage_options": storage_options,
        "dtype_backend": dtype_backend,
        "filesystem": filesystem,
        "filters": filters,
        "to_pandas_kwargs": to_pandas_kwargs,
    }
    given = {k: v for k, v in arguments.items() if v is not None and v is not no_default}
    return native_or_pandas(native, "read_parquet", path, **given, **kwargs)


def read_feather(path: Any, columns: Any = None, *args: Any, **kwargs: Any) -> Any:
    """A lazy frame over an Arrow IPC file (Feather); arguments as in pandas.

    Those beyond ``path`` and ``columns``, and what only pandas can read, read at once.
    """
    from raylab.frame.sources.feather import open_feather

    def native() -> DataFrame:
        text = plain_path(path)
        if args or kwargs or is_url(text):
            raise NotNative("arguments beyond columns, or a URL")
        source = open_feather(FileIdentity.of(str(Path(text).resolve())))
        labels = list(source.fields) if columns is None else list(columns)
        if not labels or any(label not in source.fields for label in labels):
            raise NotNative("columns that are not in the file")
        scan = Scan(source, tuple(source.fields))
        exprs: dict[str, Expr] = {label: Column(label) for label in labels}
        return lazy_frame(FrameState(scan, exprs, columns_name=source.columns_name))

    return native_or_pandas(native, "read_feather", path, columns, *args, **kwargs)


def native_or_pandas(native: Callable[[], Any], name: str, *args: Any, **kwargs: Any) -> Any:
    """What the native reader gives; where it refuses, what pandas' reader gives, counted."""
    try:
        return native()
    except NotNative as reason:
        with support.falling_back(name, str(reason)):
            start = time.perf_counter()
            result = adopt(getattr(pd, name)(*args, **kwargs))
            rows = len(result) if isinstance(result, pd.DataFrame | pd.Series) else 0
            support.record(name, str(reason), rows, time.perf_counter() - start)
            return result


def is_small(path: Any) -> bool:
    """Whether a local file is smaller than a partition; it need not be there."""
    try:
        size = Path(plain_path(path)).stat().st_size
    except (NotNative, OSError, ValueError):
        return False
    limit: int = settings.get("target_partition_bytes")
    return size < limit


class WithAttrs:
    """Carries the attributes of a file to its frame."""

    def __init__(self, attrs: dict[str, Any]) -> None:
        self._attrs = attrs


def _parquet_state(source: Any, columns: list[str] | None) -> FrameState:
    labels = list(source.labels)
    if columns is not None:
        if not all(label in labels for label in columns) or not columns:
            raise NotNative("columns that are not in the file")
        labels = list(columns)
    index: Any
    if isinstance(source.index, tuple):
        names = tuple(level.name for level in source.index)
        stored = tuple(level.column for level in source.index)
        index = Levels(tuple(Column(name) for name in stored), names)
    else:
        stored = ()
        index = RangeSpec(source.index.start, source.index.step, source.index.name)
    scan = Scan(source, tuple(dict.fromkeys([*source.labels, *stored])))
    return FrameState(scan, {label: Column(label) for label in labels}, index, source.columns_name)
