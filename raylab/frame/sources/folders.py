"""Folders of Parquet files: which belong to them, and the columns that folder names tell (hive)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from raylab.frame.plan.schema import STR, Dtype, NotNative
from raylab.frame.sources.files import (
    FileIdentity,
    Options,
    file_system,
    is_url,
    local_names,
    plain_path,
    remote_names,
)

if TYPE_CHECKING:
    import pyarrow.dataset as ds


@dataclass(frozen=True)
class FolderKey:
    """A column whose value is written in the names of folders: ``year=2024``.

    Attributes:
        name: of the column.
        texts: the values as they are written, in the order of pandas' categories.
        whole_numbers: pandas' categories are int32, else str.
    """

    name: str
    texts: tuple[str, ...]
    whole_numbers: bool

    @cached_property
    def dtype(self) -> Dtype:
        """The categories that pandas makes of it."""
        if self.whole_numbers:
            return pd.CategoricalDtype(pd.Index([int(text) for text in self.texts], dtype="int32"))
        return pd.CategoricalDtype(pd.Index(list(self.texts), dtype=STR))


def data_files(path: Any, options: Options) -> tuple[list[str], tuple[FolderKey, ...]]:
    """The files of a path, in the order of their rows, and the keys that their folders tell.

    Raises:
        NotNative: only pandas reads such a path.
        FileNotFoundError: nothing is there.
    """
    if isinstance(path, list | tuple):
        found = [data_files(item, options) for item in path]
        if not found or any(keys for _, keys in found):
            raise NotNative("a list of no files, or of folders with keys")
        names = [name for names, _ in found for name in names]
        if len(names) > 1 and any(_told(name) for name in names):
            raise NotNative("a list of files in folders with keys")
        return names, ()
    text = plain_path(path)
    folder = _remote_folder(text, options) if is_url(text) else _local_folder(text)
    if folder is None:
        names = remote_names(text, options) if is_url(text) else local_names(text)
        if len(names) > 1 and any(_told(name) for name in names):
            raise NotNative("a pattern of files in folders with keys")
        return names, ()
    base, names = folder
    if not names:
        raise NotNative("a folder without files")
    if not any(_told(name.removeprefix(base)) for name in names):
        return names, ()
    return _with_keys(base, names, options)


def _told(name: str) -> bool:
    return "=" in name.rpartition("/")[0]


def _local_folder(text: str) -> tuple[str, list[str]] | None:
    location = Path(text)
    if not location.is_dir():
        return None
    location = location.resolve()
    found = (p for p in location.rglob("*") if p.is_file())
    names = (str(p) for p in found if not _ignored(p.relative_to(location).parts))
    return str(location), sorted(names)


def _remote_folder(url: str, options: Options) -> tuple[str, list[str]] | None:
    system, inner = file_system(url, options)
    if not system.isdir(inner):
        return None
    inner = inner.rstrip("/")
    found = (name for name in system.find(inner))
    names = [n for n in found if not _ignored(n.removeprefix(inner).strip("/").split("/"))]
    return str(system.unstrip_protocol(inner)), [system.unstrip_protocol(n) for n in sorted(names)]


def _ignored(parts: Iterable[str]) -> bool:
    """Whether pyarrow passes a file over."""
    return any(part.startswith(("_", ".")) for part in parts)


def _with_keys(
    base: str, names: list[str], options: Options
) -> tuple[list[str], tuple[FolderKey, ...]]:
    """The files and keys as pyarrow finds them, from whose answer pandas makes its own."""
    import pyarrow.dataset as ds

    if "=" in base or any("%" in name or "__HIVE_DEFAULT" in name for name in names):
        raise NotNative("folder names with missing or quoted values, or below another key")
    inside = [name.removeprefix(base).strip("/").split("/")[:-1] for name in names]
    told = [[part.partition("=") for part in parts] for parts in inside]
    keys = [[name for name, _, _ in parts] for parts in told]
    if any(other != keys[0] for other in keys) or not all(s for parts in told for _, s, _ in parts):
        raise NotNative("folders with different keys")
    system, inner = pyarrow_system(base, options)
    discover = ds.HivePartitioning.discover(infer_dictionary=True)
    data = ds.dataset(inner, filesystem=system, format="parquet", partitioning=discover)
    found = []
    for number, name in enumerate(keys[0]):
        values = data.partitioning.dictionaries[data.partitioning.schema.names.index(name)]
        texts = tuple(str(value) for value in values.to_pylist())
        if {parts[number][2] for parts in told} != set(texts):
            raise NotNative("folder names whose values are written in several ways")
        found.append(FolderKey(name, texts, pa.types.is_integer(values.type)))
    return names, tuple(found)


def pyarrow_system(path: str, options: Options) -> tuple[Any, str]:
    """The file system of a path for pyarrow, and the path in it."""
    from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

    if not is_url(path):
        return LocalFileSystem(), path
    system, inner = file_system(path, options)
    return PyFileSystem(FSSpecHandler(system)), inner


def fragments(
    files: Sequence[FileIdentity],
    group_rows: Sequence[Sequence[int]],
    keys: Sequence[FolderKey],
    start: int,
    end: int,
) -> tuple[ds.FileSystemDataset, int]:
    """The row groups with the rows from ``start`` to ``end``, and the first row that they have."""
    import pyarrow.dataset as ds

    parquet = ds.ParquetFileFormat()
    system, _ = pyarrow_system(files[0].path, files[0].options)
    chosen: list[Any] = []
    first, row = start, 0
    schema: Any = None
    for file, groups in zip(files, group_rows, strict=True):
        _, inner = pyarrow_system(file.path, file.options)
        told = dict(part.partition("=")[::2] for part in inner.split("/") if "=" in part)
        where = [ds.field(key.name) == told[key.name] for key in keys]
        whole = parquet.make_fragment(inner, system, partition_expression=_all(where))
        schema = schema or whole.physical_schema
        inside: list[int] = []
        for number, rows in enumerate(groups):
            if row < end and row + rows > start:
                first = row if not chosen and not inside else first
                inside.append(number)
            row += rows
        if inside:
            chosen.append(whole.subset(row_group_ids=inside))
    for key in keys:
        schema = schema.append(pa.field(key.name, pa.string()))
    return ds.FileSystemDataset(chosen, schema, parquet, system), first


def _all(conditions: list[Any]) -> Any:
    import pyarrow.compute as pc

    whole = pc.scalar(True)
    for condition in conditions:
        whole = whole & condition
    return whole
