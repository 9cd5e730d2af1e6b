"""What files of text have in common as lazy sources: pieces of whole records, read one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from raylab.frame.kernels.types import physical
from raylab.frame.plan.schema import OBJECT, Field, Schema
from raylab.frame.sources.files import FileIdentity


@dataclass(frozen=True)
class Piece:
    """Consecutive whole records of a file.

    Attributes:
        start: the first byte.
        end: behind the last byte.
        rows: the number of records.
    """

    start: int
    end: int
    rows: int


@dataclass(frozen=True, eq=False)
class PiecewiseSource:
    """One file of records as text.

    Attributes:
        file: as it was when its dtypes were inferred.
        fields: pandas' dtypes.
        pieces: of the file, in order.
        rows: the number of records; the last piece may have more than are read.
    """

    file: FileIdentity
    fields: Schema
    pieces: Sequence[Any]
    rows: int

    @property
    def files(self) -> tuple[FileIdentity, ...]:
        """The file."""
        return (self.file,)

    @property
    def in_process(self) -> bool:
        """Whether no other process can see the file."""
        return self.file.in_process

    @cached_property
    def piece_starts(self) -> tuple[int, ...]:
        """The first row of each piece: where cutting the rows costs nothing."""
        return tuple(accumulate((p.rows for p in self.pieces[:-1]), initial=0))

    @property
    def nbytes(self) -> int:
        """The size of the file."""
        return self.file.size

    def read(
        self,
        columns: tuple[str, ...],
        row_index: str | None,
        start: int = 0,
        length: int | None = None,
    ) -> pl.LazyFrame:
        """A lazy scan, piece by piece."""
        end = self.rows if length is None else min(self.rows, start + length)
        schema: dict[str, Any] = {name: _held(self.fields[name]) for name in columns}
        if row_index is not None:
            schema[row_index] = pl.Int64()
        return register_io_source(self._reader(list(schema), row_index, start, end), schema=schema)

    def _reader(
        self, columns: list[str], row_index: str | None, start: int, end: int
    ) -> Callable[..., Any]:
        def read(
            with_columns: list[str] | None,
            predicate: pl.Expr | None,
            n_rows: int | None,
            batch_size: int | None,  # noqa: ARG001  the engine passes it
        ) -> Iterator[pl.DataFrame]:
            names = columns if with_columns is None else with_columns
            stop = end if n_rows is None else min(end, start + n_rows)
            for first, piece in zip(self.piece_starts, self.pieces, strict=True):
                if first >= stop or first + piece.rows <= start:
                    continue
                low, high = max(first, start), min(first + piece.rows, stop)
                data = self.file.read_bytes(piece.start, piece.end)
                # At least one column, which tells the number of rows.
                chosen = [n for n in names if n != row_index] or list(self.fields)[:1]
                frame = self._values(data, piece, chosen, slice(low - first, high - first))
                if row_index in names:
                    numbers = pl.int_range(low, high, eager=True)
                    frame = frame.with_columns(numbers.alias(str(row_index)))
                frame = frame.select(names)
                yield frame if predicate is None else frame.filter(predicate)

        return read

    def _values(self, data: bytes, piece: Any, names: list[str], rows: slice) -> pl.DataFrame:
        """Some columns and rows of a piece."""
        raise NotImplementedError


def _held(field: Field) -> Any:
    """The engine's dtype of a column; objects are bools with gaps."""
    return pl.Boolean() if field.dtype == OBJECT else physical(field.dtype)
