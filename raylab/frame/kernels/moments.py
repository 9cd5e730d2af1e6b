"""Parsing moments and numbers from strings, and what pandas does with spans of time."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.batches import each_batch, from_pandas, in_batches, to_pandas
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import BOOL, INT64, STR, Field, NotNative

_EDGES: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "is_month_start": lambda x: x.dt.day() == 1,
    "is_month_end": lambda x: x.dt.day() == x.dt.month_end().dt.day(),
    "is_year_start": lambda x: x.dt.ordinal_day() == 1,
    "is_year_end": lambda x: (x.dt.month() == 12) & (x.dt.day() == 31),
    "is_quarter_start": lambda x: (x.dt.day() == 1) & (x.dt.month() % 3 == 1),
}


def _truth(fields: tuple[Field, ...], _: Params) -> Field:
    if fields[0].kind != "datetime":
        raise NotNative(f"datetime fields of {fields[0].dtype}")
    return Field(BOOL, nullable=False)


def _register_edge(name: str, build: Callable[[pl.Expr], pl.Expr]) -> None:
    @function(f"dt.{name}", _truth)
    def kernel(_: Context, operand: Operand) -> pl.Expr:
        return build(operand.expr).fill_null(False)


for _name, _build in _EDGES.items():
    _register_edge(_name, _build)

PLAIN_DIRECTIVES = re.compile(r"(?:%[YmdHMSj]|[^%])*\Z")
"""Directives that mean the same to Python and to the engine, in years of four digits."""


def _written(fields: tuple[Field, ...], _: Params) -> Field:
    if fields[0].kind != "datetime":
        raise NotNative(f"strftime of {fields[0].dtype}")
    return Field(STR)


@function("dt.strftime", _written)
def _strftime(_: Context, operand: Operand, *, form: str) -> pl.Expr:
    dtype = operand.field.dtype

    def run(values: pl.Series) -> pl.Series:
        if PLAIN_DIRECTIVES.match(form) and form and _four_digits(values):
            return values.dt.strftime(form)
        return from_pandas(to_pandas(values, dtype).dt.strftime(form), STR)

    return each_batch(operand.expr, run, pl.String())


def _four_digits(values: pl.Series) -> bool:
    try:
        low, high = values.min(), values.max()
    except (ValueError, OverflowError):  # a year that Python's datetime does not know
        return False
    if not isinstance(low, dt.datetime) or not isinstance(high, dt.datetime):
        return low is None
    return low.year >= 1000 and high.year <= 9999


def _component(fields: tuple[Field, ...], _: Params) -> Field:
    if fields[0].kind != "timedelta":
        raise NotNative(f"components of {fields[0].dtype}")
    return Field(INT64, nullable=fields[0].may_miss, widens=fields[0].may_miss)


@function("timedelta_part", _component)
def _timedelta_part(context: Context, operand: Operand, *, part: str) -> pl.Expr:
    return in_batches(context, lambda v: v.dt.components[part], operand)


def _parsed(fields: tuple[Field, ...], params: Params) -> Field:
    if fields[0].kind != "str":
        raise NotNative(f"parsing {fields[0].dtype}")
    return Field(np.dtype("M8[us]"), nullable=fields[0].may_miss or params["errors"] == "coerce")


@function("parse_datetime", _parsed)
def _parse(context: Context, text: Operand, *, form: str, errors: str) -> pl.Expr:
    """Strings of one format as datetimes in microseconds."""
    parse: Any = pd.to_datetime
    return in_batches(context, lambda v: parse(v, format=form, errors=errors), text)
