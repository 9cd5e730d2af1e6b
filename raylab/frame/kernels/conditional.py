"""Choosing values: where, clip, membership in a list, mapping by a dictionary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.batches import chosen
from raylab.frame.kernels.registry import Context, Operand, function, guarded
from raylab.frame.kernels.types import common_dtype, fits, literal, physical, unit_of
from raylab.frame.plan.functions import Params
from raylab.frame.plan.literals import LiteralField, literal_field
from raylab.frame.plan.schema import BOOL, Field, NotNative


def _chosen(fields: tuple[Field, ...], _: Params) -> Field:
    condition, kept, other = fields
    if condition.kind != "bool":
        raise NotNative(f"a condition of {condition.dtype}")
    if kept.kind == "opaque" or other.kind == "opaque":
        raise NotNative(f"a choice between {kept.dtype} and {other.dtype}")
    if kept.kind in ("int", "float") and other.kind in ("int", "float"):
        dtype = common_dtype(kept, other)
        if dtype != kept.dtype:
            # pandas widens only when the other value is used: the dtype depends on data.
            raise NotNative(f"a choice between {kept.dtype} and {other.dtype}")
    elif kept.kind in ("datetime", "timedelta") and isinstance(other, LiteralField):
        if kept.kind != other.kind or not fits(other, kept):
            raise NotNative(f"a choice between {kept.dtype} and {other.dtype}")
    elif kept.kind != other.kind or (
        kept.dtype != other.dtype and not isinstance(other, LiteralField)
    ):
        raise NotNative(f"a choice between {kept.dtype} and {other.dtype}")
    return replace(kept, nullable=kept.nullable or other.nullable, nan=kept.nan or other.nan)


@function("where", _chosen)
def _where(context: Context, condition: Operand, kept: Operand, other: Operand) -> pl.Expr:
    value = other.as_type(context.result.dtype)
    kept = replace(kept, raises=kept.raises or other.raises)
    return chosen(condition, kept, value, context.result.dtype)


def _where_missing(fields: tuple[Field, ...], _: Params) -> Field:
    condition, kept = fields
    if condition.kind != "bool" or kept.kind == "opaque":
        raise NotNative(f"missing values in {kept.dtype}")
    if kept.kind in ("int", "bool"):
        return replace(kept, nullable=True, widens=True)
    return replace(kept, nullable=True)


@function("where_missing", _where_missing)
def _keep_where(context: Context, condition: Operand, kept: Operand) -> pl.Expr:
    """The value where the condition holds, else missing."""
    return chosen(condition, kept, None, context.result.dtype)


def _bounded(fields: tuple[Field, ...], params: Params) -> Field:
    (field,) = fields
    if field.kind not in ("int", "float"):
        raise NotNative(f"clipping {field.dtype}")
    for bound in (params["lower"], params["upper"]):
        if bound is not None and common_dtype(field, literal_field(bound)) != field.dtype:
            raise NotNative(f"clipping {field.dtype} at {bound!r}")
    return field


@function("clip", _bounded)
def _clip(_: Context, operand: Operand, *, lower: Any, upper: Any) -> pl.Expr:
    """Missing values stay missing: Polars would clip NaN down to the upper bound."""
    dtype = operand.field.dtype
    low = None if lower is None else literal(lower, dtype)
    high = None if upper is None else literal(upper, dtype)
    return operand.clean.clip(low, high)


def _listed(fields: tuple[Field, ...], params: Params) -> Field:
    (field,) = fields
    if field.kind == "nullable":
        raise NotNative(f"{field.dtype} among values")
    for value in params["values"]:
        known = literal_field(value)
        kind = known.kind
        if field.dtype == np.dtype("float32") and kind == "float":
            raise NotNative("float32 among values, which pandas compares as float64")
        zoned = isinstance(known.dtype, pd.DatetimeTZDtype)
        if zoned != isinstance(field.dtype, pd.DatetimeTZDtype):
            raise NotNative("moments with a zone and without one")
        if kind != field.kind and not {kind, field.kind} <= {"int", "float"}:
            raise NotNative(f"{field.dtype} among values of another kind ({value!r})")
    if field.kind == "opaque":
        raise NotNative(f"{field.dtype} among values")
    return Field(BOOL, nullable=False)


@function("isin", _listed)
def _isin(context: Context, operand: Operand, *, values: tuple[Any, ...], missing: bool) -> pl.Expr:
    """Membership in constants; ``missing`` when a missing value is one of them."""
    field = operand.field
    fields = [literal_field(value) for value in values]
    if field.kind == "int" and any(f.kind == "float" for f in fields):
        whole = [int(f.value) for f in fields if float(f.value).is_integer()]
        limits = np.iinfo(field.dtype)
        constants: list[Any] = [v for v in whole if limits.min <= v <= limits.max]
    elif field.kind in ("datetime", "timedelta"):
        unit = unit_of(field.dtype)
        constants = [f.value for f in fields if f.value.as_unit(unit) == f.value]
    else:
        constants = [f.value for f in fields]
    allowed = pl.Series(_engine_values(constants, field), dtype=physical(field.dtype), strict=False)
    found = operand.expr.is_in(allowed.drop_nulls().implode())
    if missing:
        return (
            found.fill_null(True)
            if not field.nan
            else (found | operand.clean.is_null()).fill_null(True)
        )
    return guarded(context, found, operand)


def _engine_values(constants: list[Any], field: Field) -> list[Any] | np.ndarray[Any, Any]:
    if field.kind in ("datetime", "timedelta"):
        values = pd.Series(constants, dtype=field.dtype).to_numpy()
        in_seconds = unit_of(field.dtype) == "s"  # which the engine holds as milliseconds
        return values.astype(f"{values.dtype.kind}8[ms]") if in_seconds else values
    return constants


def _mapped(fields: tuple[Field, ...], params: Params) -> Field:
    (field,) = fields
    targets = [literal_field(new) for _, new in params["pairs"]]
    sources = [literal_field(old) for old, _ in params["pairs"]]
    if not targets or len({t.dtype for t in targets}) > 1:
        raise NotNative("a dictionary with values of several dtypes, or of none")
    if any(s.kind != field.kind for s in sources) or field.kind not in ("int", "str", "bool"):
        raise NotNative(f"mapping {field.dtype} by a dictionary")
    dtype = targets[0].dtype
    if targets[0].kind in ("int", "bool"):
        return Field(dtype, nullable=True, widens=True)
    return Field(dtype, nullable=True, nan=targets[0].kind == "float")


@function("map", _mapped)
def _map(context: Context, operand: Operand, *, pairs: tuple[tuple[Any, Any], ...]) -> pl.Expr:
    """Each value by a dictionary; what it does not list becomes missing."""
    if operand.field.kind == "int":
        limits = np.iinfo(operand.field.dtype)
        pairs = tuple((o, n) for o, n in pairs if limits.min <= o <= limits.max)
    old = pl.Series([o for o, _ in pairs], dtype=physical(operand.field.dtype))
    new = pl.Series([n for _, n in pairs], dtype=physical(context.result.dtype))
    return operand.expr.replace_strict(
        old, new, default=None, return_dtype=physical(context.result.dtype)
    )
