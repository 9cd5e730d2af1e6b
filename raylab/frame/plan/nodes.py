"""Plan nodes: frozen, typed at construction, each with the rule for its schema.

A node is an ordered sequence of rows with named columns. Names that start with ``HIDDEN`` carry
index levels and positions; they never show as column labels. What an index is and which columns
are visible is the facade's matter: to the plan all columns are equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol

from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.fingerprint import structural_fingerprint
from raylab.frame.plan.functions import AGGREGATIONS, field_of, missing_where
from raylab.frame.plan.schema import INT64, Field, Schema, promoted

HIDDEN = "\x01"
"""The mark of columns that are not labels: no NUL, which Arrow's C interface cannot carry."""


class Source(Protocol):
    """Where rows come from: a file or data held in memory."""

    @property
    def fingerprint(self) -> str:
        """The identity of the data: for files with size and modification time."""
        ...

    @property
    def fields(self) -> Schema:
        """The columns that can be read."""
        ...

    @property
    def rows(self) -> int:
        """The number of rows."""
        ...

    @property
    def nbytes(self) -> int:
        """The estimated size in memory."""
        ...

    def read(self, columns: tuple[str, ...], row_index: str | None) -> Any:
        """The engine's lazy frame of the columns, with a numbering of the rows when asked."""
        ...

    def check(self) -> None:
        """Raises SourceChangedError when the data is not what was scanned."""
        ...

    def describe(self) -> str:
        """A short name for ``explain``."""
        ...


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


@dataclass(frozen=True, eq=False)
class Scan(Node):
    """The rows of a source, or the part of them from ``start`` for ``length`` rows."""

    source: Source
    columns: tuple[str, ...]
    start: int = 0
    length: int | None = None

    @cached_property
    def schema(self) -> Schema:
        return {name: self.source.fields[name] for name in self.columns}

    @property
    def rows(self) -> int:
        """The number of rows."""
        left = self.source.rows - self.start
        return left if self.length is None else min(left, self.length)

    def prune(self, columns: frozenset[str]) -> Node:
        kept = tuple(name for name in self.columns if name in columns)
        return replace(self, columns=kept or self.columns[:1])

    def describe(self) -> str:
        part = "" if self.length is None else f", rows={self.start}+{self.length}"
        return f"Scan({self.source.describe()}, columns={show(self.columns)}{part})"


@dataclass(frozen=True, eq=False)
class Input(Node):
    """Rows that another stage of the physical plan delivers."""

    slot: int
    fields: tuple[tuple[str, Field], ...]
    keys: frozenset[str] | None = None

    @cached_property
    def schema(self) -> Schema:
        return dict(self.fields)

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.keys

    def describe(self) -> str:
        return f"Input({self.slot})"


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
        return (columns_of(expr for _, expr in self.prune(columns).columns),)

    def prune(self, columns: frozenset[str]) -> Project:
        kept = tuple((name, expr) for name, expr in self.columns if name in columns)
        return Project(self.child, kept or self.columns[:1])


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
class SemiJoin(Node):
    """The left rows whose keys are (``anti``: are not) among the right rows' keys."""

    left: Node
    right: Node
    left_on: tuple[Expr, ...]
    right_on: tuple[str, ...]
    anti: bool = False

    @cached_property
    def schema(self) -> Schema:
        return self.left.schema

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.left.unique

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns | columns_of(self.left_on), frozenset(self.right_on))


@dataclass(frozen=True, eq=False)
class Join(Node):
    """Pairs of rows with equal keys; missing keys match each other, as in pandas.

    The names of the two sides are disjoint; the keys of both sides are in the result. Rows come
    in the order of the left side, then of the right; for ``outer`` the right rows without a
    match follow.
    """

    left: Node
    right: Node
    how: Literal["inner", "left", "outer", "cross"]
    left_on: tuple[str, ...]
    right_on: tuple[str, ...]

    @cached_property
    def schema(self) -> Schema:
        left, right = dict(self.left.schema), dict(self.right.schema)
        if self.how in ("left", "outer"):
            probe = self._unmatched(self.left, self.left_on, self.right, self.right_on)
            right = {name: _widened(f, probe) for name, f in right.items()}
        if self.how == "outer":
            probe = self._unmatched(self.right, self.right_on, self.left, self.left_on)
            left = {name: _widened(f, probe) for name, f in left.items()}
        return {**left, **right}

    @staticmethod
    def _unmatched(
        rows: Node, on: tuple[str, ...], others: Node, others_on: tuple[str, ...]
    ) -> Node:
        """A plan that has a row when some row finds no partner."""
        keys = tuple(Column(name) for name in on)
        return Slice(SemiJoin(rows, others, keys, others_on, anti=True), 0, 1)

    @cached_property
    def right_is_unique(self) -> bool:
        """True when a left row finds at most one right row."""
        keys = self.right.unique
        return keys is not None and keys <= frozenset(self.right_on)

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.left.unique if self.how in ("inner", "left") and self.right_is_unique else None

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (
            (columns & frozenset(self.left.schema)) | frozenset(self.left_on),
            (columns & frozenset(self.right.schema)) | frozenset(self.right_on),
        )


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

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        keys = columns_of(expr for _, expr in self.keys)
        return (keys | columns_of(c.arg for _, c in self.prune(columns).calls),)

    def prune(self, columns: frozenset[str]) -> Aggregate:
        kept = tuple((name, c) for name, c in self.calls if name in columns)
        return replace(self, calls=kept if kept or self.keys else self.calls[:1])


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


def columns_of(expressions: Iterable[Expr]) -> frozenset[str]:
    """All columns that the expressions read."""
    return frozenset(name for expr in expressions for name in expr.columns)


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


def hidden_name(node: Node, stem: str) -> str:
    """A name for a column that the user does not see and that the node does not have."""
    number = 0
    while (name := f"{HIDDEN}{stem}{number}") in node.schema:
        number += 1
    return name


def _widened(field: Field, probe: Node) -> Field:
    """The field of a column that is missing in rows without a partner."""
    if promoted(field.dtype) != field.dtype:
        return replace(field, nullable=True, promotions=(*field.promotions, probe))
    return field.optional()


def show(value: Any) -> str:
    """Plan values for people: expressions as calls, hidden names without their mark."""
    from raylab.frame.plan.expressions import Call, Membership, Over
    from raylab.frame.plan.expressions import Literal as Constant

    match value:
        case Column(name):
            return show(name)
        case Constant(constant):
            return repr(constant)
        case Call(function, args, params):
            inner = [show(a) for a in args] + [f"{k}={show(v)}" for k, v in params]
            return f"{function}({', '.join(inner)})"
        case Over(function, arg):
            return f"{function}_over({show(arg)})"
        case Membership(arg, _):
            return f"is_member({show(arg)})"
        case AggregateCall(function, arg, _):
            return f"{function}({show(arg)})"
        case tuple():
            if (
                len(value) == 2
                and isinstance(value[0], str)
                and isinstance(value[1], Expr | AggregateCall)
            ):
                name, inner_text = show(value[0]), show(value[1])
                return name if name == inner_text else f"{name}: {inner_text}"
            return f"[{', '.join(show(v) for v in value)}]"
        case str():
            return value.replace(HIDDEN, "~")
        case _:
            return repr(value)
