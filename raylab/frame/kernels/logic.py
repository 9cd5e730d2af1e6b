"""Logic on bool columns, which hold no nulls except loosely inside a filter."""

from __future__ import annotations

import polars as pl

from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import BOOL, Field, NotNative


def _booleans(fields: tuple[Field, ...], _: Params) -> Field:
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


@function("not", _booleans)
def _not(_: Context, operand: Operand) -> pl.Expr:
    return ~operand.expr
