"""What all plan nodes share: schema, identity, children, what they need of their children.

A node is an ordered sequence of rows with named columns. Names that start with ``HIDDEN`` carry
index levels and positions; they never show as column labels. What an index is and which columns
are visible is the facade's matter: to the plan all columns are equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from raylab.frame.plan.expressions import AggregateCall, Expr
from raylab.frame.plan.fingerprint import field_names, structural_fingerprint
from raylab.frame.plan.printing import show
from raylab.frame.plan.schema import HIDDEN, Schema


class Node:
    """An ordered sequence of rows. Subclasses are frozen dataclasses."""

    keeps_rows: ClassVar[bool] = False
    """True when each row of the only child gives exactly one row, in the same order."""

    @cached_property
    def fingerprint(self) -> str:
        """Structural identity: equal fingerprints mean equal values."""
        return structural_fingerprint(self)

    @cached_property
    def schema(self) -> Schema:
        """The columns in order, with their fields."""
        raise NotImplementedError

    @cached_property
    def unique(self) -> frozenset[str] | None:
        """Columns whose combination identifies a row, where that is known."""
        return None

    def __getstate__(self) -> dict[str, Any]:
        """The fields: what is derived from them is derived again where the node arrives."""
        return dict(self.field_values())

    def field_values(self) -> list[tuple[str, Any]]:
        """The fields with their names."""
        return [(name, getattr(self, name)) for name in field_names(type(self))]

    @cached_property
    def children(self) -> tuple[Node, ...]:
        """The nodes whose rows this one reads."""
        found: list[Node] = []
        for _, value in self.field_values():
            if isinstance(value, Node):
                found.append(value)
            elif isinstance(value, tuple):
                found += [v for v in value if isinstance(v, Node)]
        return tuple(found)

    @cached_property
    def expressions(self) -> tuple[Expr, ...]:
        """All expressions in the fields, not those inside of others."""
        return tuple(expr for _, value in self.field_values() for expr in expressions_in(value))

    def with_children(self, children: tuple[Node, ...]) -> Node:
        """The same node over other children."""
        if all(a is b for a, b in zip(children, self.children, strict=True)):
            return self
        rest = iter(children)
        changes: dict[str, Any] = {}
        for name, value in self.field_values():
            if isinstance(value, Node):
                changes[name] = next(rest)
            elif isinstance(value, tuple) and value and isinstance(value[0], Node):
                changes[name] = tuple(next(rest) for _ in value)
        return replace(self, **changes)  # type: ignore[type-var]  # subclasses are dataclasses

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        """The columns that each child must give so that this node can give ``columns``."""
        return tuple(frozenset(child.schema) for child in self.children)

    def prune(self, columns: frozenset[str]) -> Node:
        """The node without what is only needed for other columns than these."""
        return self

    def describe(self) -> str:
        """The line that ``explain`` prints."""
        shown = []
        for name, value in self.field_values():
            nodes = value if isinstance(value, tuple) else (value,)
            if not any(isinstance(v, Node) for v in nodes):
                shown.append(f"{name}={show(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def expressions_in(value: Any) -> list[Expr]:
    """The expressions in the value of a field."""
    if isinstance(value, Expr):
        return [value]
    if isinstance(value, AggregateCall):
        return [value.arg]
    if isinstance(value, tuple):
        return [expr for item in value for expr in expressions_in(item)]
    return []


def columns_of(expressions: Iterable[Expr]) -> frozenset[str]:
    """All columns that the expressions read."""
    return frozenset(name for expr in expressions for name in expr.columns)


def hidden_name(node: Node, stem: str) -> str:
    """A name for a column that the user does not see and that the node does not have."""
    number = 0
    while (name := f"{HIDDEN}{stem}{number}") in node.schema:
        number += 1
    return name
