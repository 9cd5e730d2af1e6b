"""Functions of the rows around a row: positions, shifts, running totals, ranks, filling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.registry import Context, Kernel, Operand
from raylab.frame.kernels.types import literal, physical, unit_of
from raylab.frame.plan.functions import AGGREGATIONS, WINDOWS, Params, WindowFunction
from raylab.frame.plan.literals import literal_field
from raylab.frame.plan.schema import FLOAT64, INT64, OBJECT, Field, NotNative

_WIDE = ("int64", "uint64", "float64")
_HALF = ("int8", "int16")
"""Integers whose differences are float32 in pandas."""


def window(
    name: str,
    result: Callable[[Field, bool, Params], Field],
    *,
    by_group: bool = True,
    promotes: bool = True,
    local: bool = True,
) -> Callable[[Kernel], Kernel]:
    """Registers a window function: ``kernel(context, operand, **params) -> pl.Expr``.

    With ``by_group=False`` the kernel is also given the names of the key columns (after the
    operand), and sees to the groups itself.
    """

    def register(kernel: Kernel) -> Kernel:
        WINDOWS[name] = WindowFunction(name, result, kernel, by_group, promotes, local)
        return kernel

    return register


ROW = "\x01row of window"
"""The column that numbers the rows for kernels that see to the groups themselves."""


def group_of_row(keys: list[str]) -> pl.Expr:
    """A number for the group of each row: where the group's first row stands."""
    return pl.col(ROW).first().over(keys)


def _position(_field: Field, _grouped: bool, _: Params) -> Field:
    return Field(INT64, nullable=False)


@window("cumcount", _position)
@window("position", _position, promotes=False)
def _cumcount(_: Context, _operand: Operand, *, ascending: bool = True) -> pl.Expr:
    """The number of rows of the group before this one (descending: after it)."""
    forward = pl.int_range(pl.len(), dtype=pl.Int64)
    return forward if ascending else pl.len().cast(pl.Int64) - 1 - forward


@window("ngroup", _position, by_group=False, local=False)
def _ngroup(
    _: Context, _operand: Operand, keys: list[str], *, sort: bool, ascending: bool, skip: bool
) -> pl.Expr:
    """The number of the row's group: by its keys, missing ones last, or as groups appear.

    With ``skip``, rows with a missing key are in no group.
    """
    number = reduce(_refined, [_place(name) for name in keys]) if sort else group_of_row(keys)
    if skip:
        number = pl.when(pl.all_horizontal(pl.col(n).is_not_null() for n in keys)).then(number)
    if not sort or (skip and len(keys) > 1):
        number = number.rank("dense").cast(pl.Int64)
    return number - 1 if ascending else number.max() - number


def _place(name: str) -> pl.Expr:
    """The dense rank of a key; what is missing comes last."""
    rank = pl.col(name).rank("dense").cast(pl.Int64)
    return rank.fill_null(rank.max().fill_null(0) + 1)


def _refined(major: pl.Expr, minor: pl.Expr) -> pl.Expr:
    return (major * (minor.max() + 1) + minor).rank("dense").cast(pl.Int64)


def _held(_field: Field, _grouped: bool, params: Params) -> Field:
    field: Field = params["values"].field
    return field


@window("held", _held, by_group=False, local=False, promotes=False)
def _hold(context: Context, _operand: Operand, _keys: list[str], *, values: Any) -> pl.Expr:
    """Values in memory, one for each row by its position."""
    places = pl.int_range(pl.len(), dtype=pl.Int64)
    dtype = physical(context.result.dtype)
    return places.map_batches(values.series.gather, return_dtype=dtype)


def _of_group(field: Field, _: bool, params: Params) -> Field:
    aggregate = params["aggregate"]
    rest = {name: value for name, value in params.items() if name != "aggregate"}
    result = AGGREGATIONS[aggregate].result(field, rest)
    if aggregate in ("sum", "prod") and field.kind == "int" and str(field.dtype) not in _WIDE:
        # pandas keeps the narrow dtype where the sums fit it: it depends on data.
        raise NotNative(f"sums of {field.dtype} in groups")
    return result


