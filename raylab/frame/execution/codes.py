"""Group keys in memory as dense codes, whose order is that of the keys: no hash table of the rows.

The range of whole numbers and the distinct strings of a column are known before anything is
aggregated. Both cores work: on halves of the strings, and on several columns at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from raylab.frame.plan.schema import INT64, STR

Array: TypeAlias = np.ndarray[Any, Any]

POOL = ThreadPoolExecutor(pl.thread_pool_size(), thread_name_prefix="raylab-groups")
"""As many threads as the engine has; NumPy, Arrow and pandas' loops leave the interpreter."""

_LARGEST = 1 << 62
"""Of a code for several keys."""


@dataclass(frozen=True, eq=False)
class Codes:
    """A key of each row.

    Attributes:
        numbers: int64 [rows], the codes with ``least`` added.
        size: one more than the largest code.
        least: of whole numbers, what code 0 stands for.
        texts: of strings, what the codes stand for, in order.
        complete: no key is missing.
    """

    numbers: Array
    size: int
    least: int = 0
    texts: pl.Series | None = None
    complete: bool = True

    @cached_property
    def values(self) -> Array:
        """The codes, int64 [rows], below size; -1 where the key is missing."""
        return self.numbers - self.least if self.least else self.numbers

    def decoded(self, name: str, codes: Array, dtype: pl.DataType) -> pl.Series:
        """The keys that codes stand for."""
        if self.texts is not None:
            return self.texts.gather(codes).alias(name)
        return pl.Series(name, codes + self.least).cast(dtype)


def codes_of(values: Any, most: int) -> Codes | None:
    """The codes of a pandas array; None where there would be more than so many, or no order.

    Args:
        values: strings as pandas' array, or a NumPy array of whole numbers.
        most: codes of whole numbers; where numbers lie further apart a hash table is better.
    """
    if values.dtype == STR:
        return _of_texts(values.__arrow_array__())
    if values.dtype != INT64 or not len(values):
        return None
    least, greatest = int(values.min()), int(values.max())
    if greatest - least >= most:
        return None
    return Codes(values, greatest - least + 1, least)


def _of_texts(texts: Any) -> Codes:
    whole = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
    middle = len(whole) // 2
    halves = list(POOL.map(_encoded, (whole[:middle], whole[middle:])))
    found = [pl.Series("", pl.from_arrow(dictionary), dtype=pl.String) for dictionary, _ in halves]
    distinct = pl.concat(found).drop_nulls().unique().sort()
    known = distinct.to_arrow()
    places = [pc.index_in(d, value_set=known.cast(d.type)).to_numpy() for d, _ in halves]
    values = np.empty(len(whole), dtype=np.int64)

    def fill(place: Array, indices: Sequence[Any], start: int) -> None:
        lookup = np.append(place, -1).astype(np.int64)  # a missing string has the last one
        for chunk in indices:
            at = chunk.fill_null(len(place)) if chunk.null_count else chunk
            np.take(lookup, at.to_numpy(), out=values[start : start + len(chunk)], mode="clip")
            start += len(chunk)

    starts = (0, middle)
    list(POOL.map(fill, places, (indices for _, indices in halves), starts))
    return Codes(values, max(1, len(known)), texts=distinct, complete=not whole.null_count)


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
