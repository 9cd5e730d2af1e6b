"""A file of JSON lines as a lazy source: one look at the whole file fixes dtypes and pieces.

Each piece is decoded by pandas' own decoder, which computes decimals in its own way, and typed by
pandas' own constructor. What pandas then does to whole columns follows from what is seen in all pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import polars as pl
from pandas.io.json import ujson_loads  # type: ignore[attr-defined]  # not in the stubs

from raylab.frame.kernels.types import physical
from raylab.frame.plan.fingerprint import structural_fingerprint
from raylab.frame.plan.schema import NotNative
from raylab.frame.sources.files import FileIdentity
from raylab.frame.sources.json_types import Seen, check_labels, inferred, look
from raylab.frame.sources.pieces import Piece, PiecewiseSource

PIECE_BYTES = 8 << 20
"""Decoded records take some ten times as much memory."""

_LONGEST_LINE = 1 << 26


@dataclass(frozen=True, eq=False)
class JsonLinesSource(PiecewiseSource):
    """One file of JSON lines; its columns are in the order in which they first appear."""

    @cached_property
    def fingerprint(self) -> str:
        """The identity of the file."""
        return structural_fingerprint(self.file)

    def _values(
        self,
        data: bytes,
        piece: Piece,  # noqa: ARG002  where the data lay
        names: list[str],
        rows: slice,
    ) -> pl.DataFrame:
        frame = pl.from_pandas(typed(decoded(data)[rows], names))
        return frame.cast({name: physical(self.fields[name].dtype) for name in names})

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
    return JsonLinesSource(file, fields, tuple(pieces), sum(piece.rows for piece in pieces))


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
