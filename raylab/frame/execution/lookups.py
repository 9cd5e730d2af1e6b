"""Which row of a table has a key: by direct addressing, where the keys of rows in memory are dense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import take

from raylab.frame.execution.codes import POOL, codes_of
from raylab.frame.execution.equal_widths import Array
from raylab.frame.plan.schema import INT64, STR

_SPREAD = 2
"""So many possible keys for each row are worth the memory."""


def rows_with(keys: Any, table: Any) -> Array | None:
    """The row of the table that has each key; -1 where none has.

    Args:
        keys: int64 or strings [rows], as pandas' array.
        table: keys of the same dtype [rows of the table].

    Returns:
        int64 [rows]; None where keys of the table repeat, are missing or lie too far apart.
    """
    if keys.dtype != table.dtype or not len(table) or not len(keys):
        return None
    most = _SPREAD * (len(keys) + len(table))
    if keys.dtype == INT64:
        return _of_numbers(keys, table, most)
    return _of_texts(keys, table, most) if keys.dtype == STR else None


def _of_numbers(keys: Array, table: Array, most: int) -> Array | None:
    least, greatest = int(table.min()), int(table.max())
    if greatest - least >= most:
        return None
    lookup = _lookup(table - least, greatest - least + 1)
    if lookup is None:
        return None
    found = np.empty(len(keys), dtype=np.int64)

    def look_up(part: slice) -> None:
        places = keys[part] - least
        # Seen as unsigned numbers, those below the least one are too large, too.
        np.minimum(places.view(np.uint64), len(lookup) - 1, out=places.view(np.uint64))
        np.take(lookup, places, out=found[part], mode="clip")

    list(POOL.map(look_up, _halves(len(keys))))
    return found


def _of_texts(keys: Any, table: Any, most: int) -> Array | None:
    codes = codes_of(keys, most)
    if codes is None or codes.texts is None or not codes.complete or pd.isna(table).any():
        return None
    places = codes.texts.codes(table.__arrow_array__())
    inside = np.flatnonzero(places >= 0)
    lookup = _lookup(places[inside], codes.size, inside)
    return None if lookup is None else lookup[codes.values]


def _lookup(places: Array, size: int, rows: Array | None = None) -> Array | None:
    """The row at each place, and -1 beyond the last; None where two rows have one place."""
    lookup = np.full(size + 1, -1, dtype=np.int64)
    lookup[places] = np.arange(len(places)) if rows is None else rows
    return lookup if np.count_nonzero(lookup >= 0) == len(places) else None


def _halves(rows: int) -> tuple[slice, slice]:
    return slice(0, rows // 2), slice(rows // 2, rows)


def taken(columns: Sequence[Any], rows: Array | None, *, missing: bool = False) -> list[Any]:
    """Rows of pandas' arrays, as pandas takes them, a thread a column.

    Args:
        columns: the arrays.
        rows: which; None for all.
        missing: a row of -1 gives a missing value, for which pandas widens some dtypes.
    """

    def one(column: Any) -> Any:
        if rows is None:
            return column.copy()
        return take(column, rows, allow_fill=True) if missing else column.take(rows)

    return list(POOL.map(one, columns))
