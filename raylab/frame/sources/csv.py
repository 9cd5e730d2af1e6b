"""A CSV file as a lazy source: one look at the whole file fixes dtypes and pieces."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import polars as pl

from raylab.frame.plan.fingerprint import structural_fingerprint
from raylab.frame.plan.schema import NotNative
from raylab.frame.sources.csv_records import Piece, field_name, parsed, pieces
from raylab.frame.sources.csv_types import Kind, Seen, converted, inferred, look
from raylab.frame.sources.files import FileIdentity
from raylab.frame.sources.pieces import PiecewiseSource

PIECE_BYTES = 32 << 20
_HEAD_BYTES = 1 << 18
_BLOCK_CELLS = 1 << 20
"""pandas infers dtypes in blocks of about so many values."""


@dataclass(frozen=True)
class CsvOptions:
    """What the user says about a file.

    Attributes:
        separator: one character.
        header: the line with the labels, counted without skipped lines; None for none.
        names: labels that take the place of those in the file.
        skiprows: lines to skip at the beginning.
        nrows: records to read; None for all.
        missing: texts that stand for a missing value.
        usecols: the labels to read; None for all.
        wanted: kinds by label: text, float, int, bool, moments; of all others under None.
        blocks: infer in blocks as pandas does with ``low_memory``.
    """

    separator: str
    header: int | None
    names: tuple[str, ...] | None
    skiprows: int
    nrows: int | None
    missing: tuple[str, ...]
    usecols: tuple[str, ...] | None
    wanted: tuple[tuple[str | None, str], ...]
    blocks: bool


@dataclass(frozen=True, eq=False)
class CsvSource(PiecewiseSource):
    """One CSV file.

    Attributes:
        options: how it is read.
        places: the position of each column among the fields of a record.
        kinds: of each column.
        width: the number of fields of a record.
    """

    options: CsvOptions
    places: dict[str, int]
    kinds: dict[str, Kind]
    width: int

    @cached_property
    def fingerprint(self) -> str:
        """The identity of the file and how it is read."""
        return structural_fingerprint(_Identity(self.file, self.options))

    def _values(self, data: bytes, piece: Piece, names: list[str], rows: slice) -> pl.DataFrame:
        places = [self.places[name] for name in names]
        texts = parsed(data, piece, self.width, places, self.options.separator)
        texts = texts.rename({field_name(self.places[name]): name for name in names})
        return self._typed(texts[rows])

    def _typed(self, texts: pl.DataFrame) -> pl.DataFrame:
        """The columns with the values that the text stands for."""
        return texts.select(
            converted(
                present(pl.col(name), self.options), self.kinds[name], self.fields[name]
            ).alias(name)
            for name in texts.columns
        )

    def check(self) -> None:
        """Compares the file with what was scanned.

        Raises:
            SourceChangedError: it was changed, replaced or removed since the scan.
        """
        self.file.check("read_csv")

    def describe(self) -> str:
        """A short name for ``explain``."""
        return f"csv {self.file.name}, {self.rows} rows in {len(self.pieces)} pieces"


@dataclass(frozen=True)
class _Identity:
    file: FileIdentity
    options: CsvOptions


def present(values: pl.Expr, options: CsvOptions) -> pl.Expr:
    """Text with null for what stands for a missing value."""
    return pl.when(values.is_in(options.missing).not_()).then(values)


def open_csv(file: FileIdentity, options: CsvOptions, piece_bytes: int) -> CsvSource:
    """The source of a file, which is looked at once.

    Raises:
        NotNative: it is not certain that pandas would see the same; pandas words errors, too.
    """
    labels, start = _labels(file, options)
    width = len(labels)
    used = [
        n for n, label in enumerate(labels) if options.usecols is None or label in options.usecols
    ]
    if not used or (options.usecols and len(used) != len(set(options.usecols))):
        raise NotNative("columns that are not in the file")
    block_rows = _block_rows(width) if options.blocks else None
    asked = dict(options.wanted)
    if not {label for label in asked if label is not None} <= {labels[n] for n in used}:
        raise NotNative("dtypes of columns that are not read")
    wanted = {labels[n]: asked.get(labels[n], asked.get(None)) for n in used}
    seen: dict[int, list[Seen]] = {number: [] for number in used}
    found: list[Piece] = []
    rows = 0
    for piece, data in pieces(file, start, piece_bytes, options.separator):
        frame = parsed(data, piece, width, used, options.separator)
        if options.nrows is not None:
            frame = frame.head(options.nrows - rows)
        for number in used:
            values = frame.select(present(pl.col(field_name(number)), options)).to_series()
            moments = wanted[labels[number]] == "moments"
            _look_in_blocks(seen[number], values, rows, block_rows, moments=moments)
        found.append(piece)
        rows += frame.height
        if rows == options.nrows:
            break
    if not rows:
        raise NotNative("a file without records")
    types = {labels[n]: inferred(labels[n], seen[n], wanted[labels[n]]) for n in used}
    return CsvSource(
        file=file,
        fields={name: field for name, (_, field) in types.items()},
        pieces=tuple(found),
        rows=rows,
        options=options,
        places={labels[n]: n for n in used},
        kinds={name: kind for name, (kind, _) in types.items()},
        width=width,
    )


def _look_in_blocks(
    blocks: list[Seen], values: pl.Series, first: int, block_rows: int | None, *, moments: bool
) -> None:
    """Adds what is seen in values that begin at a row to the blocks in which pandas infers."""
    position = 0
    while position < len(values):
        row = first + position
        block = 0 if block_rows is None else row // block_rows
        left = len(values) if block_rows is None else (block + 1) * block_rows - row
        part = look(values.slice(position, left), moments=moments)
        if block < len(blocks):
            blocks[block] = blocks[block] + part
        else:
            blocks.append(part)
        position += left


def _block_rows(width: int) -> int:
    """The rows in which pandas infers at a time: a power of two below its number of values."""
    rows = 1
    while rows * 2 < _BLOCK_CELLS // width:
        rows *= 2
    return rows


def index_names(file: FileIdentity, arguments: dict[str, Any]) -> tuple[list[str], list[Any]]:
    """The labels of the columns and the names of the index levels, as pandas finds them."""
    head = file.read_bytes(0, min(file.size, _HEAD_BYTES))
    first = pd.read_csv(io.BytesIO(head), **arguments, nrows=1)
    return list(first.columns), list(first.index.names)


def _labels(file: FileIdentity, options: CsvOptions) -> tuple[list[str], int]:
    """The labels of all fields of a record, as pandas finds them, and where the records begin."""
    head = file.read_bytes(0, min(file.size, _HEAD_BYTES))
    bom = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    lines = head[bom:].split(b"\n")
    above = options.skiprows + (0 if options.header is None else options.header + 1)
    if len(lines) < above + 1 or (file.size > len(head) and len(lines) < above + 3):
        raise NotNative("a file of few or very long lines")
    before = lines[:above]
    if any(line.count(b'"') % 2 or not line.strip() for line in before):
        raise NotNative("blank lines or line breaks in the header")
    arguments: Mapping[str, Any] = {
        "sep": options.separator,
        "header": options.header,
        "names": None if options.names is None else list(options.names),
        "skiprows": options.skiprows,
        "nrows": 1,
        "dtype": str,
        "na_filter": False,
    }
    try:
        first = pd.read_csv(io.BytesIO(head), **arguments)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise NotNative("a beginning that cannot be read") from error
    labels = list(first.columns)
    if not isinstance(first.index, pd.RangeIndex) or not all(type(n) is str for n in labels):
        raise NotNative("labels that are no strings, or more fields than labels")
    if len(set(labels)) < len(labels):
        raise NotNative("equal labels")
    return labels, bom + sum(len(line) + 1 for line in before)
