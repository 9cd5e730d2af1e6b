"""Fields of datetimes. Where a date may be missing, pandas widens the field to float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import BOOL, Field, NotNative

_INT32 = np.dtype("int32")

FIELDS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "year": lambda x: x.dt.year(),
    "month": lambda x: x.dt.month(),
    "day": lambda x: x.dt.day(),
    "hour": lambda x: x.dt.hour(),
    "minute": lambda x: x.dt.minute(),
    "second": lambda x: x.dt.second(),
    "quarter": lambda x: x.dt.quarter(),
    "dayofyear": lambda x: x.dt.ordinal_day(),
    "dayofweek": lambda x: x.dt.weekday() - 1,
}
"""Integer fields by the name of the pandas property."""


def _moments_only(field: Field) -> None:
    if field.kind != "datetime":
        raise NotNative(f"datetime fields of {field.dtype}")


def _integer(fields: tuple[Field, ...], _: Params) -> Field:
    (field,) = fields
    _moments_only(field)
    return Field(_INT32, nullable=field.may_miss, widens=field.may_miss)


def _register(name: str, build: Callable[[pl.Expr], pl.Expr]) -> None:
    @function(f"dt.{name}", _integer)
    def kernel(_: Context, operand: Operand) -> pl.Expr:
        return build(operand.expr).cast(pl.Int32)


for _name, _build in FIELDS.items():
    _register(_name, _build)


def _same_moment(fields: tuple[Field, ...], _: Params) -> Field:
    (field,) = fields
    _moments_only(field)
    return field


@function("dt.normalize", _same_moment)
def _normalize(_: Context, operand: Operand) -> pl.Expr:
    return operand.expr.dt.truncate("1d")


def _truth(fields: tuple[Field, ...], _: Params) -> Field:
    _moments_only(fields[0])
    return Field(BOOL, nullable=False)


@function("dt.is_leap_year", _truth)
def _is_leap_year(_: Context, operand: Operand) -> pl.Expr:
    return operand.expr.dt.is_leap_year().fill_null(False)
