"""The registry of row functions and aggregations: their typing rule and their kernel.

A typing rule says what dtype pandas gives and what may be missing, or raises NotNative. The
kernel builds the engine's expression. Both stand together in ``raylab/frame/kernels/<topic>.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeAlias

from raylab.frame.plan.expressions import Call, Column, Expr, Literal, Membership, Over, call
from raylab.frame.plan.literals import as_computed, literal_field
from raylab.frame.plan.schema import BOOL, Field, NotNative, Schema, promoted

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


@dataclass(frozen=True)
class WindowFunction:
    """A function that gives each row a value computed from the rows around it or of its group.

    Attributes:
        name: as in ``Over.function``.
        result: the typing rule ``(field, grouped, params) -> Field``.
        kernel: ``(context, operand, groups, params) -> engine expression``.
        by_group: True when the engine is to evaluate the kernel's expression in each group;
            else the kernel is given the group of each row and sees to it.
        promotes: False when rows without a group do not widen the dtype (internal positions).
        local: False when the value depends on other groups, too.
    """

    name: str
    result: Callable[[Field, bool, Params], Field]
    kernel: Callable[..., Any]
    by_group: bool = True
    promotes: bool = True
    local: bool = True


FUNCTIONS: dict[str, Function] = {}
AGGREGATIONS: dict[str, Aggregation] = {}
WINDOWS: dict[str, WindowFunction] = {}


def field_of(expr: Expr, schema: Schema) -> Field:
    """The field of an expression over a node with this schema.

    Raises:
        NotNative: a function has no native form for these dtypes.
    """
    return schema[expr.name] if isinstance(expr, Column) else _Typing(schema).field(expr)


def window_field(
    name: str, arg: Field, keys: tuple[Field, ...], dropna: bool, params: Params
) -> Field:
    """The field of a window function; rows with a missing key are missing with ``dropna``.

    Raises:
        NotNative: the function has no native form for this dtype.
    """
    function = WINDOWS[name]
    if any(key.kind == "opaque" for key in keys):
        raise NotNative("groups by a key without kernels")
    field = function.result(arg, bool(keys), params)
    if not (dropna and any(key.may_miss for key in keys)):
        return field
    widens = function.promotes and promoted(field.dtype) != field.dtype
    return replace(field, nullable=True, widens=field.widens or widens)


def missing_where(expr: Expr, schema: Schema) -> Expr:
    """Where an expression that widens is missing.

    A window function that is missing only where a key is needs not be computed to know.
    """
    if isinstance(expr, Over) and expr.keys:
        arg = field_of(expr.arg, schema)
        if not WINDOWS[expr.function].result(arg, True, dict(expr.params)).widens:
            return reduce(lambda a, b: call("or", a, b), (call("isna", key) for key in expr.keys))
    if isinstance(expr, Call) and expr.function == "cell_or_missing":
        return expr.args[1]
    return call("isna", expr)


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
                return as_computed(FUNCTIONS[function].result(fields, dict(params)))
            case Over():
                arg, *keys = (self.field(operand) for operand in expr.operands)
                return window_field(expr.function, arg, tuple(keys), expr.dropna, dict(expr.params))
            case _:
                raise NotNative(f"expression {type(expr).__name__}")
