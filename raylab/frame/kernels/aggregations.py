"""Aggregations of groups and of whole columns; missing values are skipped."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.registry import Context, Operand, aggregation, function
from raylab.frame.kernels.types import physical
from raylab.frame.plan.expressions import Expr, call
from raylab.frame.plan.functions import Params, Split
from raylab.frame.plan.schema import (
    BOOL,
    FLOAT64,
    INT64,
    Dtype,
    Field,
    NotNative,
    column,
    family_of,
)


@functools.cache
def group_dtype(dtype: Dtype, name: str) -> Dtype:
    """The dtype that pandas gives an aggregation of a nullable column in groups."""
    make: Any = pd.array
    sample: Any = pd.DataFrame({"k": [0], "x": make([None], dtype=dtype)})
    try:
        found: Dtype = getattr(sample.groupby("k")["x"], name)().dtype
    except (TypeError, NotImplementedError) as error:
        raise NotNative(f"{name} of {dtype}") from error
    return found


_WIDE = ("Int64", "UInt64", "Float64", "boolean", "int64[pyarrow]", "double[pyarrow]")

BY_FLOATS = frozenset(("mean", "std", "var", "median", "quantile"))
"""Aggregations that a nullable number goes through as float64."""


def as_floats(field: Field, function: str) -> Dtype | None:
    """The dtype of an aggregation that takes a nullable column as float64; None for others."""
    if function not in BY_FLOATS or str(field.dtype) not in _WIDE:
        return None
    return None if family_of(field.dtype) == "bool" else group_dtype(field.dtype, function)


def _of_nullable(field: Field, name: str, *, missing: bool = True) -> Field:
    """Numbers of full width; narrower ones wrap or round in ways that are pandas' own."""
    exact = name == "sum" and family_of(field.dtype) == "decimal"
    if str(field.dtype) not in _WIDE and not exact:
        raise NotNative(f"{name} of {field.dtype}")
    return Field(group_dtype(field.dtype, name), nullable=missing)


def _summed(field: Field, _: Params) -> Field:
    match field.kind:
        case "nullable":
            return _of_nullable(field, "sum", missing=False)
        case "bool":
            return Field(INT64, nullable=False)
        case "int":
            unsigned = np.dtype(field.dtype).kind == "u"  # type: ignore[arg-type]  # NumPy dtype
            return Field(np.dtype("uint64") if unsigned else INT64, nullable=False)
        case "float":
            return Field(field.dtype, nullable=False, nan=True)
        case "timedelta":
            return Field(field.dtype, nullable=False)
        case _:
            raise NotNative(f"a sum of {field.dtype}")


@aggregation("sum", _summed, split=Split(("sum",), ("sum",)))
def _sum(context: Context, operand: Operand) -> pl.Expr:
    result = physical(context.result.dtype)
    if operand.field.dtype == np.dtype("float32"):
        return operand.clean.cast(pl.Float64).sum().cast(pl.Float32)
    if operand.field.kind in ("float", "timedelta"):
        return operand.clean.sum()
    return operand.expr.cast(result).sum()


def _averaged(field: Field, _: Params) -> Field:
    if field.kind not in ("bool", "int", "float"):
        raise NotNative(f"an average of {field.dtype}")
    if field.dtype == np.dtype("float32"):
        raise NotNative("an average of float32, whose dtype depends on the values")
    return column(FLOAT64)


def _mean_of_parts(total: Expr, count: Expr) -> Expr:
    return call("truediv", total, count)


@aggregation("float_sum", lambda _field, _params: Field(FLOAT64, nullable=False, nan=True))
def _float_sum(_: Context, operand: Operand) -> pl.Expr:
    """The part of a mean: the sum as float64."""
    return operand.clean.cast(pl.Float64).sum()


@aggregation(
    "mean",
    _averaged,
    split=Split(("float_sum", "count"), ("float_sum", "sum"), _mean_of_parts),
)
def _mean(_: Context, operand: Operand) -> pl.Expr:
    return operand.clean.cast(pl.Float64).mean()


def _extreme(field: Field, _: Params) -> Field:
    if field.kind == "opaque":
        raise NotNative(f"the smallest or largest of {field.dtype}")
    return field


@aggregation("min", _extreme, split=Split(("min",), ("min",)))
def _min(_: Context, operand: Operand) -> pl.Expr:
    return operand.expr.min()


@aggregation("max", _extreme, split=Split(("max",), ("max",)))
def _max(_: Context, operand: Operand) -> pl.Expr:
    return operand.expr.max()


def _present(field: Field, _: Params) -> Field:
    if field.kind == "nullable":
        return Field(group_dtype(field.dtype, "count"), nullable=False)
    return Field(INT64, nullable=False)


def _sized(field: Field, _: Params) -> Field:
    if field.kind == "nullable":
        return Field(group_dtype(field.dtype, "size"), nullable=False)
    return Field(INT64, nullable=False)


def _counted(_field: Field, _: Params) -> Field:
    return Field(INT64, nullable=False)


@aggregation("count", _present, split=Split(("count",), ("sum",)))
def _count(_: Context, operand: Operand) -> pl.Expr:
    return operand.clean.count().cast(pl.Int64)


@aggregation("size", _sized, split=Split(("size",), ("sum",)))
def _size(_: Context, _operand: Operand) -> pl.Expr:
    return pl.len().cast(pl.Int64)


