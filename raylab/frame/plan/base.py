"""What all plan nodes share: schema, identity, children, what they need of their children.

A node is an ordered sequence of rows with named columns. Names that start with ``HIDDEN`` carry
index levels and positions; they never show as column labels. What an index is and which columns
are visible is the facade's matter: to the plan all columns are equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from raylab.frame.plan.expressions import Expr
from raylab.frame.plan.fingerprint import structural_fingerprint
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
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # subclasses are dataclasses
        return {f.name: getattr(self, f.name) for f in fields}

    @cached_property
    def children(self) -> tuple[Node, ...]:
        """The nodes whose rows this one reads."""
        found: list[Node] = []
        for f in dataclasses.fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, f.name)
            found += [
                v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, Node)
            ]
        return tuple(found)

    def with_children(self, children: tuple[Node, ...]) -> Node:
        """The same node over other children."""
        if all(a is b for a, b in zip(children, self.children, strict=True)):
            return self
        rest = iter(children)
        changes: dict[str, Any] = {}
        for f in dataclasses.fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, f.name)
            if isinstance(value, Node):
                changes[f.name] = next(rest)
            elif isinstance(value, tuple) and value and isinstance(value[0], Node):
                changes[f.name] = tuple(next(rest) for _ in value)
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
        for f in dataclasses.fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, f.name)
            nodes = value if isinstance(value, tuple) else (value,)
            if not any(isinstance(v, Node) for v in nodes):
                shown.append(f"{f.name}={show(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def columns_of(expressions: Iterable[Expr]) -> frozenset[str]:
    """All columns that the expressions read."""
    return frozenset(name for expr in expressions for name in expr.columns)


def hidden_name(node: Node, stem: str) -> str:
    """A name for a column that the user does not see and that the node does not have."""
    number = 0
    while (name := f"{HIDDEN}{stem}{number}") in node.schema:
        number += 1
    return name
