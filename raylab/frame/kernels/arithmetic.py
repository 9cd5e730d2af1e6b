"""Arithmetic on numbers, moments and strings, with NumPy's result dtypes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.batches import in_batches
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.types import common_dtype, unit_of
from raylab.frame.plan.functions import Params
from raylab.frame.plan.literals import LiteralField
from raylab.frame.plan.schema import FLOAT64, STR, Dtype, Field, NotNative, column

_NUMBERS = ("int", "float", "bool")


def _number(dtype: Dtype, *fields: Field) -> Field:
    """A computed number: NaN may come from infinities, null from missing arguments."""
    missing = any(f.may_miss for f in fields)
    is_float = isinstance(dtype, np.dtype) and dtype.kind == "f"
    return Field(dtype, nullable=missing, nan=is_float)


def _numbers_only(fields: tuple[Field, ...]) -> None:
    kinds = [f.kind for f in fields]
    if any(kind not in _NUMBERS for kind in kinds) or all(kind == "bool" for kind in kinds):
        raise NotNative(f"arithmetic on {' and '.join(str(f.dtype) for f in fields)}")


def _arithmetic(fields: tuple[Field, ...], _: Params) -> Field:
    _numbers_only(fields)
    return _number(common_dtype(*fields), *fields)


def _addition(fields: tuple[Field, ...], params: Params) -> Field:
    left, right = fields
    if left.kind == right.kind == "str":
        return column(STR, missing=left.may_miss or right.may_miss)
    if {left.kind, right.kind} == {"datetime", "timedelta"}:
        return _shifted(left if left.kind == "datetime" else right, left, right)
    return _arithmetic(fields, params)


def _subtraction(fields: tuple[Field, ...], params: Params) -> Field:
    left, right = fields
    if left.kind == right.kind == "datetime":
        if unit_of(left.dtype) != unit_of(right.dtype) or _zone(left) != _zone(right):
            raise NotNative("a difference of datetimes with other units or time zones")
        missing = left.may_miss or right.may_miss
        return Field(np.dtype(f"m8[{unit_of(left.dtype)}]"), nullable=missing)
    if (left.kind, right.kind) == ("datetime", "timedelta"):
        return _shifted(left, left, right)
    return _arithmetic(fields, params)


def _shifted(moment: Field, *fields: Field) -> Field:
    """A datetime moved by a constant span that its unit can express."""
    span = next(f for f in fields if f is not moment)
    if not isinstance(span, LiteralField):
        raise NotNative("a timedelta column added to datetimes")
    finer = pd.Timedelta(span.value).as_unit(unit_of(moment.dtype)) == span.value
    order = ("s", "ms", "us", "ns")
    if not finer or order.index(span.value.unit) > order.index(unit_of(moment.dtype)):
        raise NotNative("a timedelta in a finer unit than the datetimes")
    return Field(moment.dtype, nullable=moment.may_miss)


def _zone(field: Field) -> str | None:
    return str(field.dtype.tz) if isinstance(field.dtype, pd.DatetimeTZDtype) else None


def _division(fields: tuple[Field, ...], _: Params) -> Field:
    _numbers_only(fields)
    divisor = fields[1]
    if isinstance(divisor, LiteralField) and not _has_exact_inverse(divisor.value):
        raise NotNative("division by a constant, which the engine replaces by a multiplication")
    dtype = common_dtype(*fields)
    return _number(dtype if dtype.kind == "f" else FLOAT64, *fields)


def _has_exact_inverse(value: float) -> bool:
    mantissa, exponent = math.frexp(value)
    return abs(mantissa) == 0.5 and abs(exponent) < 100


def _integer_division(fields: tuple[Field, ...], params: Params) -> Field:
    """Only by a constant other than 0: pandas turns a division by 0 into float infinities."""
    divisor = fields[1]
    result = _arithmetic(fields, params)
    if fields[0].kind != "int" or divisor.kind != "int" or not isinstance(divisor, LiteralField):
        raise NotNative("floor division other than of integers by a constant")
    if divisor.value == 0:
        raise NotNative("floor division by 0")
    return result


def _power(fields: tuple[Field, ...], params: Params) -> Field:
    exponent = fields[1]
    if fields[0].kind == "bool":
        raise NotNative("powers of bools")
    if not isinstance(exponent, LiteralField) or exponent.value not in (1, 2):
        raise NotNative("powers other than 1 and 2")
    return _arithmetic(fields, params)


def _both(context: Context, left: Operand, right: Operand) -> tuple[pl.Expr, pl.Expr]:
    dtype = context.result.dtype
    return left.as_type(dtype), right.as_type(dtype)


@function("add", _addition)
def _add(context: Context, left: Operand, right: Operand) -> pl.Expr:
    if context.result.kind == "str":
        return pl.concat_str(left.expr, right.expr)
    if context.result.kind == "datetime":
        return _moved(context, left) + _moved(context, right)
    a, b = _both(context, left, right)
    return a + b


@function("sub", _subtraction)
def _sub(context: Context, left: Operand, right: Operand) -> pl.Expr:
    if left.field.kind == "datetime":
        return _moved(context, left) - _moved(context, right)
    a, b = _both(context, left, right)
    return a - b


def _moved(context: Context, operand: Operand) -> pl.Expr:
    """A moment as it is; a constant in the unit of the result: the engine does not convert it."""
    field = operand.field
    if not isinstance(field, LiteralField):
        return operand.expr
    if field.kind == "timedelta":
        return operand.as_type(np.dtype(f"m8[{unit_of(context.result.dtype)}]"))
    return operand.as_type(field.dtype)


@function("mul", _arithmetic)
def _mul(context: Context, left: Operand, right: Operand) -> pl.Expr:
    a, b = _both(context, left, right)
    return a * b


@function("truediv", _division)
def _truediv(context: Context, left: Operand, right: Operand) -> pl.Expr:
    a, b = _both(context, left, right)
    return a / b


@function("floordiv", _integer_division)
def _floordiv(context: Context, left: Operand, right: Operand) -> pl.Expr:
    a, b = _both(context, left, right)
    return a // b


@function("mod", _integer_division)
def _mod(context: Context, left: Operand, right: Operand) -> pl.Expr:
    a, b = _both(context, left, right)
    return a % b


@function("pow", _power)
def _pow(context: Context, left: Operand, right: Operand) -> pl.Expr:
    base = left.as_type(context.result.dtype)
    assert isinstance(right.field, LiteralField)  # noqa: S101  the typing rule saw to it
    return base * base if right.field.value == 2 else base


def _same(fields: tuple[Field, ...], _: Params) -> Field:
    (field,) = fields
    if field.kind not in ("int", "float", "timedelta") or np.dtype(field.dtype).kind == "u":  # type: ignore[arg-type]  # NumPy dtypes
        raise NotNative(f"a sign of {field.dtype}")
    return field


@function("neg", _same)
def _neg(_: Context, operand: Operand) -> pl.Expr:
    return -operand.expr


@function("abs", _same)
def _abs(_: Context, operand: Operand) -> pl.Expr:
    return operand.expr.abs()


def _rounded(fields: tuple[Field, ...], params: Params) -> Field:
    (field,) = fields
    if field.kind == "int" and params["decimals"] >= 0:
        return field
    if field.kind != "float":
        raise NotNative(f"rounding {field.dtype} to {params['decimals']} decimals")
    return field


@function("round", _rounded)
def _round(context: Context, operand: Operand, *, decimals: int) -> pl.Expr:
    """NumPy's rule: scale, round half to even, scale back by a true division."""
    if context.result.kind == "int":
        return operand.expr
    if decimals == 0:
        return operand.expr.round(0, mode="half_to_even")
    return in_batches(context, lambda v: v.round(decimals), operand)
