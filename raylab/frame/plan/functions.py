"""The registry of row functions and aggregations: their typing rule and their kernel.

A typing rule says what dtype pandas gives and what may be missing, or raises NotNative. The
kernel builds the engine's expression. Both stand together in ``raylab/frame/kernels/<topic>.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from raylab.frame.plan.expressions import Call, Column, Expr, Literal, Membership
from raylab.frame.plan.literals import literal_field
from raylab.frame.plan.schema import BOOL, Field, NotNative, Schema

Params: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Function:
    """A function of rows.

    Attributes:
        name: as in ``Call.function``.
        result: the typing rule ``(fields, params) -> Field``.
        kernel: ``(operands, params) -> engine expression``.
        loose: True when a null that stands for False may pass from the arguments to the result
            (and, or); comparisons then skip their guards inside a filter.
    """

    name: str
    result: Callable[[tuple[Field, ...], Params], Field]
    kernel: Callable[..., Any]
    loose: bool = False


@dataclass(frozen=True)
class Aggregation:
    """A function from the rows of a group to one value.

    Attributes:
        name: as in ``AggregateCall.function``.
        result: the typing rule ``(field, params) -> Field``.
        kernel: ``(operand, params) -> engine expression``.
        ordered: True when the value depends on the order of the rows (first, last).
        split: how partial results per partition are combined, or None when they cannot be.
    """

    name: str
    result: Callable[[Field, Params], Field]
    kernel: Callable[..., Any]
    ordered: bool = False
    split: Split | None = None


@dataclass(frozen=True)
class Split:
    """The two steps of a distributed aggregation.

    Attributes:
        parts: the aggregations that each partition computes.
        merges: how the parts of all partitions are combined, one for each part.
        finish: the result from the merged parts.
    """

    parts: tuple[str, ...]
    merges: tuple[str, ...]
    finish: Callable[..., Expr] = lambda part: part


FUNCTIONS: dict[str, Function] = {}
AGGREGATIONS: dict[str, Aggregation] = {}


def field_of(expr: Expr, schema: Schema) -> Field:
    """The field of an expression over a node with this schema.

    Raises:
        NotNative: a function has no native form for these dtypes.
    """
    return _Typing(schema).field(expr)


class _Typing:
    """Types an expression; shared subexpressions are typed once."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._known: dict[int, Field] = {}

    def field(self, expr: Expr) -> Field:
        known = self._known.get(id(expr))
        if known is None:
            known = self._infer(expr)
            self._known[id(expr)] = known
        return known

    def _infer(self, expr: Expr) -> Field:
        match expr:
            case Column(name):
                return self._schema[name]
            case Literal(value):
                return literal_field(value)
            case Membership():
                return Field(BOOL, nullable=False)
            case Call(function, args, params):
                fields = tuple(self.field(arg) for arg in args)
                return FUNCTIONS[function].result(fields, dict(params))
            case _:
                raise NotNative(f"expression {type(expr).__name__}")
