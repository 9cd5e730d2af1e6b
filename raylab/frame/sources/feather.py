"""An Arrow IPC file (Feather) as a lazy source."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import polars as pl
import pyarrow as pa
from pandas.io._util import (  # type: ignore[import-not-found]  # not in the stubs
    arrow_table_to_pandas,
)

from raylab.frame.kernels.types import physical
from raylab.frame.plan.fingerprint import structural_fingerprint
from raylab.frame.plan.schema import FLOAT64, OBJECT, NotNative, Schema
from raylab.frame.sources.files import FileIdentity
from raylab.frame.sources.memory import numbered_part
from raylab.frame.sources.parquet import stored_field


@dataclass(frozen=True, eq=False)
class FeatherSource:
    """One file of the second Feather format.

    Attributes:
        file: as it was when it was opened.
        fields: pandas' dtypes.
        batch_rows: the rows of each record batch.
        columns_name: the name of the column axis.
    """

    file: FileIdentity
    fields: Schema
    batch_rows: tuple[int, ...]
    columns_name: Hashable = None

    @cached_property
    def fingerprint(self) -> str:
        """The identity of the file."""
        return structural_fingerprint(self.file)

    @property
    def files(self) -> tuple[FileIdentity, ...]:
        """The file."""
        return (self.file,)

    @cached_property
    def rows(self) -> int:
        """The number of rows."""
        return sum(self.batch_rows)

    @cached_property
    def piece_starts(self) -> tuple[int, ...]:
        """The first row of each record batch: where cutting the rows costs nothing."""
        return tuple(accumulate(self.batch_rows[:-1], initial=0))

    @property
    def nbytes(self) -> int:
        """The size of the file, which may be compressed."""
        return self.file.size

    def read(
        self,
        columns: tuple[str, ...],
        row_index: str | None,
        start: int = 0,
        length: int | None = None,
    ) -> pl.LazyFrame:
        """A lazy scan; columns whose dtype pandas widens are widened here."""
        frame = pl.scan_ipc(self.file.path, glob=False, hive_partitioning=False).select(columns)
        floats = [name for name in columns if self.fields[name].dtype == FLOAT64]
        frame = frame.with_columns(pl.col(floats).cast(pl.Float64)) if floats else frame
        return numbered_part(frame, row_index, start, length)

    def check(self) -> None:
        """Compares the file with what was opened.

        Raises:
            SourceChangedError: it was changed, replaced or removed since.
        """
        self.file.check("read_feather")

    def describe(self) -> str:
        """A short name for ``explain``."""
        return f"feather {self.file.name}, {self.rows} rows"


@lru_cache(maxsize=64)
def open_feather(file: FileIdentity) -> FeatherSource:
    """The source of a local file.

    Raises:
        NotNative: the file needs pandas' own reader, which words errors, too.
    """
    try:
        with pa.memory_map(file.path) as mapped:
            return _open(file, mapped)
    except pa.ArrowInvalid as error:
        raise NotNative("no file of the second Feather format") from error


def _open(file: FileIdentity, mapped: Any) -> FeatherSource:
    schema: pa.Schema = pa.ipc.open_file(mapped).schema
    typed = arrow_table_to_pandas(schema.empty_table())
    if list(typed.columns) != schema.names or not typed.columns.is_unique:
        raise NotNative("an index, or column labels other than strings")
    if not all(type(name) is str for name in typed.columns) or not schema.names:
        raise NotNative("column labels other than strings")
    counted = [
        number
        for number, dtype in enumerate(typed.dtypes)
        if getattr(dtype, "kind", "") in "iub" or number == 0
    ]
    options = pa.ipc.IpcReadOptions(included_fields=counted)
    reader = pa.ipc.open_file(mapped, options=options)
    nulls: dict[str, int] = dict.fromkeys((schema.names[number] for number in counted), 0)
    rows = []
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        rows.append(batch.num_rows)
        for name in nulls:
            nulls[name] += batch.column(name).null_count
    fields = {name: stored_field(typed[name].dtype, nulls.get(name)) for name in schema.names}
    held = pl.scan_ipc(file.path).collect_schema()
    for name, field in fields.items():
        if field.dtype not in (FLOAT64, OBJECT) and held[name] != physical(field.dtype):
            raise NotNative(f"column {name!r} of dtype {field.dtype}")
        if field.dtype == OBJECT and held[name] != pl.Boolean:
            raise NotNative(f"column {name!r} of dtype object")
    return FeatherSource(file, fields, tuple(rows) or (0,), typed.columns.name)