@aggregation("nunique", _counted)
def _nunique(_: Context, operand: Operand) -> pl.Expr:
    if operand.field.may_miss:
        return operand.clean.drop_nulls().n_unique().cast(pl.Int64)
    return operand.expr.n_unique().cast(pl.Int64)


@aggregation("first", _extreme, ordered=True)
def _first(_: Context, operand: Operand) -> pl.Expr:
    return operand.clean.drop_nulls().first() if operand.field.may_miss else operand.expr.first()


@aggregation("last", _extreme, ordered=True)
def _last(_: Context, operand: Operand) -> pl.Expr:
    return operand.clean.drop_nulls().last() if operand.field.may_miss else operand.expr.last()


def _spread(field: Field, _: Params) -> Field:
    if field.kind not in ("int", "float") or field.dtype == np.dtype("float32"):
        raise NotNative(f"the spread of {field.dtype}")
    return column(FLOAT64)


@aggregation("var", _spread)
def _var(_: Context, operand: Operand, *, ddof: int = 1) -> pl.Expr:
    return operand.clean.cast(pl.Float64).var(ddof)


@aggregation("std", _spread)
def _std(_: Context, operand: Operand, *, ddof: int = 1) -> pl.Expr:
    return operand.clean.cast(pl.Float64).std(ddof)


@aggregation("median", _spread)
def _median(_: Context, operand: Operand) -> pl.Expr:
    # The mean of the two in the middle, also of infinities, of which "median" makes NaN.
    return operand.clean.cast(pl.Float64).quantile(0.5, interpolation="midpoint")


@aggregation("quantile", _spread)
def _quantile(_: Context, operand: Operand, *, q: float, interpolation: Any) -> pl.Expr:
    values = operand.clean.cast(pl.Float64)
    found = values.quantile(q, interpolation=interpolation)
    if interpolation != "linear" or not operand.field.nan:
        return found
    # Between two equal infinities pandas has NaN: it adds a part of their difference.
    place = (values.count() - 1).cast(pl.Float64) * q
    finite = values.count() - (values == float("inf")).sum()
    equal = (found == float("-inf")) | ((found == float("inf")) & (finite <= place.floor()))
    return pl.when(equal & (place % 1 != 0)).then(float("nan")).otherwise(found)


def _multiplied(field: Field, params: Params) -> Field:
    if field.dtype == np.dtype("float32") or field.kind == "timedelta":
        raise NotNative(f"a product of {field.dtype}")
    return _summed(field, params)


@aggregation("prod", _multiplied)
def _prod(context: Context, operand: Operand) -> pl.Expr:
    return operand.clean.cast(physical(context.result.dtype)).product()


def _truth(field: Field, _: Params) -> Field:
    if field.kind == "nullable":
        raise NotNative(f"any or all of {field.dtype}")
    if field.kind not in ("bool", "int", "float"):
        raise NotNative(f"any or all of {field.dtype}")
    return Field(BOOL, nullable=False)


def _true(operand: Operand) -> pl.Expr:
    return operand.expr if operand.field.kind == "bool" else operand.clean != 0


@aggregation("any", _truth, split=Split(("any",), ("any",)))
def _any(_: Context, operand: Operand) -> pl.Expr:
    return _true(operand).any()


@aggregation("all", _truth, split=Split(("all",), ("all",)))
def _all(_: Context, operand: Operand) -> pl.Expr:
    return _true(operand).all()


def _beside(fields: tuple[Field, ...], _: Params) -> Field:
    value, label = fields
    if value.kind not in ("int", "float", "bool", "datetime", "timedelta"):
        raise NotNative(f"the smallest or largest of {value.dtype}")
    return label


@function("with_label", _beside)
def _with_label(_: Context, value: Operand, label: Operand) -> pl.Expr:
    """A value and the label of its row, for ``label_of_min`` and ``label_of_max``."""
    return pl.struct(value.clean.alias("value"), label.expr.alias("label"))


def _labels(field: Field, _: Params) -> Field:
    return field


@aggregation("label_of_min", _labels, ordered=True)
def _label_of_min(_: Context, operand: Operand) -> pl.Expr:
    place = operand.expr.struct.field("value").arg_min()
    return operand.expr.struct.field("label").get(place)


@aggregation("label_of_max", _labels, ordered=True)
def _label_of_max(_: Context, operand: Operand) -> pl.Expr:
    place = operand.expr.struct.field("value").arg_max()
    return operand.expr.struct.field("label").get(place)


@aggregation("sem", _spread)
def _sem(_: Context, operand: Operand, *, ddof: int = 1) -> pl.Expr:
    values = operand.clean.cast(pl.Float64)
    return values.std(ddof) / values.count().sqrt()


@aggregation("skew", _spread)
def _skew(_: Context, operand: Operand) -> pl.Expr:
    values = operand.clean.cast(pl.Float64)
    skew = pl.when(values.var(0) > 0).then(values.skew(bias=False))
    return pl.when(values.count() >= 3).then(skew)


@aggregation("kurt", _spread)
def _kurt(_: Context, operand: Operand) -> pl.Expr:
    values = operand.clean.cast(pl.Float64)
    kurt = pl.when(values.var(0) > 0).then(values.kurtosis(bias=False))
    return pl.when(values.count() >= 4).then(kurt)
