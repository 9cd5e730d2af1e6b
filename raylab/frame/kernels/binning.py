"""Bins of numbers, by pandas' own code for each batch."""

from __future__ import annotations

from typing import Any

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
