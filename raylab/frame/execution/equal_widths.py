"""Strings of one width in memory as numbers: the places where they differ are the digits.

Identifiers, codes and dates written with a fixed width have few bytes that vary, each in a small
range. As digits of a mixed radix they make a dense number, whose order is that of the strings, in
some passes over the bytes: no hash table, no comparison of strings.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

Array: TypeAlias = np.ndarray[Any, Any]

_WIDEST = 64
_PIECE = 1 << 17
"""Rows that a thread takes at a time, in its processor's cache."""

_MOST = 1 << 54
"""Codes at all: 255 times so many are a whole number of 64 bits."""

_TOGETHER = 256
"""Rows whose bytes are compared in one go: a row alone is too short for vector instructions."""


@dataclass(frozen=True, eq=False)
class EqualWidths:
    """The numbering of strings of one width.

    Attributes:
        least: uint8 [width], the smallest byte at each place.
        sizes: how many bytes may stand at each place.
    """

    least: Array
    sizes: tuple[int, ...]

    @property
    def size(self) -> int:
        """One more than the largest code."""
        return math.prod(self.sizes)

    @cached_property
    def _digits(self) -> list[tuple[int, int]]:
        """The places that vary, from the left, and what a step there adds to the code."""
        weights = list(itertools.accumulate(self.sizes[:0:-1], lambda a, b: a * b, initial=1))
        pairs = zip(range(len(self.sizes)), reversed(weights), strict=True)
        return [(place, weight) for place, weight in pairs if self.sizes[place] > 1]

    def fill(self, out: Array, rows: Array) -> None:
        """Write the codes, int64 [rows], of bytes, uint8 [rows, width]."""
        dtype: Any = np.int32 if self.size < 1 << 23 else np.int64  # 255 times the code fits it
        least = -sum(int(self.least[place]) * weight for place, weight in self._digits)
        codes: Array = np.full(len(rows), least, dtype=dtype)
        scaled = np.empty_like(codes)
        for place, weight in self._digits:
            np.multiply(rows[:, place], weight, out=scaled, dtype=dtype)
            codes += scaled
        out[:] = codes

    def texts(self, codes: Array) -> pl.Series:
        """The strings that codes stand for."""
        rows = np.empty((len(codes), len(self.sizes)), dtype=np.uint8)
        rows[:] = self.least
        for place, weight in self._digits:
            rows[:, place] += (codes // weight % self.sizes[place]).astype(np.uint8)
        offsets = np.arange(len(codes) + 1, dtype=np.int64) * len(self.sizes)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(rows)]
        texts = pa.Array.from_buffers(pa.large_string(), len(codes), buffers)
        return pl.Series("", pl.from_arrow(texts), dtype=pl.String)

    def codes(self, texts: Any) -> Array:
        """The codes of any strings, int64 [rows]; -1 where they are of another kind."""
        found = np.full(len(texts), -1, dtype=np.int64)
        widths = pc.binary_length(texts).fill_null(-1).to_numpy(zero_copy_only=False)
        at = np.flatnonzero(widths == len(self.sizes))
        if not len(at):
            return found
        rows = np.concatenate(list(_bytes_of(_chunks(texts.take(at)), len(self.sizes))))
        known = (rows - self.least < np.array(self.sizes)).all(axis=1)  # smaller ones wrap around
        codes = np.empty(len(at), dtype=np.int64)
        self.fill(codes, rows)
        found[at[known]] = codes[known]
        return found


def numbered(texts: Any, most: int, pool: Executor) -> tuple[EqualWidths, Array] | None:
    """The numbering of strings and the number of each, int64 [rows], below ``most``.

    Args:
        texts: an Arrow array or chunked array of strings.
        most: codes; None is returned where the places vary more, or the widths.
        pool: threads that share the work.
    """
    chunks = _chunks(texts)
    width = len(chunks[0][0].as_buffer()) if chunks and chunks[0][0].is_valid else 0
    if not 0 < width <= _WIDEST or not all(_may_be_equal(chunk, width) for chunk in chunks):
        return None
    pieces = [
        chunk.slice(start, _PIECE) for chunk in chunks for start in range(0, len(chunk), _PIECE)
    ]
    if not all(pool.map(_is_equal, pieces, itertools.repeat(width))):
        return None
    rows = list(_bytes_of(pieces, width))
    least, most_bytes = _extremes(pool.map(_extremes_of, rows))
    numbering = EqualWidths(least, tuple((most_bytes.astype(int) - least + 1).tolist()))
    if numbering.size > min(most, _MOST):
        return None
    codes = np.empty(len(texts), dtype=np.int64)
    starts = itertools.accumulate((len(piece) for piece in rows[:-1]), initial=0)
    parts = [codes[start : start + len(piece)] for start, piece in zip(starts, rows, strict=True)]
    list(pool.map(numbering.fill, parts, rows))
    return numbering, codes


def _chunks(texts: Any) -> list[Any]:
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return [chunk for chunk in chunks if len(chunk)]


def _offsets(chunk: Any) -> Array:
    kind = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
    offsets = np.frombuffer(chunk.buffers()[1], dtype=kind)
    return offsets[chunk.offset : chunk.offset + len(chunk) + 1]


def _may_be_equal(chunk: Any, width: int) -> bool:
    """Strings, none missing, whose bytes are as many as their number and width say."""
    if chunk.null_count or not (
        pa.types.is_large_string(chunk.type) or pa.types.is_string(chunk.type)
    ):
        return False
    offsets = _offsets(chunk)
    return bool(offsets[-1] - offsets[0] == width * len(chunk))


def _is_equal(piece: Any, width: int) -> bool:
    found: dict[str, int] = pc.min_max(pc.binary_length(piece)).as_py()
    return found["min"] == width == found["max"]


def _bytes_of(pieces: Iterable[Any], width: int) -> Iterable[Array]:
    """The bytes of strings of that width, uint8 [rows, width], where they are."""
    for piece in pieces:
        start = int(_offsets(piece)[0])
        data = np.frombuffer(
            piece.buffers()[2], dtype=np.uint8, count=width * len(piece), offset=start
        )
        yield data.reshape(len(piece), width)


def _extremes_of(rows: Array) -> tuple[Array, Array]:
    """The least and the largest byte at each place."""
    width = rows.shape[1]
    whole = len(rows) // _TOGETHER * _TOGETHER
    wide = rows[:whole].reshape(-1, _TOGETHER * width)
    found = [(rows[whole:], rows[whole:])]
    if len(wide):
        low, high = wide.min(axis=0), wide.max(axis=0)
        found.append((low.reshape(-1, width), high.reshape(-1, width)))
    lows, highs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return lows.min(axis=0), highs.max(axis=0)


def _extremes(parts: Iterable[tuple[Array, Array]]) -> tuple[Array, Array]:
    lows, highs = zip(*parts, strict=True)
    return np.min(lows, axis=0), np.max(highs, axis=0)