@window("of_group", _of_group)
@window("of_group_or_null", _of_group, promotes=False)
def _aggregate(context: Context, operand: Operand, *, aggregate: str, **params: Any) -> pl.Expr:
    """An aggregation of the row's group."""
    built: pl.Expr = AGGREGATIONS[aggregate].kernel(context, operand, **params)
    return built


def _shifted(field: Field, grouped: bool, params: Params) -> Field:
    fill = params.get("fill")
    if field.kind == "opaque":
        raise NotNative(f"shifting {field.dtype}")
    if fill is not None:
        kind = literal_field(fill).kind
        same = kind == field.kind and kind in ("int", "float", "str", "bool")
        fits = same and (kind != "int" or _fits(fill, field))
        if not fits and (kind, field.kind) != ("int", "float"):
            raise NotNative(f"filling {field.dtype} with {fill!r}")
        return field
    if grouped:
        # pandas widens where a value is missing: not for a frame without rows.
        return replace(field, nullable=True, widens=field.kind in ("int", "bool"))
    if field.kind == "bool":
        return Field(OBJECT)
    return Field(FLOAT64) if field.kind == "int" else field.optional()


def _fits(value: int, field: Field) -> bool:
    bounds = np.iinfo(field.dtype)
    return int(bounds.min) <= value <= int(bounds.max)


@window("shift", _shifted)
def _shift(context: Context, operand: Operand, *, periods: int, fill: Any = None) -> pl.Expr:
    if fill is not None:
        return operand.expr.shift(periods, fill_value=literal(fill, operand.field.dtype))
    if context.result.dtype == FLOAT64:
        return operand.expr.cast(pl.Float64).shift(periods)
    return operand.expr.shift(periods)


_WIDE_NULLABLE = ("Int64", "Float64")


def _difference(field: Field, grouped: bool, _: Params) -> Field:
    match field.kind:
        case "int":
            if str(field.dtype) in _HALF or np.dtype(field.dtype).kind == "u":  # type: ignore[arg-type]  # NumPy dtype
                raise NotNative(f"differences of {field.dtype}")
            return replace(field, nullable=True, widens=True) if grouped else Field(FLOAT64)
        case "float":
            return replace(field, nullable=True, nan=True)
        case "datetime" | "timedelta":
            return Field(np.dtype(f"m8[{unit_of(field.dtype)}]"))
        case "nullable" if not grouped and str(field.dtype) in _WIDE_NULLABLE:
            return field.optional()
        case _:
            raise NotNative(f"differences of {field.dtype}")


@window("diff", _difference)
def _diff(context: Context, operand: Operand, *, periods: int) -> pl.Expr:
    """Of integers: subtracted as integers for all rows, as floats in groups, as in pandas."""
    values = operand.expr
    if operand.field.kind == "int":
        if context.result.dtype != FLOAT64:
            values = values.cast(pl.Float64)
        return (values - values.shift(periods)).cast(pl.Float64)
    return values - values.shift(periods)


def _relative(field: Field, _grouped: bool, _: Params) -> Field:
    if field.kind not in ("int", "float"):
        raise NotNative(f"relative changes of {field.dtype}")
    return Field(FLOAT64 if field.kind == "int" else field.dtype, nan=True)


@window("pct_change", _relative)
def _pct_change(context: Context, operand: Operand, *, periods: int) -> pl.Expr:
    values = operand.expr.cast(physical(context.result.dtype))
    return values / values.shift(periods) - 1


def _total(field: Field, grouped: bool, _: Params) -> Field:
    if field.kind == "nullable" and not grouped and str(field.dtype) in _WIDE_NULLABLE:
        return field
    if field.kind == "bool":
        return Field(INT64, nullable=False)
    if field.kind == "int" and (not grouped or str(field.dtype) in _WIDE):
        unsigned = np.dtype(field.dtype).kind == "u"  # type: ignore[arg-type]  # NumPy dtype
        return Field(np.dtype("uint64") if unsigned else INT64, nullable=False)
    if field.dtype == FLOAT64:
        return replace(field, nullable=field.may_miss, nan=True)
    raise NotNative(f"running totals of {field.dtype}")


