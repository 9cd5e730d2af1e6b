"""Aggregations: one row per group, or one in all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from raylab.frame.plan.base import Node, columns_of
from raylab.frame.plan.expressions import AggregateCall, Expr
from raylab.frame.plan.functions import AGGREGATIONS
from raylab.frame.plan.rows import typed
from raylab.frame.plan.schema import Field, Schema


@dataclass(frozen=True, eq=False)
class Aggregate(Node):
    """One row per group, or one row in all when there are no keys.

    ``sort`` orders the groups by their keys, else they come as they first appear; ``dropna``
    leaves out groups with a missing key.
    """

    child: Node
    keys: tuple[tuple[str, Expr], ...]
    calls: tuple[tuple[str, AggregateCall], ...]
    sort: bool = True
    dropna: bool = True

    @cached_property
    def schema(self) -> Schema:
        fields: dict[str, Field] = {}
        for name, expr in self.keys:
            key = typed(expr, self.child)
            fields[name] = replace(key, nullable=False, nan=False) if self.dropna else key
        for name, c in self.calls:
            arg = typed(c.arg, self.child)
            fields[name] = AGGREGATIONS[c.function].result(arg, dict(c.params))
        return fields

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return frozenset(name for name, _ in self.keys)

    @property
    def ordered(self) -> bool:
        """True when a value depends on the order of the rows."""
        return any(AGGREGATIONS[c.function].ordered for _, c in self.calls)

    @property
    def inexact(self) -> bool:
        """True when two runs may give results that differ in their last bits."""
        floats = (c for name, c in self.calls if self.schema[name].kind == "float")
        return any(c.function not in ("min", "max", "first", "last") for c in floats)

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        keys = columns_of(expr for _, expr in self.keys)
        return (keys | columns_of(c.arg for _, c in self._kept(columns)),)

    def prune(self, columns: frozenset[str]) -> Aggregate:
        kept = self._kept(columns)
        return self if len(kept) == len(self.calls) else replace(self, calls=kept)

    def _kept(self, columns: frozenset[str]) -> tuple[tuple[str, AggregateCall], ...]:
        kept = tuple(named for named in self.calls if named[0] in columns)
        return kept if kept or self.keys else self.calls[:1]


@dataclass(frozen=True, eq=False)
class TrustedAggregate(Aggregate):
    """An aggregation some of whose float results are taken to be no NaN; the run fails where one is.

    Only ``execution.trust`` makes it, which then runs the plan again without.
    """

    trusted: tuple[str, ...] = ()

    @cached_property
    def schema(self) -> Schema:
        fields = dict(super().schema)
        return fields | {name: replace(fields[name], nan=False) for name in self.trusted}
