"""From plan expressions to Polars expressions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

import raylab.frame.kernels  # noqa: F401  fills the registry
from raylab.frame.kernels.registry import Context, Operand
from raylab.frame.kernels.types import literal
from raylab.frame.plan.expressions import Call, Column, Expr, Literal, Membership
from raylab.frame.plan.functions import AGGREGATIONS, FUNCTIONS, field_of
from raylab.frame.plan.literals import literal_field
from raylab.frame.plan.nodes import AggregateCall
from raylab.frame.plan.schema import Field, NotNative, Schema


class Compiler:
    """Compiles expressions over one schema; shared subexpressions are compiled once.

    Args:
        schema: of the node that the expressions stand over.
        members: for each Membership (by fingerprint) the values, as a Polars series.
    """

    def __init__(self, schema: Schema, members: dict[str, pl.Series] | None = None) -> None:
        self._schema = schema
        self._members = members or {}
        self._known: dict[tuple[int, bool], pl.Expr] = {}
        self._fields: dict[int, Field] = {}

    def compile(self, expr: Expr, *, loose: bool = False) -> pl.Expr:
        """The Polars expression; with ``loose``, a null in a boolean may stand for False."""
        key = (id(expr), loose)
        if key not in self._known:
            self._known[key] = self._build(expr, loose)
        return self._known[key]

    def aggregate(self, call: AggregateCall, *, trusted: bool = False) -> pl.Expr:
        """The Polars aggregation; with ``trusted`` of values none of which is NaN."""
        aggregation = AGGREGATIONS[call.function]
        params: dict[str, Any] = dict(call.params)
        operand = self.operand(call.arg)
        if trusted:
            operand = replace(operand, field=replace(operand.field, nan=False))
        context = Context(aggregation.result(operand.field, params))
        built: pl.Expr = aggregation.kernel(context, operand, **params)
        return built

    def _build(self, expr: Expr, loose: bool) -> pl.Expr:
        match expr:
            case Column(name):
                return pl.col(name)
            case Literal(value):
                field = literal_field(value)
                return literal(field.value, field.dtype)
            case Membership():
                arg = self.operand(expr.arg)
                return arg.clean.is_in(self._members[expr.fingerprint].implode(), nulls_equal=True)
            case Call(name, args, params):
                function = FUNCTIONS[name]
                inner = loose and function.loose
                operands = [self.operand(arg, loose=inner) for arg in args]
                context = Context(self._field(expr), loose)
                built: pl.Expr = function.kernel(context, *operands, **dict(params))
                return built
            case _:
                raise NotNative(f"expression {type(expr).__name__}")

    def operand(self, expr: Expr, *, loose: bool = False) -> Operand:
        """The expression and what is known about it."""
        return Operand(self.compile(expr, loose=loose), self._field(expr), expr.raises)

    def _field(self, expr: Expr) -> Field:
        if id(expr) not in self._fields:
            self._fields[id(expr)] = field_of(expr, self._schema)
        return self._fields[id(expr)]
