"""The node that computes window functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from raylab.frame.plan.expressions import Expr
from raylab.frame.plan.functions import field_of, window_field
from raylab.frame.plan.nodes import AggregateCall, Node, columns_of, show
from raylab.frame.plan.schema import Field, Schema


@dataclass(frozen=True, eq=False)
class HeldValues:
    """Values in memory that stand beside rows, by their positions.

    Attributes:
        series: the engine's series.
        field: of the values.
        fingerprint: the identity of the data.
    """

    series: Any
    field: Field
    fingerprint: str

    def __repr__(self) -> str:
        return f"{len(self.series)} values"


@dataclass(frozen=True, eq=False)
class Window(Node):
    """The child's rows with window functions as further columns; all have the same groups.

    The functions are computed in the order of the child's rows.
    """

    child: Node
    keys: tuple[Expr, ...]
    dropna: bool
    calls: tuple[tuple[str, AggregateCall], ...]
    keeps_rows: ClassVar[bool] = True

    @cached_property
    def schema(self) -> Schema:
        below = self.child.schema
        keys = tuple(field_of(key, below) for key in self.keys)
        computed = {
            name: replace(
                window_field(c.function, field_of(c.arg, below), keys, self.dropna, dict(c.params)),
                widens=False,
            )
            for name, c in self.calls
        }
        return {**below, **computed}

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.child.unique

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        names = {name for name, _ in self.calls}
        read = columns_of(c.arg for name, c in self.calls if name in columns)
        return ((columns - names) | read | columns_of(self.keys),)

    def prune(self, columns: frozenset[str]) -> Node:
        kept = tuple((name, c) for name, c in self.calls if name in columns)
        return replace(self, calls=kept) if kept else self.child

    def describe(self) -> str:
        calls = ", ".join(
            f"{c.function}({show(c.arg)}{''.join(f', {k}={v!r}' for k, v in c.params)})"
            for _, c in self.calls
        )
        return f"Window({calls}{f', keys={show(self.keys)}' if self.keys else ''})"
