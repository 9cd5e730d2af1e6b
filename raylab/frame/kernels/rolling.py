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

from raylab.frame.kernels.registry import Context, Operand
from raylab.frame.kernels.windows import group_of_row, window
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import FLOAT64, Field, NotNative


def _moving(field: Field, _grouped: bool, params: Params) -> Field:
    counts = params["statistic"] == "count" and field.kind != "opaque"
    if field.kind not in ("int", "float", "bool") and not counts:
        raise NotNative(f"moving windows over {field.dtype}")
    return Field(FLOAT64, nullable=False, nan=True)


@window("moving", _moving, by_group=False)
def _moving_window(
    _: Context,
    operand: Operand,
    keys: list[str],
    *,
    statistic: str,
    ddof: int | None = None,
    **shape: Any,
) -> pl.Expr:
    """A statistic of the rows around each row.

    ``shape`` is the size of the window, None for all rows so far, and what else pandas' rolling
    and expanding take.
    """
    if operand.field.kind in ("int", "float", "bool"):
        values = operand.expr.cast(pl.Float64)
    else:
        values = pl.when(operand.clean.is_not_null()).then(1.0)
    options = {} if ddof is None else {"ddof": ddof}
    compute = partial(_statistic, statistic, options, shape)
    if not keys:
        return values.map_batches(
            lambda column: pl.Series(compute(column.to_numpy(), None)), return_dtype=pl.Float64
        )
    pairs = pl.struct(values.alias("value"), group_of_row(keys).alias("group"))
    return pairs.map_batches(partial(_in_groups, compute), return_dtype=pl.Float64)


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
    statistic: str, options: dict[str, Any], shape: dict[str, Any], values: Any, groups: Any
) -> Any:
    """The statistic as an array; with groups, of rows that stand group by group."""
    arguments = {name: value for name, value in shape.items() if value is not None}
    series: Any = pd.Series(values)
    if groups is not None:
        size = arguments.pop("window", None)
        windows = series.rolling(_WithinGroups(groups, size), **arguments)
    elif "window" in arguments:
        windows = series.rolling(**arguments)
    else:
        windows = series.expanding(**arguments)
    return getattr(windows, statistic)(**options).to_numpy()


def _in_groups(compute: Callable[[Any, Any], Any], pairs: pl.Series) -> pl.Series:
    """The rows are put group by group, and their results back to their places."""
    groups = pairs.struct.field("group").to_numpy()
    places = np.argsort(groups, kind="stable")
    result = np.empty(len(groups))
    if len(groups):
        values = pairs.struct.field("value").to_numpy()
        result[places] = compute(values[places], groups[places])
    return pl.Series(result)
