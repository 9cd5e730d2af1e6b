"""astype between native dtypes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.types import physical
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import STR, Dtype, Field, NotNative, family_of, kind_of


def _cast_result(fields: tuple[Field, ...], params: Params) -> Field:
    (field,) = fields
    dtype: Dtype = params["dtype"]
    if dtype == field.dtype and field.kind != "opaque":
        return field
    if "nullable" in (field.kind, kind_of(dtype)):
        return _cast_nullable(field, dtype)
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


def _cast_nullable(field: Field, dtype: Dtype) -> Field:
    """From or to a nullable dtype, where no value can fail or change.

    To a dtype of NumPy only what misses nothing, or has a NaN or NaT of its own.
    """
    source = family_of(field.dtype) if field.kind == "nullable" else field.kind
    kind = kind_of(dtype)
    target = family_of(dtype) if kind == "nullable" else kind
    if kind in ("int", "bool") and field.may_miss:
        raise NotNative(f"casting {field.dtype} with missing values to {dtype}")
    if not _keeps_values(source, field.dtype, target, dtype):
        raise NotNative(f"casting {field.dtype} to {dtype}")
    return Field(dtype, nullable=field.may_miss)


def _keeps_values(source: str, old: Dtype, target: str, new: Dtype) -> bool:
    before, after = physical(old), physical(new)
    match source, target:
        case ("int", "int"):
            return np.can_cast(_numpy(before), _numpy(after), "safe")
        case ("int", "float"):
            return after == pl.Float64()
        case ("float", "float"):
            return before == after or after == pl.Float64()
        case ("decimal", "float"):
            # An integer below 2**53 is exact in both steps of Arrow's rule, which _cast follows.
            return after == pl.Float64() and before.precision <= 15  # type: ignore[attr-defined]  # a decimal
        case ("date", "datetime"):
            return True
        case ("datetime", "datetime") | ("timedelta", "timedelta"):
            return before == after and "[s]" not in f"{old}{new}"
        case ("bool", "bool") | ("str", "str"):
            return True
        case _:
            return False


def _numpy(dtype: pl.DataType) -> np.dtype[Any]:
    return np.dtype(str(dtype).lower())


@function("cast", _cast_result)
def _cast(_: Context, operand: Operand, *, dtype: Dtype) -> pl.Expr:
    source = operand.field.dtype
    if family_of(source) == "decimal" and physical(dtype) == pl.Float64():
        # The engine's own cast divides, which rounds better than what pandas gives.
        power = float(f"1e-{source.pyarrow_dtype.scale}")  # type: ignore[union-attr]  # a decimal
        return operand.expr.to_physical().cast(pl.Float64) * power
    values = operand.clean if kind_of(dtype) == "nullable" else operand.expr
    return values.cast(physical(dtype))
