"""Cutting a partition into the pieces that other tasks get. Pure; what is cut depends on content.

A task that runs again must give the same pieces: the place of a row depends on its values, or on
bounds that were fixed before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import polars as pl

from raylab.frame.execution.physical import Order

_HASH_SEED = 20_261_123
_SAMPLES_PER_PARTITION = 64
_WEIGHT = "\x01weight"


def split_by_hash(frame: pl.DataFrame, keys: Sequence[str], parts: int) -> list[pl.DataFrame]:
    """The rows in ``parts`` frames; equal keys, and missing ones, go to the same frame."""
    columns = [
        pl.col(key).fill_nan(None) + 0.0 if frame.schema[key].is_float() else pl.col(key)
        for key in keys
    ]
    return _cut(frame, frame.select(pl.struct(columns).hash(_HASH_SEED) % parts).to_series(), parts)


def split_by_range(frame: pl.DataFrame, order: Order, bounds: pl.DataFrame) -> list[pl.DataFrame]:
    """The rows between the bounds, in one frame more than there are bounds; equal rows together."""
    behind = [_behind(frame, order, bounds[i]) for i in range(bounds.height)]
    target = reduce(lambda a, b: a + b, (flags.cast(pl.UInt32) for flags in behind))
    return _cut(frame, target, bounds.height + 1)


def _cut(frame: pl.DataFrame, target: pl.Series, parts: int) -> list[pl.DataFrame]:
    target = target.cast(pl.UInt32)
    return [frame.filter(target == part) for part in range(parts)]


def _behind(frame: pl.DataFrame, order: Order, bound: pl.DataFrame) -> pl.Series:
    """Which rows come behind a bound: in the first column, or equal there and in the next."""
    behind = pl.repeat(value=False, n=frame.height, dtype=pl.Boolean, eager=True)
    for name, descending in reversed(list(zip(order.by, order.descending, strict=True))):
        key, limit = _clean(frame[name]), _clean(bound[name])
        if limit.null_count():
            equal = key.is_null()
            after = key.is_not_null() if not order.nulls_last else equal & False
        else:
            equal = (key == limit).fill_null(value=False)
            after = (key < limit) if descending else (key > limit)
            after = after.fill_null(order.nulls_last)
        behind = after | (equal & behind)
    return behind


def _clean(key: pl.Series) -> pl.Series:
    return key.fill_nan(None) if key.dtype.is_float() else key


def sample(frame: pl.DataFrame, order: Order, parts: int) -> pl.DataFrame:
    """Evenly spaced rows of a partition, with the number of rows that each stands for."""
    step = max(1, frame.height // (_SAMPLES_PER_PARTITION * parts))
    rows = frame.select(order.by).gather_every(step)
    return rows.with_columns(pl.lit(step, dtype=pl.Int64).alias(_WEIGHT))


def choose_bounds(samples: Sequence[pl.DataFrame], order: Order, parts: int) -> pl.DataFrame:
    """``parts - 1`` rows that cut what the samples stand for into parts of nearly equal size."""
    rows = pl.concat(samples).with_columns(
        pl.col(name).fill_nan(None) for name in order.by if samples[0].schema[name].is_float()
    )
    rows = rows.sort(order.by, descending=list(order.descending), nulls_last=order.nulls_last)
    if rows.height == 0:
        return rows.drop(_WEIGHT).clear(n=parts - 1)
    seen = rows[_WEIGHT].cum_sum()
    total = int(seen[-1])
    at = [int(seen.search_sorted(total * i // parts)) for i in range(1, parts)]
    return rows.drop(_WEIGHT)[at]


def numbered(frame: pl.DataFrame, number: tuple[str, int, int], before: int) -> pl.DataFrame:
    """The rows of a partition numbered on from those before it: name, start, step."""
    name, start, step = number
    position = (pl.col(name).cast(pl.Int64) + before) * step + start
    return frame.with_row_index(name).with_columns(position)
