"""Operators and NumPy functions of one or two values that run as pandas' own, batch by batch.

The engine's own arithmetic and comparisons come first; these are for what they refuse: floor
division and powers with NumPy's rules, spans of time, other units, NumPy's mathematics.
"""

from __future__ import annotations

import datetime as dt
import functools
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.batches import in_batches
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.types import physical
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import BOOL, FLOAT64, Dtype, Field, NotNative, family_of, kind_of

_OPERATORS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(operator, name)
        for name in (
            *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"),
            *("eq", "ne", "lt", "le", "gt", "ge", "xor"),
        )
    },
    "and": operator.and_,
    "or": operator.or_,
}
_CONSTANTS = (bool, int, float, str, np.generic, dt.date, dt.timedelta)


def constant_key(value: Any) -> tuple[str, Any]:
    """A scalar with what its text does not tell, as a constant of the plan.

    Raises:
        NotNative: it is no number, string, moment or span.
    """
    if not isinstance(value, _CONSTANTS) or value is pd.NaT:
        raise NotNative(f"a constant of type {type(value).__name__}")
    return (f"{type(value).__name__} {getattr(value, 'unit', '')}", value)


def resolve(name: str) -> Callable[..., Any]:
    """The function of a name: an operator, or with the prefix ``np.`` a NumPy ufunc.

    Raises:
        NotNative: there is none.
    """
    if name.startswith("np."):
        found = getattr(np, name[3:], None)
        if isinstance(found, np.ufunc):
            return found
    elif name in _OPERATORS:
        return _OPERATORS[name]
    raise NotNative(f"operator {name}")


def _arguments(columns: tuple[Any, ...], constant: tuple[str, Any] | None, first: bool) -> Any:
    if constant is None:
        return columns
    return (constant[1], *columns) if first else (*columns, constant[1])


@functools.lru_cache(maxsize=1024)
def _sampled_dtype(
    name: str, dtypes: tuple[Dtype, ...], constant: tuple[str, Any] | None, first: bool
) -> Dtype:
    """The dtype that pandas gives for one row that divides nothing by zero."""
    columns = tuple(_sample(dtype) for dtype in dtypes)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = resolve(name)(*_arguments(columns, constant, first))
    except Exception as error:
        raise NotNative(f"{name} of {', '.join(map(str, dtypes))}") from error
    if not isinstance(result, pd.Series) or kind_of(result.dtype) == "opaque":
        raise NotNative(f"{name} of {', '.join(map(str, dtypes))}")
    dtype: Dtype = result.dtype
    physical(dtype)  # refuses half floats
    return dtype


def _sample(dtype: Dtype) -> Any:
    make: Any = pd.Series
    kind = kind_of(dtype)
    if kind == "nullable":
        kind = family_of(dtype)  # type: ignore[assignment]  # what it holds
    if kind in ("bool", "int", "float"):
        return make([1], dtype=dtype)
    return make(["a"] if kind == "str" else [], dtype=dtype)


def _result(fields: tuple[Field, ...], params: Params) -> Field:
    if any(field.kind == "opaque" for field in fields):
        raise NotNative(f"{params['name']} of {' and '.join(str(f.dtype) for f in fields)}")
    if any(field.nullable for field in fields if field.kind in ("int", "bool")):
        raise NotNative("integers or bools with missing values")
    dtypes = tuple(field.dtype for field in fields)
    dtype = _sampled_dtype(params["name"], dtypes, params["constant"], params["first"])
    if params["by_zero"]:
        dtype = FLOAT64
    kind = kind_of(dtype)
    missing = any(field.may_miss for field in fields)
    if dtype == BOOL:
        return Field(BOOL, nullable=False)
    if kind == "int":
        return Field(dtype, nullable=missing, widens=missing)
    return Field(dtype, nullable=missing or kind != "str", nan=kind == "float")


@function("operator", _result)
def _operator(
    context: Context,
    *operands: Operand,
    name: str,
    constant: tuple[str, Any] | None,
    first: bool,
    by_zero: bool,  # noqa: ARG001  only the typing rule reads it
) -> pl.Expr:
    """A function of each row; the constant, if there is one, is its first or last argument."""
    compute = resolve(name)

    def work(*columns: Any) -> Any:
        with np.errstate(all="ignore"):
            return compute(*_arguments(columns, constant, first))

    return in_batches(context, work, *operands)
