"""Casts that can fail or that write values as text: pandas' own, batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.batches import in_batches, result_dtype
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import Field, NotNative, kind_of

_TARGETS = ("bool", "int", "float", "str", "datetime", "timedelta", "nullable")


def _cast(fields: tuple[Field, ...], params: Params) -> Field:
    (field,) = fields
    target = params["target"]
    try:
        kind = kind_of(pd.api.types.pandas_dtype(target))
    except TypeError as error:  # a dtype that has no name, as some sparse ones
        raise NotNative(f"casting {field.dtype} to {target}") from error
    if field.kind == "opaque" or kind not in _TARGETS:
        raise NotNative(f"casting {field.dtype} to {target}")
    if field.kind in ("datetime", "timedelta") and pd.api.types.is_string_dtype(target):
        # pandas chooses one format from all values: midnights alone are written as dates.
        raise NotNative(f"writing {field.dtype} as text")
    try:
        dtype = result_dtype(field.dtype, None, "astype", (("dtype", target),))
    except (TypeError, ValueError) as error:
        raise NotNative(f"casting {field.dtype} to {target}") from error
    kind = kind_of(dtype)
    whole = kind in ("int", "bool")  # what is missing raises, or is True
    return Field(dtype, nullable=field.may_miss and not whole, nan=kind == "float")


@function("astype", _cast)
def _astype(context: Context, operand: Operand, *, target: str) -> pl.Expr:
    return in_batches(context, lambda values: values.astype(target), operand)


def _per_row(fields: tuple[Field, ...], params: Params) -> Field:
    kinds = {field.kind for field in fields}
    if not kinds <= {"int", "float", "bool"} or any(
        field.nullable for field in fields if field.kind != "float"
    ):
        raise NotNative("rows of columns that are not numbers")
    sample = _table(tuple(pd.Series([1], dtype=f.dtype) for f in fields))
    dtype = getattr(sample, params["name"])(axis=1, **dict(params["arguments"])).dtype
    if kind_of(dtype) not in kinds | {"float", "int", "bool"}:
        raise NotNative(f"{params['name']} of rows")
    return Field(dtype, nullable=False, nan=kind_of(dtype) == "float")


def _table(columns: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(dict(enumerate(columns)))


@function("per_row", _per_row)
def _reduce_rows(
    context: Context, *operands: Operand, name: str, arguments: tuple[tuple[str, Any], ...]
) -> pl.Expr:
    """A reduction along each row."""

    def work(*columns: Any) -> Any:
        with np.errstate(all="ignore"):
            return getattr(_table(columns), name)(axis=1, **dict(arguments))

    return in_batches(context, work, *operands)
