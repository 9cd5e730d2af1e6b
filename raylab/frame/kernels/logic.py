"""Logic on bool columns, which hold no nulls except loosely inside a filter.

Nullable bools have three values; pandas' rules for them are the engine's.
"""

from __future__ import annotations

import polars as pl

from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import BOOL, Field, NotNative, family_of


def _booleans(fields: tuple[Field, ...], _: Params) -> Field:
    first = fields[0]
    if first.kind == "nullable" and family_of(first.dtype) == "bool":
        if any(field.dtype != first.dtype for field in fields):
            raise NotNative("logic on other dtypes than one")
        return Field(first.dtype, nullable=any(field.nullable for field in fields))
    if any(f.kind != "bool" or f.nullable for f in fields):
        raise NotNative(f"logic on {' and '.join(str(f.dtype) for f in fields)}")
    return Field(BOOL, nullable=False)


@function("and", _booleans, loose=True)
def _and(_: Context, left: Operand, right: Operand) -> pl.Expr:
    return left.expr & right.expr


@function("or", _booleans, loose=True)
def _or(_: Context, left: Operand, right: Operand) -> pl.Expr:
    return left.expr | right.expr


@function("xor", _booleans)
def _xor(_: Context, left: Operand, right: Operand) -> pl.Expr:
    return left.expr ^ right.expr


def _condition(fields: tuple[Field, ...], _: Params) -> Field:
    (field,) = fields
    if field.kind != "nullable" or family_of(field.dtype) != "bool":
        raise NotNative(f"a mask of {field.dtype}")
    return Field(BOOL, nullable=False)


@function("holds", _condition)
def _holds(_: Context, operand: Operand) -> pl.Expr:
    """A nullable bool as a mask: what is missing does not hold."""
    return operand.expr.fill_null(False)


@function("not", _booleans)
def _not(_: Context, operand: Operand) -> pl.Expr:
    return ~operand.expr
