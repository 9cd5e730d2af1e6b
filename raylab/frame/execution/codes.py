"""Group keys in memory as dense codes, whose order is that of the keys: no hash table of the rows.

The range of whole numbers and the distinct strings of a column are known before anything is
aggregated. Both cores work: on halves of the strings, and on several columns at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from raylab.frame.execution.equal_widths import Array, EqualWidths, numbered
from raylab.frame.plan.schema import INT64, STR

POOL = ThreadPoolExecutor(pl.thread_pool_size(), thread_name_prefix="raylab-groups")
"""As many threads as the engine has; NumPy, Arrow and pandas' loops leave the interpreter."""

_LARGEST = 1 << 62
"""Of a code for several keys."""


@dataclass(frozen=True, eq=False)
class Distinct:
    """The numbering of strings by those that there are.

    Attributes:
        known: the distinct strings, in order.
    """

    known: pl.Series

    def texts(self, codes: Array) -> pl.Series:
        """The strings that codes stand for."""
        return self.known.gather(codes)

    def codes(self, texts: Any) -> Array:
        """The codes of any strings, int64 [rows]; -1 where they are not known."""
        places = pc.index_in(texts, value_set=self.known.to_arrow().cast(texts.type))
        codes: Array = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return codes


@dataclass(frozen=True, eq=False)
class Codes:
    """A key of each row.

    Attributes:
        numbers: int64 [rows], the codes with ``least`` added.
        size: one more than the largest code.
        least: of whole numbers, what code 0 stands for.
        texts: of strings, what the codes stand for.
        complete: no key is missing.
    """

    numbers: Array
    size: int
    least: int = 0
    texts: Distinct | EqualWidths | None = None
    complete: bool = True

    @cached_property
    def values(self) -> Array:
        """The codes, int64 [rows], below size; -1 where the key is missing."""
        return self.numbers - self.least if self.least else self.numbers

    def decoded(self, name: str, codes: Array, dtype: pl.DataType) -> pl.Series:
        """The keys that codes stand for."""
        if self.texts is not None:
            return self.texts.texts(codes).alias(name)
        return pl.Series(name, codes + self.least).cast(dtype)


def tightened(key: Codes) -> Codes:
    """The same key with a code for each string that there is, and none for those between."""
    if not isinstance(key.texts, EqualWidths):
        return key
    is_there = np.bincount(key.numbers, minlength=key.size) > 0
    lookup = np.cumsum(is_there) - 1
    known = Distinct(key.texts.texts(np.flatnonzero(is_there)))
    return Codes(lookup[key.numbers], len(known.known), texts=known)


def codes_of(values: Any, most: int) -> Codes | None:
    """The codes of a pandas array; None where there would be more than so many, or no order.

    Args:
        values: strings as pandas' array, or a NumPy array of whole numbers.
        most: codes; where numbers, or strings as numbers, lie further apart a hash table is better.
    """
    if values.dtype == STR:
        return _of_texts(values.__arrow_array__(), most)
    if values.dtype != INT64 or not len(values):
        return None
    least, greatest = int(values.min()), int(values.max())
    if greatest - least >= most:
        return None
    return Codes(values, greatest - least + 1, least)


def _of_texts(texts: Any, most: int) -> Codes:
    numbering = numbered(texts, most, POOL)
    if numbering is not None:
        by_width, codes = numbering
        return Codes(codes, by_width.size, texts=by_width)
    whole = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
    middle = len(whole) // 2
    halves = list(POOL.map(_encoded, (whole[:middle], whole[middle:])))
    found = [pl.Series("", pl.from_arrow(dictionary), dtype=pl.String) for dictionary, _ in halves]
    distinct = pl.concat(found).drop_nulls().unique().sort()
    places = [Distinct(distinct).codes(dictionary) for dictionary, _ in halves]
    values = np.empty(len(whole), dtype=np.int64)

    def fill(place: Array, indices: Sequence[Any], start: int) -> None:
        lookup = np.append(place, -1)  # a missing string has the last one
        for chunk in indices:
            at = chunk.fill_null(len(place)) if chunk.null_count else chunk
            np.take(lookup, at.to_numpy(), out=values[start : start + len(chunk)], mode="clip")
            start += len(chunk)

    starts = (0, middle)
    list(POOL.map(fill, places, (indices for _, indices in halves), starts))
    size = max(1, len(distinct))
    return Codes(values, size, texts=Distinct(distinct), complete=not whole.null_count)


def _encoded(texts: Any) -> tuple[Any, list[Any]]:
    """The distinct strings, and which of them stands where, chunk by chunk."""
    encoded = texts.dictionary_encode()
    if not encoded.num_chunks:
        return pa.array([], type=texts.type), []
    if len({len(chunk.dictionary) for chunk in encoded.chunks}) > 1:  # not the same for all
        encoded = encoded.unify_dictionaries()
    return encoded.chunk(0).dictionary, [chunk.indices for chunk in encoded.chunks]


def combined(keys: Sequence[Codes]) -> Codes | None:
    """One code for several keys, in the order of the first, then the second, ...; None: too many."""
    first, *others = keys
    if not others:
        return first
    size = 1
    for key in keys:
        size *= key.size
    if size > _LARGEST:
        return None
    values = first.values
    for number, key in enumerate(others):
        # The first product makes a new array, which the following ones may change.
        values = np.multiply(values, key.size, out=values if number else None)
        values += key.values
    complete = all(key.complete for key in keys)
    for key in keys:
        if not key.complete:
            values[key.values < 0] = -1
    return Codes(values, size, complete=complete)


def taken_apart(keys: Sequence[Codes], codes: Array) -> list[Array]:
    """The codes of each key from codes for all of them."""
    parts: list[Array] = []
    for key in keys[:0:-1]:
        above = codes // key.size  # by a scalar, which NumPy makes a product
        parts.append(codes - above * key.size)
        codes = above
    return [codes, *reversed(parts)]
