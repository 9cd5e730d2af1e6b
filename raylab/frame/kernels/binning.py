"""Bins of numbers, by pandas' own code for each batch."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.batches import each_batch, to_pandas
from raylab.frame.kernels.categories import category_dtype
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.types import physical
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import INT64, Field, NotNative


def _binned(fields: tuple[Field, ...], params: Params) -> Field:
    (field,) = fields
    if field.kind not in ("int", "float"):
        raise NotNative(f"bins of {field.dtype}")
    options = dict(params["options"])
    labels = params["labels"]
    sample = pd.Series([], dtype=field.dtype)
    shown: Any = False if labels is None else list(labels)
    pd.cut(sample, list(params["edges"]), labels=shown, **options)  # pandas words the errors
    if labels is None:
        return Field(INT64, nullable=True, widens=True)
    return Field(category_dtype(labels, ordered=options["ordered"]))


@function("cut", _binned)
def _cut(
    context: Context,
    operand: Operand,
    *,
    edges: tuple[Any, ...],
    labels: tuple[str, ...] | None,
    options: tuple[tuple[str, Any], ...],
) -> pl.Expr:
    """The number or the name of the bin; missing outside of all bins."""
    arguments = dict(options)
    dtype = physical(context.result.dtype)

    def run(values: pl.Series) -> pl.Series:
        numbers = to_pandas(values, operand.field.dtype)
        codes: Any = pd.cut(numbers, list(edges), labels=False, **arguments)
        found = pl.Series("", np.asarray(codes, dtype="float64"), nan_to_null=True).cast(pl.Int64)
        if labels is None:
            return found
        names = pl.Series("", list(labels), dtype=dtype)
        return names.gather(found)

    return each_batch(operand.expr, run, dtype)


Options: TypeAlias = tuple[tuple[str, Any], ...]


def bins_in_time(ends: Any, moments: Any, options: Options) -> tuple[Any, Any]:
    """The bin of each moment by its number, and the labels of all bins.

    Which bins there are depends only on the first and the last moment of all.

    Args:
        ends: these two.
        moments: some of the moments between them.
        options: of pandas' resample.
    """
    order = np.argsort(moments, kind="stable")
    index = ends[:1].append([moments[order], ends[1:]])
    sizes = pd.Series(0, index=index).resample(**dict(options)).size()
    codes = np.empty(len(moments), dtype=np.int64)
    codes[order] = np.repeat(np.arange(len(sizes)), sizes.to_numpy())[1:-1]
    return codes, sizes.index


def _placed(fields: tuple[Field, ...], _: Params) -> Field:
    (field,) = fields
    if field.kind != "datetime":
        raise NotNative(f"bins in time of {field.dtype}")
    return Field(INT64, nullable=field.may_miss)


@function("time_bin", _placed)
def _time_bin(_: Context, operand: Operand, *, ends: tuple[int, int], options: Options) -> pl.Expr:
    """The number of the bin of a moment."""
    dtype = operand.field.dtype

    def run(values: pl.Series) -> pl.Series:
        moments = pd.DatetimeIndex(to_pandas(values.drop_nulls(), dtype))
        limits = pd.DatetimeIndex(
            np.array(ends, dtype=np.int64).view(np.dtype(f"M8[{moments.unit}]"))
        )
        codes, _ = bins_in_time(limits, moments, options)
        if not values.null_count():
            return pl.Series("", codes)
        places = pl.Series("", np.flatnonzero(values.is_not_null().to_numpy()))
        return pl.Series("", [None] * len(values), dtype=pl.Int64).scatter(places, codes)

    return each_batch(operand.expr, run, pl.Int64())
