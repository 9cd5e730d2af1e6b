"""Kernels that hand pandas' own code one batch of rows at a time, inside the engine's stage.

For functions of one row whose exact meaning is pandas' (Unicode case rules, strftime, rounding of
moments, NumPy's mathematics) a second implementation could only be nearly right. The plan stays
lazy, fused and partitioned; the values are pandas' by construction. What pandas says about an
empty series of the same dtype types the result, and checks the arguments when the plan is made.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.kernels.carrying import carrying
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.kernels.types import physical
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import BOOL, Dtype, Field, NotNative, kind_of

Arguments: TypeAlias = tuple[tuple[str, Any], ...]


def frozen(arguments: dict[str, Any]) -> Arguments:
    """Arguments of a method as a constant of the plan.

    Raises:
        NotNative: one of them is more than a scalar.
    """
    for name, value in arguments.items():
        parts = value if isinstance(value, tuple) else (value,)
        if not all(
            isinstance(part, str | bool | int | float | np.generic | None) for part in parts
        ):
            raise NotNative(f"argument {name} of type {type(value).__name__}")
    return tuple(sorted(arguments.items()))


def in_batches(context: Context, work: Callable[..., Any], *operands: Operand) -> pl.Expr:
    """An expression that calls ``work`` with a pandas series per operand, for each batch.

    Args:
        context: tells the dtype of the result.
        work: gives a series or array of the same length; exceptions reach the user as they are.
        operands: columns or constants, not all of them constant.
    """
    dtype = context.result.dtype
    dtypes = [operand.field.dtype for operand in operands]

    def on_series(series: pl.Series) -> pl.Series:
        return from_pandas(work(to_pandas(series, dtypes[0])), dtype)

    def on_struct(rows: pl.Series) -> pl.Series:
        columns = [to_pandas(rows.struct.field(f"{i}"), known) for i, known in enumerate(dtypes)]
        return from_pandas(work(*columns), dtype)

    if len(operands) == 1:
        return each_batch(operands[0].expr, on_series, physical(dtype))
    rows = pl.struct([o.expr.alias(f"{i}") for i, o in enumerate(operands)])
    return each_batch(rows, on_struct, physical(dtype))


def each_batch(
    source: pl.Expr, run: Callable[[pl.Series], pl.Series], dtype: pl.DataType
) -> pl.Expr:
    """An expression that calls a function of the engine's own batches, row by row in meaning."""
    return source.map_batches(carrying(run), return_dtype=dtype, is_elementwise=True)


def chosen(condition: Operand, kept: Operand, other: pl.Expr | None, dtype: Dtype) -> pl.Expr:
    """The value where the condition holds, else another one, or none.

    The engine computes a value of a condition with its inputs missing where it is not chosen. What
    raises for a missing value must not see that: then all is computed before, and chosen here.
    """
    if not kept.raises:
        choice = pl.when(condition.expr).then(kept.expr)
        return choice if other is None else choice.otherwise(other)
    parts = (condition.expr, kept.expr, pl.lit(None, physical(dtype)) if other is None else other)

    def choose(rows: pl.Series) -> pl.Series:
        holds, value, rest = (rows.struct.field(f"{i}") for i in range(3))
        return value.zip_with(holds.fill_null(False), rest)

    rows = pl.struct([part.alias(f"{i}") for i, part in enumerate(parts)])
    return each_batch(rows, choose, physical(dtype))


def to_pandas(series: pl.Series, dtype: Dtype) -> Any:
    """A batch as a pandas series."""
    from raylab.frame.execution.conversion import to_array

    return pd.Series(to_array(series, dtype), copy=False)


def from_pandas(values: Any, dtype: Dtype) -> pl.Series:
    """What pandas made of a batch, in the engine's form of a dtype; widened integers go back."""
    from raylab.frame.sources.memory import to_polars

    array = getattr(values, "array", values)
    if kind_of(dtype) in ("int", "bool") and array.dtype != dtype:
        return pl.Series("", np.asarray(array), nan_to_null=True).cast(physical(dtype))
    if array.dtype != dtype:
        array = pd.Series(array).astype(dtype).array
    return to_polars("", array, dtype)


def _apply(values: Any, accessor: str | None, name: str, arguments: Arguments) -> Any:
    owner = values if accessor is None else getattr(values, accessor)
    member = getattr(owner, name)
    return member(**dict(arguments)) if callable(member) else member


@functools.lru_cache(maxsize=1024)
def result_dtype(dtype: Dtype, accessor: str | None, name: str, arguments: Arguments) -> Dtype:
    """The dtype that pandas gives, asked with next to no data; its own errors for bad arguments."""
    sample = [""] if accessor == "str" and name not in ("index", "rindex") else []
    empty = pd.Series(sample, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = _apply(empty, accessor, name, arguments)
    if not isinstance(result, pd.Series) or kind_of(result.dtype) == "opaque":
        raise NotNative(f"{name} of {dtype}")
    return result.dtype


def _method_result(fields: tuple[Field, ...], params: Params) -> Field:
    (field,) = fields
    if field.kind == "opaque":
        raise NotNative(f"{params['name']} of {field.dtype}")
    dtype = result_dtype(field.dtype, params["accessor"], params["name"], params["arguments"])
    kind = kind_of(dtype)
    if dtype == BOOL:
        return Field(BOOL, nullable=False)
    if kind == "int":
        return Field(dtype, nullable=field.may_miss, widens=field.may_miss)
    return Field(dtype, nullable=True, nan=kind == "float")


@function("method", _method_result)
def _method(
    context: Context, operand: Operand, *, accessor: str | None, name: str, arguments: Arguments
) -> pl.Expr:
    """A method or property of each value, by pandas; only for such that look at one row."""
    return in_batches(context, lambda v: _apply(v, accessor, name, arguments), operand)
