"""Categories of strings: the engine's Enum, whose order is that of pandas' categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.types import physical
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import BOOL, STR, Dtype, Field, NotNative, is_category, is_number_key


def _categories(field: Field) -> pd.Index:
    if not is_category(field.dtype) or not field.settled:
        raise NotNative(f"categories of {field.dtype}")
    categories: pd.Index = field.dtype.categories  # type: ignore[union-attr]  # is_category looked
    return categories


def _truth(fields: tuple[Field, ...], _: Params) -> Field:
    if not is_number_key(fields[0].dtype):
        _categories(fields[0])
    return Field(BOOL, nullable=False)


@function("category_is", _truth)
def _is(_: Context, operand: Operand, *, value: str, differs: bool) -> pl.Expr:
    """Whether the value is (not) one category; what is missing is none."""
    if differs:
        return (operand.expr != value).fill_null(True)
    return (operand.expr == value).fill_null(False)


def _text(fields: tuple[Field, ...], _: Params) -> Field:
    _categories(fields[0])
    return Field(STR, nullable=fields[0].nullable)


@function("category_text", _text)
def _as_text(_: Context, operand: Operand) -> pl.Expr:
    return operand.expr.cast(pl.String)


def code_dtype(categories: int) -> np.dtype[np.signedinteger]:
    """The dtype of pandas' codes: the smallest that holds them."""
    for name in ("int8", "int16", "int32"):
        if categories < np.iinfo(name).max:
            return np.dtype(name)
    return np.dtype("int64")


def _coded(fields: tuple[Field, ...], _: Params) -> Field:
    return Field(code_dtype(len(_categories(fields[0]))), nullable=False)


@function("category_code", _coded)
def _code(context: Context, operand: Operand) -> pl.Expr:
    """The number of the category; -1 where it is missing."""
    codes = operand.expr.to_physical().cast(pl.Int64).fill_null(-1)
    return codes.cast(physical(context.result.dtype))


def _made(fields: tuple[Field, ...], params: Params) -> Field:
    if fields[0].kind != "str":
        raise NotNative(f"categories from {fields[0].dtype}")
    return Field(category_dtype(params["categories"], ordered=params["ordered"]))


def category_dtype(categories: tuple[str, ...], *, ordered: bool) -> Dtype:
    """The pandas dtype of categories in their order."""
    return pd.CategoricalDtype(pd.Index(list(categories), dtype="str"), ordered=ordered)


@function("category_of", _made)
def _make(_: Context, operand: Operand, *, categories: tuple[str, ...], ordered: bool) -> pl.Expr:
    """Strings as categories; what is none of them becomes missing."""
    del ordered  # only the dtype tells
    return operand.expr.cast(pl.Enum(list(categories)), strict=False)
