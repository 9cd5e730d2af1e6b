"""Aggregations of pairs of columns: covariance and correlation of the rows that have both."""

from __future__ import annotations

import polars as pl

from raylab.frame.kernels.batches import chosen
from raylab.frame.kernels.registry import Context, Operand, aggregation, function
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import BOOL, FLOAT64, Field, NotNative, column


def _paired(fields: tuple[Field, ...], _: Params) -> Field:
    for field in fields:
        if field.kind not in ("int", "float", "bool") or str(field.dtype) == "float32":
            raise NotNative(f"a covariance of {field.dtype}")
    return Field(FLOAT64)


@function("pair", _paired)
def _pair(_: Context, left: Operand, right: Operand) -> pl.Expr:
    """Both values of the rows that have both; others are missing."""
    one, other = left.clean.cast(pl.Float64), right.clean.cast(pl.Float64)
    both = Operand(one.is_not_null() & other.is_not_null(), Field(BOOL))
    x, y = (Operand(side, column(FLOAT64), left.raises or right.raises) for side in (one, other))
    return pl.struct(
        chosen(both, x, None, FLOAT64).alias("x"), chosen(both, y, None, FLOAT64).alias("y")
    )


def _number(_: Field, _params: Params) -> Field:
    return column(FLOAT64)


def _moments(operand: Operand) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """The number of pairs, and both sides as deviations from their means."""
    x, y = operand.expr.struct.field("x"), operand.expr.struct.field("y")
    return x.count(), x - x.mean(), y - y.mean()


@aggregation("pair_cov", _number)
def _covariance(_: Context, operand: Operand, *, ddof: int, least: int) -> pl.Expr:
    number, x, y = _moments(operand)
    covariance = (x * y).sum() / (number - ddof).cast(pl.Float64)
    defined = pl.when(number > ddof).then(covariance).otherwise(float("nan"))
    return pl.when(number >= least).then(defined)


@aggregation("pair_corr", _number)
def _correlation(_: Context, operand: Operand, *, least: int, of_columns: bool = False) -> pl.Expr:
    number, x, y = _moments(operand)
    scale = (x * x).sum().sqrt() * (y * y).sum().sqrt()
    value = ((x * y).sum() / scale).clip(-1.0, 1.0)
    defined = (number >= least) & (scale > 0)
    # pandas sees constants among columns; of two series it correlates what rounding has left.
    if of_columns:
        defined &= (x.min() < x.max()) & (y.min() < y.max())
    return pl.when(defined).then(value)
