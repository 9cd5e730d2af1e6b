"""astype between native dtypes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.types import physical
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import STR, Dtype, Field, NotNative


def _cast_result(fields: tuple[Field, ...], params: Params) -> Field:
    (field,) = fields
    dtype: Dtype = params["dtype"]
    if dtype == field.dtype and field.kind != "opaque":
        return field
    target = Field(dtype, nullable=field.nullable, nan=False)
    match field.kind, target.kind:
        case ("int" | "bool", "int" | "float"):
            widening = target.kind == "float" or np.can_cast(field.dtype, dtype, "safe")  # type: ignore[arg-type]  # NumPy dtypes
            if not widening:
                raise NotNative(f"casting {field.dtype} to {dtype}")
            return target
        case ("float", "float"):
            return replace(target, nan=field.nan)
        case ("int", "str"):
            return Field(STR, nullable=False)
        case _:
            # Casts that can fail or wrap (float to int, str to number) take pandas' own path.
            raise NotNative(f"casting {field.dtype} to {dtype}")


@function("cast", _cast_result)
def _cast(_: Context, operand: Operand, *, dtype: Dtype) -> pl.Expr:
    return operand.expr.cast(physical(dtype))
