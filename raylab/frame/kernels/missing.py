"""Missing values: tests, filling, and settling a dtype that depends on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import polars as pl

from raylab.frame.kernels.batches import in_batches
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.types import common_dtype, fits, physical
from raylab.frame.plan.functions import Params
from raylab.frame.plan.literals import LiteralField
from raylab.frame.plan.schema import BOOL, FLOAT64, Field, NotNative, promoted


def _truth(_fields: tuple[Field, ...], _: Params) -> Field:
    return Field(BOOL, nullable=False)


@function("isna", _truth)
def _isna(_: Context, operand: Operand) -> pl.Expr:
    return operand.clean.is_null()


@function("notna", _truth)
def _notna(_: Context, operand: Operand) -> pl.Expr:
    return operand.clean.is_not_null()


def _filled(fields: tuple[Field, ...], _: Params) -> Field:
    field, value = fields
    if field.kind == "nullable":
        return _filled_nullable(field, value)
    numbers = ("int", "float")
    if field.kind == "float" and value.kind in numbers:
        if not isinstance(value, LiteralField) and value.dtype != field.dtype:
            raise NotNative(f"filling {field.dtype} with {value.dtype}")
        if isinstance(value, LiteralField) and common_dtype(field, value) != field.dtype:
            raise NotNative(f"filling {field.dtype} with {value.dtype}")
    elif field.kind != value.kind or field.kind == "opaque":
        raise NotNative(f"filling {field.dtype} with {value.dtype}")
    elif field.kind in ("datetime", "timedelta") and isinstance(value, LiteralField):
        if not fits(value, field):
            raise NotNative(f"filling {field.dtype} with {value.dtype}")
    elif field.kind == "int" and not field.nullable:
        return field
    elif not isinstance(value, LiteralField) and value.dtype != field.dtype:
        raise NotNative(f"filling {field.dtype} with {value.dtype}")
    return replace(field, nullable=value.nullable, nan=value.nan)


def _filled_nullable(field: Field, value: Field) -> Field:
    if value.dtype == field.dtype:
        return replace(field, nullable=value.nullable)
    if isinstance(value, LiteralField):
        missing: Any = pd.Series([None], dtype=field.dtype)
        try:
            if missing.fillna(value.value).dtype == field.dtype:
                return replace(field, nullable=False)
        except (TypeError, ValueError) as error:
            raise NotNative(f"filling {field.dtype} with {value.value!r}") from error
    raise NotNative(f"filling {field.dtype} with {value.dtype}")


@function("fillna", _filled)
def _fillna(context: Context, operand: Operand, value: Operand) -> pl.Expr:
    if not operand.field.may_miss:
        return operand.expr
    if operand.field.kind == "nullable" and isinstance(value.field, LiteralField):
        constant = value.field.value
        return in_batches(context, lambda v: v.fillna(constant), operand)
    return operand.clean.fill_null(value.as_type(operand.field.dtype))


def _first_of(fields: tuple[Field, ...], _: Params) -> Field:
    left, right = fields
    if left.dtype != right.dtype:
        raise NotNative(f"one column of {left.dtype} and {right.dtype}")
    missing = left.may_miss and right.may_miss
    shared = tuple({p.fingerprint: p for p in left.promotions + right.promotions}.values())
    return replace(
        left,
        nullable=missing,
        nan=left.nan and right.nan,
        promotions=shared if left.promotions and right.promotions and not missing else (),
    )


@function("coalesce", _first_of)
def _coalesce(_: Context, left: Operand, right: Operand) -> pl.Expr:
    """The left value, or the right one where the left is missing (a key of an outer join)."""
    return pl.coalesce(left.clean, right.clean)


def _promoted(fields: tuple[Field, ...], _: Params) -> Field:
    (field,) = fields
    dtype = promoted(field.dtype)
    if dtype != FLOAT64:
        raise NotNative(f"{field.dtype} with missing values")
    return Field(dtype, nullable=True)


@function("promoted", _promoted)
def _promote(context: Context, operand: Operand) -> pl.Expr:
    """A column whose probe found missing values, in the dtype that pandas gives it."""
    return operand.expr.cast(physical(context.result.dtype))


def _plain(fields: tuple[Field, ...], _: Params) -> Field:
    (field,) = fields
    return replace(field, nullable=False, promotions=(), widens=False)


@function("plain", _plain)
def _keep(_: Context, operand: Operand) -> pl.Expr:
    """A column whose probe found nothing missing."""
    return operand.expr
