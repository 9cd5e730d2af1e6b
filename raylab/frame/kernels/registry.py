"""How kernels enter the registry, and what a kernel is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from raylab.frame.kernels.types import literal
from raylab.frame.plan.functions import (
    AGGREGATIONS,
    FUNCTIONS,
    Aggregation,
    Function,
    Params,
    Split,
)
from raylab.frame.plan.literals import LiteralField
from raylab.frame.plan.schema import FLOAT64, Dtype, Field

Kernel: TypeAlias = Callable[..., pl.Expr]


def nan_as_null(expr: pl.Expr) -> pl.Expr:
    """``fill_nan(None)`` without its question for nulls: these are null in either case."""
    return pl.when(expr.is_not_nan()).then(expr)


def _without_nan(values: pl.Series) -> pl.Series:
    return values.fill_nan(None)


@dataclass(frozen=True)
class Operand:
    """A compiled argument and what is known about it.

    Attributes:
        expr: compiled.
        field: what is known.
        raises: it has a part that raises for a missing value. Inside of a condition the engine would
            hide values from it, as missing ones; see :func:`raylab.frame.kernels.batches.chosen`.
    """

    expr: pl.Expr
    field: Field
    raises: bool = False

    @property
    def clean(self) -> pl.Expr:
        """The argument with NaN as null; the argument itself where no NaN can be."""
        if not self.field.nan:
            return self.expr
        if self.raises:
            return self.expr.map_batches(_without_nan, is_elementwise=True)
        return nan_as_null(self.expr)

    def as_type(self, dtype: Dtype) -> pl.Expr:
        """The argument in another dtype; a constant is written in it directly."""
        from raylab.frame.kernels.types import physical

        if isinstance(self.field, LiteralField):
            return literal(self.field.value, dtype)
        if self.field.dtype == dtype:
            return self.expr
        # What cannot fail is not checked: the engine moves such conditions further.
        checked = not (self.field.kind in ("int", "bool") and dtype == FLOAT64)
        return self.expr.cast(physical(dtype), strict=checked)


@dataclass(frozen=True)
class Context:
    """What a kernel may know beside its arguments.

    Attributes:
        result: the field of the result.
        loose: the result stands in a filter, where null counts as False.
    """

    result: Field
    loose: bool = False


def function(
    name: str, result: Callable[[tuple[Field, ...], Params], Field], *, loose: bool = False
) -> Callable[[Kernel], Kernel]:
    """Registers a row function: ``kernel(context, *operands, **params) -> pl.Expr``."""

    def register(kernel: Kernel) -> Kernel:
        FUNCTIONS[name] = Function(name, result, kernel, loose)
        return kernel

    return register


def aggregation(
    name: str,
    result: Callable[[Field, Params], Field],
    *,
    ordered: bool = False,
    split: Split | None = None,
) -> Callable[[Kernel], Kernel]:
    """Registers an aggregation: ``kernel(context, operand, **params) -> pl.Expr``."""

    def register(kernel: Kernel) -> Kernel:
        AGGREGATIONS[name] = Aggregation(name, result, kernel, ordered, split)
        return kernel

    return register


def guarded(context: Context, expr: pl.Expr, *operands: Operand, missing: bool = False) -> pl.Expr:
    """A boolean without nulls: where an operand is missing, the answer is ``missing``.

    The guard is left out where nothing can be missing, and in filters for ``missing=False``.
    """
    if not any(operand.field.may_miss for operand in operands):
        return expr
    if context.loose and not missing:
        return expr
    return expr.fill_null(missing)
