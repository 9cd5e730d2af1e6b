"""Cells of reshaped frames: values that are kept for one column, or that no row gave."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from raylab.frame.kernels.batches import chosen
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.types import physical
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import Dtype, Field, NotNative, promoted


def _absent(_: tuple[Field, ...], params: Params) -> Field:
    physical(params["dtype"])
    return Field(params["dtype"])


@function("absent", _absent)
def _missing(_: Context, *, dtype: Dtype) -> pl.Expr:
    """A missing value of a dtype, for a column that these rows do not have."""
    return pl.lit(None, dtype=physical(dtype))


def _kept(fields: tuple[Field, ...], _: Params) -> Field:
    condition, value = fields
    if condition.kind != "bool" or value.kind == "opaque":
        raise NotNative(f"reshaping {value.dtype}")
    return replace(value, nullable=True)


@function("cell", _kept)
def _cell(context: Context, condition: Operand, value: Operand) -> pl.Expr:
    """The value where the condition holds; other than ``where_missing`` it keeps the dtype."""
    return chosen(condition, value, None, context.result.dtype)


def _revealed(fields: tuple[Field, ...], _: Params) -> Field:
    field, _missing = fields
    return replace(field, widens=promoted(field.dtype) != field.dtype)


@function("cell_or_missing", _revealed)
def _reveal(_: Context, operand: Operand, _missing: Operand) -> pl.Expr:
    """A column of cells; pandas widens it where a cell of any of the columns is missing.

    That is what the second argument tells, see ``missing_where``.
    """
    return operand.expr