@window("cumsum", _total)
def _cumsum(context: Context, operand: Operand, *, compensated: bool = False) -> pl.Expr:
    """The running total.

    In groups pandas compensates rounding, and what it carries on is NaN from the first total on
    that is not finite: so are the totals after it.
    """
    total = operand.clean.cast(physical(context.result.dtype)).cum_sum()
    if not compensated or context.result.kind != "float":
        return total
    broken = total.is_finite().not_().fill_null(False).cast(pl.UInt8).cum_max().shift(1)
    return pl.when((broken == 1) & total.is_not_null()).then(float("nan")).otherwise(total)


@window("cumprod", _total)
def _cumprod(context: Context, operand: Operand) -> pl.Expr:
    return operand.clean.cast(physical(context.result.dtype)).cum_prod()


def _extreme(field: Field, _grouped: bool, _: Params) -> Field:
    if field.kind not in ("int", "float", "datetime", "timedelta"):
        raise NotNative(f"running extremes of {field.dtype}")
    return replace(field, nullable=field.may_miss, nan=False)


@window("cummin", _extreme)
def _cummin(_: Context, operand: Operand) -> pl.Expr:
    return operand.clean.cum_min()


@window("cummax", _extreme)
def _cummax(_: Context, operand: Operand) -> pl.Expr:
    return operand.clean.cum_max()


def _ranked(field: Field, _grouped: bool, params: Params) -> Field:
    floats = params.get("method") == "average" or params.get("pct")
    if field.kind == "nullable" and not _grouped and floats and str(field.dtype) in _WIDE_NULLABLE:
        return Field(pd.Float64Dtype(), nullable=field.may_miss)
    if field.kind in ("opaque", "nullable"):
        raise NotNative(f"ranks of {field.dtype}")
    return Field(FLOAT64, nullable=field.may_miss and params.get("missing", "keep") == "keep")


@window("rank", _ranked)
def _rank(
    _: Context,
    operand: Operand,
    *,
    method: Literal["average", "min", "max", "dense", "ordinal"],
    ascending: bool,
    pct: bool,
    missing: str = "keep",
) -> pl.Expr:
    values = operand.expr.cast(pl.UInt8) if operand.field.kind == "bool" else operand.clean
    ranks = values.rank(method, descending=not ascending).cast(pl.Float64)
    total = ranks.max() if method == "dense" else values.count()
    if missing != "keep" and operand.field.may_miss:
        absent = values.is_null()
        ranks = _missing_ranked(ranks, absent, method, first=missing == "top")
        total = ranks.max() if method == "dense" else pl.len()
    return ranks / total if pct else ranks


def _missing_ranked(ranks: pl.Expr, absent: pl.Expr, method: str, *, first: bool) -> pl.Expr:
    """Ranks where missing values are equal to each other and come before or after all others."""
    number = absent.sum().cast(pl.Float64)
    own: pl.Expr
    match method:
        case "average":
            own = (number + 1) / 2
        case "max":
            own = number
        case "ordinal":
            own = absent.cum_sum().cast(pl.Float64)
        case _:
            own = pl.lit(1.0)
    present = ranks.max().fill_null(0) if method == "dense" else ranks.count()
    shift = (number > 0).cast(pl.Float64) if method == "dense" else number
    if first:
        return pl.when(absent).then(own).otherwise(ranks + shift)
    return pl.when(absent).then(own + present).otherwise(ranks)


def _filled(field: Field, _grouped: bool, _: Params) -> Field:
    if field.kind == "opaque":
        raise NotNative(f"filling {field.dtype}")
    return replace(field, nullable=field.may_miss, nan=False)


@window("ffill", _filled)
def _ffill(_: Context, operand: Operand, *, limit: int | None) -> pl.Expr:
    return operand.clean.forward_fill(limit)


@window("bfill", _filled)
def _bfill(_: Context, operand: Operand, *, limit: int | None) -> pl.Expr:
    return operand.clean.backward_fill(limit)
