"""Expressions over the columns of one node: immutable, typed by the function registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from raylab.frame.plan.fingerprint import structural_fingerprint

if TYPE_CHECKING:
    from raylab.frame.plan.nodes import Node


class Expr:
    """A value per row."""

    @cached_property
    def fingerprint(self) -> str:
        """Structural identity; the type of a literal is part of it (1, 1.0 and True differ)."""
        return structural_fingerprint(self)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The names of the columns that the expression reads."""
        return frozenset(name for arg in self.operands for name in arg.columns)

    @cached_property
    def has_window(self) -> bool:
        """True when a window function is part of it."""
        return isinstance(self, Over) or any(arg.has_window for arg in self.operands)

    @cached_property
    def raises(self) -> bool:
        """Whether a part of it raises for a missing value."""
        cast = isinstance(self, Call) and self.function == "astype"
        return cast or any(arg.raises for arg in self.operands)

    @property
    def operands(self) -> tuple[Expr, ...]:
        """The expressions that this one is computed from."""
        return ()


@dataclass(frozen=True, eq=False)
class Column(Expr):
    """A column of the node that the expression stands over."""

    name: str

    @cached_property
    def columns(self) -> frozenset[str]:
        """The one column that is read."""
        return frozenset((self.name,))


@dataclass(frozen=True, eq=False)
class Literal(Expr):
    """A constant: a Python or NumPy scalar, a pandas Timestamp or Timedelta, or None."""

    value: Any


@dataclass(frozen=True, eq=False)
class Call(Expr):
    """A function of the registry applied to expressions; ``params`` are hashable constants."""

    function: str
    args: tuple[Expr, ...]
    params: tuple[tuple[str, Any], ...] = ()

    @property
    def operands(self) -> tuple[Expr, ...]:
        """The arguments."""
        return self.args


@dataclass(frozen=True, eq=False)
class Membership(Expr):
    """Whether the argument is among the values of a plan's only column (``isin`` of a Series)."""

    arg: Expr
    values: Node

    @property
    def operands(self) -> tuple[Expr, ...]:
        """The argument; the values belong to another plan."""
        return (self.arg,)


@dataclass(frozen=True, eq=False)
class Over(Expr):
    """A window function: a value per row that is computed from other rows, too.

    Unlike the other expressions it means something only over the node that it was made for. The
    optimizer computes it there (``optimizer.windows``) and carries the column up to where it is
    read, so that a filter or a slice in between changes nothing.

    Attributes:
        function: as in ``functions.WINDOWS``.
        arg: what is computed over.
        keys: the groups; none means all rows.
        dropna: the value is missing where a key is; else missing keys are a group of their own.
        rows: the node whose rows, in their order, are meant.
        params: hashable constants.
    """

    function: str
    arg: Expr
    keys: tuple[Expr, ...]
    dropna: bool
    rows: Node
    params: tuple[tuple[str, Any], ...] = ()

    @property
    def operands(self) -> tuple[Expr, ...]:
        """The argument, then the keys."""
        return (self.arg, *self.keys)


@dataclass(frozen=True, eq=False)
class AggregateCall:
    """An aggregation of the registry over an expression."""

    function: str
    arg: Expr
    params: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Structural identity."""
        return structural_fingerprint(self)


def call(function: str, *args: Expr, **params: Any) -> Call:
    """A call with its parameters in a fixed order, so that equal calls have equal fingerprints."""
    return Call(function, args, tuple(sorted(params.items())))


def balanced(function: str, parts: Sequence[Expr]) -> Expr:
    """Parts put together by a function of two, as a tree of little depth however many there are."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return call(function, balanced(function, parts[:half]), balanced(function, parts[half:]))


def with_operands(expr: Expr, operands: tuple[Expr, ...]) -> Expr:
    """The same expression over other operands."""
    if operands == expr.operands:
        return expr
    match expr:
        case Call(function, _, params):
            return Call(function, operands, params)
        case Membership(_, values):
            return Membership(operands[0], values)
        case Over(function, _, _, dropna, rows, params):
            return Over(function, operands[0], operands[1:], dropna, rows, params)
        case _:
            return expr


def transform(expr: Expr, rewrite: Callable[[Expr], Expr]) -> Expr:
    """Rewrites bottom-up; a subexpression that is shared is rewritten once."""
    done: dict[int, Expr] = {}

    def visit(current: Expr) -> Expr:
        known = done.get(id(current))
        if known is None:
            known = rewrite(with_operands(current, tuple(visit(o) for o in current.operands)))
            done[id(current)] = known
        return known

    return visit(expr)


def substitute(expr: Expr, columns: dict[str, Expr]) -> Expr:
    """The expression with the named columns replaced by what computes them."""
    return transform(expr, lambda e: columns.get(e.name, e) if isinstance(e, Column) else e)


def conjuncts(predicate: Expr) -> Iterator[Expr]:
    """The parts of a predicate that all must hold."""
    if isinstance(predicate, Call) and predicate.function == "and":
        for arg in predicate.args:
            yield from conjuncts(arg)
    else:
        yield predicate
