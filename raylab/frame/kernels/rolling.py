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

from raylab.frame.kernels.registry import Context, Operand
from raylab.frame.kernels.windows import group_of_row, window
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import FLOAT64, Field, NotNative

STATISTICS = ("sum", "mean", "std", "var", "min", "max", "median", "count")


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
    compute: Callable[[Any], Any] = partial(_statistic, statistic, options, shape)
    if not keys:
        return values.map_batches(lambda s: pl.Series(compute(_column(s))), return_dtype=pl.Float64)
    pairs = pl.struct(values.alias("value"), group_of_row(keys).alias("group"))
    return pairs.map_batches(partial(_in_groups, compute), return_dtype=pl.Float64)


def _column(series: pl.Series) -> Any:
    return pd.Series(series.to_numpy())


def _statistic(statistic: str, options: dict[str, Any], shape: dict[str, Any], values: Any) -> Any:
    """The statistic over a series or a groupby, as an array."""
    arguments = {name: value for name, value in shape.items() if value is not None}
    windows = (
        values.rolling(**arguments) if "window" in arguments else values.expanding(**arguments)
    )
    return getattr(windows, statistic)(**options).to_numpy()


def _in_groups(compute: Callable[[Any], Any], pairs: pl.Series) -> pl.Series:
    """The rows come group by group from pandas; they go back to their places."""
    groups = pairs.struct.field("group").to_numpy()
    places = np.argsort(groups, kind="stable")
    result = np.empty(len(groups))
    if len(groups):
        result[places] = compute(_column(pairs.struct.field("value")).groupby(groups))
    return pl.Series(result)
