"""The bytes of a CSV file: where records end, and whether all readers agree about them.

Only text is taken whose records and fields every reader of CSV sees alike: quotes stand around
whole fields, lines end in one way, and none is blank. Anything else is left to pandas.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from raylab.frame.plan.schema import NotNative
from raylab.frame.sources import pieces as pieces_of_text
from raylab.frame.sources.files import FileIdentity

_NEWLINE, _RETURN, _QUOTE = b'\n\r"'
_NONE = np.empty(0, dtype=np.int64)
_LONGEST_RECORD = 1 << 26


@dataclass(frozen=True)
class Piece(pieces_of_text.Piece):
    """Consecutive whole records of a file.

    Attributes:
        quoted: some field stands in quotes.
    """

    quoted: bool


def pieces(
    file: FileIdentity, start: int, size: int, separator: str
) -> Iterator[tuple[Piece, bytes]]:
    """Cuts a file into pieces of about so many bytes; each is examined.

    Raises:
        NotNative: readers might see other records or fields than pandas.
    """
    waiting = b""
    position = start
    while position < file.size:
        data = waiting + file.read_bytes(position, min(file.size, position + size))
        position += len(data) - len(waiting)
        begin = position - len(data)
        last = position >= file.size
        if last:
            data = data.rstrip(b"\r\n")
        piece, end = _examined(data, begin, separator, last=last)
        if not last and len(data) - end > _LONGEST_RECORD:
            raise NotNative("a record of many megabytes")
        waiting = data[end:]
        if piece.rows:
            yield piece, data[:end]


def _examined(data: bytes, begin: int, separator: str, *, last: bool) -> tuple[Piece, int]:
    """The whole records at the beginning of the data, and where they end."""
    codes = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(codes == _QUOTE) if b'"' in data else _NONE
    newlines = np.flatnonzero(codes == _NEWLINE)
    ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0] if len(quotes) else newlines
    end = len(data) if last else int(ends[-1]) + 1 if len(ends) else 0
    if end == 0:
        return Piece(begin, begin, 0, quoted=False), 0
    codes, quotes = codes[:end], quotes[quotes < end]
    rows = len(ends) + int(last)
    _check_characters(data[:end])
    _check_quotes(codes, quotes, ord(separator))
    starts = np.concatenate([[0], ends[ends < end - 1] + 1])
    _check_blank_lines(data, codes, starts, ends, separator)
    return Piece(begin, begin + end, rows, quoted=bool(len(quotes))), end


def _check_characters(data: bytes) -> None:
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        raise NotNative("lines that end in a carriage return")
    if b"\0" in data:
        raise NotNative("NUL characters")


def _check_quotes(codes: Any, quotes: Any, separator: int) -> None:
    """Each quote opens or closes a whole field, or is one of two that stand for one."""
    if not len(quotes):
        return
    if len(quotes) % 2:
        raise NotNative("quotes without a partner")
    opening, closing = quotes[::2], quotes[1::2]
    padded = np.concatenate([[_NEWLINE], codes, [_NEWLINE]])
    doubled = np.concatenate([[False], opening[1:] == closing[:-1] + 1])
    before, after = padded[opening], padded[closing + 2]
    begins = (before == separator) | (before == _NEWLINE) | doubled
    ends = (after == separator) | (after == _NEWLINE) | (after == _RETURN)
    ends |= np.concatenate([doubled[1:], [False]])
    if not (begins.all() and ends.all()):
        raise NotNative("quotes inside of a field")


def _check_blank_lines(data: bytes, codes: Any, starts: Any, ends: Any, separator: str) -> None:
    """Pandas skips lines of nothing but blanks."""
    blanks = b" \t\r\n".replace(separator.encode(), b"")
    first = codes[starts]
    for number in np.flatnonzero(np.isin(first, np.frombuffer(blanks, dtype=np.uint8))):
        stop = int(ends[number]) if number < len(ends) else len(data)
        if not data[int(starts[number]) : stop].strip(blanks):
            raise NotNative("blank lines")


def field_name(number: int) -> str:
    """The name of a field by its position: the engine asks for such names."""
    return f"column_{number + 1}"


def parsed(
    data: bytes, piece: Piece, width: int, columns: list[int], separator: str
) -> pl.DataFrame:
    """Some fields of a piece as text, named by their position; what is not there is null.

    Raises:
        NotNative: a record has too many fields, or the text is not UTF-8.
    """
    names = {field_name(number): pl.String for number in range(width)}
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            infer_schema=False,
            schema=names,
            columns=[field_name(number) for number in columns],
            separator=separator,
            quote_char='"' if piece.quoted else None,
        )
    except pl.exceptions.PolarsError as error:
        raise NotNative("records with too many fields, or text that is not UTF-8") from error
    if frame.height != piece.rows:
        raise NotNative("records that are seen in several ways")
    return frame
