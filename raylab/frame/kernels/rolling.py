"""Moving windows, by pandas' own algorithms.

What a moving sum or variance is to the last bits depends on how values enter and leave it;
infinities count as missing. So these columns go through pandas' compiled loops, as arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from pandas.api.indexers import BaseIndexer

from raylab.frame.kernels.carrying import carrying
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.windows import group_of_row, window
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import FLOAT64, Field, NotNative


def _moving(field: Field, _grouped: bool, params: Params) -> Field:
    counts = params["statistic"] == "count" and field.kind != "opaque"
    if field.kind not in ("int", "float", "bool") and not counts:
        raise NotNative(f"moving windows over {field.dtype}")
    return Field(FLOAT64, nullable=False, nan=True)


def _timed(fields: tuple[Field, ...], params: Params) -> Field:
    value, time = fields
    if time.kind != "datetime":
        raise NotNative(f"windows in time over {time.dtype}")
    return _moving(value, False, params)


@function("timed", _timed)
def _with_time(_: Context, value: Operand, time: Operand, *, statistic: str) -> pl.Expr:
    """A value and the moment of its row, for windows in time."""
    del statistic  # only the rule asks
    return pl.struct(_numbers(value).alias("value"), time.expr.to_physical().alias("time"))


def _numbers(operand: Operand) -> pl.Expr:
    if operand.field.kind in ("int", "float", "bool"):
        return operand.expr.cast(pl.Float64)
    return pl.when(operand.clean.is_not_null()).then(1.0)


@window("moving", _moving, by_group=False)
def _moving_window(
    _: Context,
    operand: Operand,
    keys: list[str],
    *,
    statistic: str,
    kind: str,
    options: tuple[tuple[str, Any], ...] = (),
    unit: str | None = None,
    **shape: Any,
) -> pl.Expr:
    """A statistic of the rows around each row.

    ``kind`` is rolling, expanding or ewm, ``shape`` what these take in pandas, ``options`` what
    the statistic takes. With a ``unit`` the operand has moments beside its values.
    """
    compute = partial(_statistic, kind, statistic, dict(options), shape)
    if unit is not None:
        parts = [operand.expr.struct.field("value"), operand.expr.struct.field("time")]
    else:
        parts = [_numbers(operand)]
    if keys:
        parts.append(group_of_row(keys).alias("group"))
    names = ["value", *(["time"] if unit is not None else []), *(["group"] if keys else [])]
    rows = pl.struct([part.alias(name) for part, name in zip(parts, names, strict=True)])
    work = carrying(partial(_all_rows, compute, unit, bool(keys)))
    return rows.map_batches(work, return_dtype=pl.Float64)


def _all_rows(compute: Callable[..., Any], unit: str | None, grouped: bool, rows: pl.Series) -> Any:
    """The rows are put group by group, and their results back to their places."""
    values = rows.struct.field("value").to_numpy()
    times = None
    if unit is not None:
        times = rows.struct.field("time").to_numpy().astype("int64").view(f"M8[{unit}]")
    if not grouped or not len(values):
        return pl.Series(compute(values, times, None), dtype=pl.Float64)
    groups = rows.struct.field("group").to_numpy()
    places = np.argsort(groups, kind="stable")
    ordered = None if times is None else times[places]
    result = np.empty(len(groups))
    result[places] = compute(values[places], ordered, groups[places])
    return pl.Series(result)


class _WithinGroups(BaseIndexer):
    """The windows of rows that stand group by group: none reaches into another group.

    Args:
        groups: the group of each row; equal ones are neighbours.
        size: rows in a window; None for all of the group so far.
    """

    def __init__(self, groups: Any, size: int | None) -> None:
        super().__init__()
        first = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
        lengths = np.diff(np.r_[first, len(groups)])
        self._start = np.repeat(first, lengths)
        self._length = np.repeat(lengths, lengths)
        self._size = size

    def get_window_bounds(
        self,
        num_values: int = 0,  # noqa: ARG002  pandas' signature
        min_periods: int | None = None,  # noqa: ARG002  pandas' signature
        center: bool | None = None,
        closed: str | None = None,
        step: int | None = None,  # noqa: ARG002  pandas' signature
    ) -> tuple[Any, Any]:
        """The first row of each window and the one after its last, as pandas' fixed windows."""
        end = np.arange(len(self._start)) - self._start + 1
        start = np.zeros_like(end)
        if self._size is not None:
            end = end + ((self._size - 1) // 2 if center else 0)
            start = end - self._size
            start = start - 1 if closed in ("left", "both") else start
            end = end - 1 if closed in ("left", "neither") else end
        bounds = [self._start + np.clip(bound, 0, self._length) for bound in (start, end)]
        return bounds[0].astype(np.int64), bounds[1].astype(np.int64)


def _statistic(
    kind: str,
    statistic: str,
    options: dict[str, Any],
    shape: dict[str, Any],
    values: Any,
    times: Any,
    groups: Any,
) -> Any:
    """The statistic as an array; with groups, of rows that stand group by group."""
    arguments = {name: value for name, value in shape.items() if value is not None}
    if groups is not None and (times is not None or kind == "ewm"):
        cuts = np.flatnonzero(groups[1:] != groups[:-1]) + 1
        parts = zip(
            np.split(values, cuts),
            [None] * (len(cuts) + 1) if times is None else np.split(times, cuts),
            strict=True,
        )
        found = [_statistic(kind, statistic, options, shape, *part, None) for part in parts]
        return np.concatenate(found)
    series: Any = pd.Series(values, index=None if times is None else pd.DatetimeIndex(times))
    if groups is not None:
        size = arguments.pop("window", None)
        windows = series.rolling(_WithinGroups(groups, size), **arguments)
    else:
        windows = getattr(series, kind)(**arguments)
    return getattr(windows, statistic)(**options).to_numpy()
