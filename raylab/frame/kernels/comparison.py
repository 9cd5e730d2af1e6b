"""Comparisons. A missing side compares as False, in ``!=`` as True; NaN equals nothing.

Polars orders NaN above every number and equal to itself, so a side that may be NaN is made null
where that would show.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import polars as pl

from raylab.frame.kernels.registry import Context, Operand, function, guarded
from raylab.frame.kernels.types import common_dtype, unit_of
from raylab.frame.plan.functions import Params
from raylab.frame.plan.literals import LiteralField
from raylab.frame.plan.schema import BOOL, Dtype, Field, NotNative

_NUMBERS = ("int", "float", "bool")


def _comparable(fields: tuple[Field, ...], _: Params) -> Field:
    _shared_dtype(*fields)
    return Field(BOOL, nullable=False)


def _shared_dtype(left: Field, right: Field) -> Dtype | None:
    """The dtype in which both sides are compared; None when they are compared as they are."""
    if left.kind in _NUMBERS and right.kind in _NUMBERS:
        if left.kind == right.kind == "bool":
            return BOOL
        return _number_dtype(left, right)
    if left.kind != right.kind or left.kind in ("opaque", "nullable"):
        raise NotNative(f"comparing {left.dtype} with {right.dtype}")
    if left.kind == "str":
        return None
    return _moment_dtype(left, right)


def _number_dtype(left: Field, right: Field) -> Dtype:
    if {left.kind, right.kind} == {"int"}:
        dtype = common_dtype(left, right)
        if dtype.kind == "f":
            raise NotNative("comparing uint64 with signed integers")
        return dtype
    return common_dtype(left, right)


def _moment_dtype(left: Field, right: Field) -> Dtype:
    """The unit of the column when a constant fits it; two columns must agree."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, LiteralField):
            zoned = isinstance(other.dtype, pd.DatetimeTZDtype)
            if zoned != isinstance(one.dtype, pd.DatetimeTZDtype):
                raise NotNative("comparing datetimes with and without a time zone")
            unit = unit_of(other.dtype)
            if one.value.as_unit(unit) != one.value:
                raise NotNative("comparing with a moment in a finer unit")
            return other.dtype
    if left.dtype != right.dtype:
        raise NotNative(f"comparing {left.dtype} with {right.dtype}")
    return left.dtype


def _sides(left: Operand, right: Operand) -> tuple[pl.Expr, pl.Expr]:
    dtype = _shared_dtype(left.field, right.field)
    if dtype is None:
        return left.expr, right.expr
    return left.as_type(dtype), right.as_type(dtype)


def _but_nan(true: pl.Expr, operand: Operand, side: pl.Expr) -> pl.Expr:
    """The comparison where a side is no NaN, which Polars takes for the greatest number."""
    return true & side.is_not_nan() if operand.field.nan else true


def _ordering(name: str, compare: Callable[[pl.Expr, pl.Expr], pl.Expr], *, upper: int) -> None:
    """Registers an order comparison; ``upper`` is the side on which NaN would win."""

    @function(name, _comparable)
    def kernel(context: Context, left: Operand, right: Operand) -> pl.Expr:
        sides = _sides(left, right)
        true = _but_nan(compare(*sides), (left, right)[upper], sides[upper])
        return guarded(context, true, left, right)


_ordering("lt", lambda a, b: a < b, upper=1)
_ordering("le", lambda a, b: a <= b, upper=1)
_ordering("gt", lambda a, b: a > b, upper=0)
_ordering("ge", lambda a, b: a >= b, upper=0)


@function("eq", _comparable)
def _eq(context: Context, left: Operand, right: Operand) -> pl.Expr:
    a, b = _sides(left, right)
    true = a == b
    return guarded(context, _but_nan(true, right, b) if left.field.nan else true, left, right)


@function("ne", _comparable)
def _ne(context: Context, left: Operand, right: Operand) -> pl.Expr:
    a, b = _sides(left, right)
    true = a != b
    if left.field.nan and right.field.nan:
        true = true | b.is_nan()
    return guarded(context, true, left, right, missing=True)
