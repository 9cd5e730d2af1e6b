"""Nodes that number, compute, choose, order or stack rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

from raylab.frame.plan.base import Node, columns_of
from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.functions import field_of, missing_where
from raylab.frame.plan.schema import INT64, STR, Field, Schema


@dataclass(frozen=True, eq=False)
class RowNumber(Node):
    """The child's rows with their number as an int64 column: a position, or a RangeIndex."""

    child: Node
    name: str
    start: int = 0
    step: int = 1
    keeps_rows: ClassVar[bool] = True

    @cached_property
    def schema(self) -> Schema:
        return {**self.child.schema, self.name: Field(INT64, nullable=False)}

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return frozenset((self.name,))

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns - {self.name},)

    def prune(self, columns: frozenset[str]) -> Node:
        return self if self.name in columns else self.child


@dataclass(frozen=True, eq=False)
class Project(Node):
    """New columns computed from the child's, row by row."""

    child: Node
    columns: tuple[tuple[str, Expr], ...]
    keeps_rows: ClassVar[bool] = True

    @cached_property
    def schema(self) -> Schema:
        return {name: typed(expr, self.child) for name, expr in self.columns}

    @cached_property
    def unique(self) -> frozenset[str] | None:
        if self.child.unique is None:
            return None
        names = {expr.name: name for name, expr in self.columns if isinstance(expr, Column)}
        if not names.keys() >= self.child.unique:
            return None
        return frozenset(names[key] for key in self.child.unique)

    @property
    def selects_only(self) -> bool:
        """True when columns are only chosen and renamed."""
        return all(isinstance(expr, Column) for _, expr in self.columns)

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns_of(expr for _, expr in self._kept(columns)),)

    def prune(self, columns: frozenset[str]) -> Project:
        kept = self._kept(columns)
        return self if len(kept) == len(self.columns) else Project(self.child, kept)

    def _kept(self, columns: frozenset[str]) -> tuple[tuple[str, Expr], ...]:
        return tuple(column for column in self.columns if column[0] in columns) or self.columns[:1]


@dataclass(frozen=True, eq=False)
class Filter(Node):
    """The child's rows for which the predicate is true."""

    child: Node
    predicate: Expr

    @cached_property
    def schema(self) -> Schema:
        return self.child.schema

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.child.unique

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns | self.predicate.columns,)


@dataclass(frozen=True, eq=False)
class Sort(Node):
    """The child's rows by columns; ties keep their order."""

    child: Node
    by: tuple[str, ...]
    descending: tuple[bool, ...]
    nulls_last: bool = True

    @cached_property
    def schema(self) -> Schema:
        return self.child.schema

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.child.unique

    @property
    def breaks_ties(self) -> bool:
        """True when no two rows are equal in the sort columns."""
        return self.child.unique is not None and self.child.unique <= frozenset(self.by)

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns | frozenset(self.by),)


@dataclass(frozen=True, eq=False)
class TopK(Node):
    """The first rows of a sort, without sorting the rest."""

    child: Node
    by: tuple[str, ...]
    descending: tuple[bool, ...]
    nulls_last: bool
    length: int

    @cached_property
    def schema(self) -> Schema:
        return self.child.schema

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.child.unique

    @property
    def breaks_ties(self) -> bool:
        """True when no two rows are equal in the sort columns."""
        return self.child.unique is not None and self.child.unique <= frozenset(self.by)

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns | frozenset(self.by),)


@dataclass(frozen=True, eq=False)
class Slice(Node):
    """Rows from ``offset`` (negative: counted from the end) for ``length`` (None: to the end)."""

    child: Node
    offset: int
    length: int | None

    @cached_property
    def schema(self) -> Schema:
        return self.child.schema

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.child.unique

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns,)


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """The rows of all children, one child after the other, with the columns that all have.

    The facade gives children with the same columns; one that is used elsewhere, too, may keep more.
    """

    parts: tuple[Node, ...]

    @cached_property
    def schema(self) -> Schema:
        first, *others = (part.schema for part in self.parts)
        shared = {name: f for name, f in first.items() if all(name in other for other in others)}
        return {
            name: replace(
                f,
                nullable=any(p.schema[name].nullable for p in self.parts),
                nan=any(p.schema[name].nan for p in self.parts),
            )
            for name, f in shared.items()
        }

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns or frozenset(list(self.schema)[:1]),) * len(self.parts)


@dataclass(frozen=True, eq=False)
class Distinct(Node):
    """The first or last row of those that agree in the subset, in the order of the child."""

    child: Node
    subset: tuple[str, ...]
    keep: Literal["first", "last", "none"] = "first"

    @cached_property
    def schema(self) -> Schema:
        return self.child.schema

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return frozenset(self.subset)

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns | frozenset(self.subset),)


@dataclass(frozen=True, eq=False)
class Explode(Node):
    """A row for each part of a column of lists of strings; one with a missing value where there is none."""

    child: Node
    column: str

    @cached_property
    def schema(self) -> Schema:
        return {**self.child.schema, self.column: Field(STR)}

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns | {self.column},)


def typed(expr: Expr, node: Node) -> Field:
    """The field of an expression over a node, with the probe of a dtype that depends on it.

    Raises:
        NotNative: the expression has no native form for these dtypes.
    """
    field = field_of(expr, node.schema)
    if not field.widens:
        return field
    probe = Slice(Filter(node, missing_where(expr, node.schema)), 0, 1)
    return replace(field, widens=False, promotions=(*field.promotions, probe))
