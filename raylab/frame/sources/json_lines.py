"""A file of JSON lines as a lazy source: one look at the whole file fixes dtypes and pieces.

Each piece is decoded by pandas' own decoder, which computes decimals in its own way, and typed by
pandas' own constructor. What pandas then does to whole columns follows from what is seen in all pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import pandas as pd
import polars as pl
from pandas.io.json import ujson_loads  # type: ignore[attr-defined]  # not in the stubs
from polars.io.plugins import register_io_source

from raylab.frame.kernels.types import physical
from raylab.frame.plan.fingerprint import structural_fingerprint
from raylab.frame.plan.schema import NotNative, Schema
from raylab.frame.sources.files import FileIdentity
from raylab.frame.sources.json_types import Seen, check_labels, inferred, look

PIECE_BYTES = 8 << 20
"""Decoded records take some ten times as much memory."""

_LONGEST_LINE = 1 << 26


@dataclass(frozen=True)
class Piece:
    """Consecutive whole lines of a file.

    Attributes:
        start: the first byte.
        end: behind the last byte.
        rows: the number of records.
    """

    start: int
    end: int
    rows: int


@dataclass(frozen=True, eq=False)
class JsonLinesSource:
    """One file of JSON lines.

    Attributes:
        file: as it was when its dtypes were inferred.
        fields: pandas' dtypes, in the order in which the columns first appear.
        pieces: of the file, in order.
    """

    file: FileIdentity
    fields: Schema
    pieces: tuple[Piece, ...]

    @cached_property
    def fingerprint(self) -> str:
        """The identity of the file."""
        return structural_fingerprint(self.file)

    @property
    def files(self) -> tuple[FileIdentity, ...]:
        """The file."""
        return (self.file,)

    @property
    def in_process(self) -> bool:
        """Whether no other process can see the file."""
        return self.file.in_process

    @cached_property
    def rows(self) -> int:
        """The number of records."""
        return sum(piece.rows for piece in self.pieces)

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
        schema: dict[str, Any] = {name: physical(self.fields[name].dtype) for name in columns}
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
                records = decoded(self.file.read_bytes(piece.start, piece.end))
                frame = self._values(
                    records[low - first : high - first], [n for n in names if n != row_index]
                )
                if row_index in names:
                    numbers = pl.int_range(low, high, eager=True)
                    frame = frame.with_columns(numbers.alias(str(row_index)))
                frame = frame.select(names)
                yield frame if predicate is None else frame.filter(predicate)

        return read

    def _values(self, records: list[dict[str, Any]], names: list[str]) -> pl.DataFrame:
        """Columns of some records; at least one, which tells the number of rows."""
        chosen = names or list(self.fields)[:1]
        frame = pl.from_pandas(typed(records, chosen))
        return frame.cast({name: physical(self.fields[name].dtype) for name in chosen})

    def check(self) -> None:
        """Compares the file with what was scanned.

        Raises:
            SourceChangedError: it was changed, replaced or removed since the scan.
        """
        self.file.check("read_json")

    def describe(self) -> str:
        """A short name for ``explain``."""
        return f"json lines {self.file.name}, {self.rows} rows in {len(self.pieces)} pieces"


def open_json_lines(file: FileIdentity, piece_bytes: int) -> JsonLinesSource:
    """The source of a file, which is looked at once.

    Raises:
        NotNative: it is not certain that pandas would see the same; pandas words errors, too.
    """
    seen: dict[str, list[Seen]] = {}
    pieces: list[Piece] = []
    for start, data in _lines(file, piece_bytes):
        records = decoded(data)
        if not records:
            continue
        for name, values in typed(records).items():
            seen.setdefault(str(name), []).append(look(str(name), values))
        pieces.append(Piece(start, start + len(data), len(records)))
    if not seen:
        raise NotNative("a file without records, or without columns")
    check_labels(list(seen))
    fields = {name: inferred(name, parts, len(pieces)) for name, parts in seen.items()}
    return JsonLinesSource(file, fields, tuple(pieces))


def _lines(file: FileIdentity, size: int) -> Iterator[tuple[int, bytes]]:
    """Cuts a file into whole lines of about so many bytes, with the position of the first."""
    waiting = b""
    position = 0
    while position < file.size:
        start = position - len(waiting)
        stop = min(file.size, position + size)
        data = waiting + file.read_bytes(position, stop)
        position = stop
        end = len(data) if stop == file.size else data.rfind(b"\n") + 1
        if len(data) - end > _LONGEST_LINE:
            raise NotNative("a line of many megabytes")
        waiting = data[end:]
        if end:
            yield start, data[:end]


def decoded(data: bytes) -> list[dict[str, Any]]:
    """The records of some lines, put together and decoded as by pandas.

    Raises:
        NotNative: they are no records, or not all in these lines.
    """
    try:
        lines = (line.strip() for line in data.decode().split("\n"))
        records: list[Any] = ujson_loads(f"[{','.join(line for line in lines if line)}]")
    except ValueError as error:
        raise NotNative("lines that are no JSON") from error
    if not all(type(record) is dict for record in records):
        raise NotNative("lines that are no records")
    return records


def typed(records: list[dict[str, Any]], columns: list[str] | None = None) -> pd.DataFrame:
    """The records, or some of their columns, with the dtypes that they have by themselves.

    Raises:
        NotNative: a text is not Unicode.
    """
    try:
        return pd.DataFrame(records, columns=columns)
    except UnicodeEncodeError as error:
        raise NotNative("text with halves of surrogate pairs") from error
