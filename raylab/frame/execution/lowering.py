"""From plan nodes to one Polars LazyFrame, fused.

A node is lowered ordered or not: where nobody can see the order of its rows, the engine is free
to choose it. ``lower_node`` dispatches on the class of the node; a new node registers its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import singledispatch
from typing import Literal

import polars as pl

from raylab.frame.execution.constants import constants_as_columns
from raylab.frame.execution.memory_groups import groups_in_memory
from raylab.frame.execution.physical import Place
from raylab.frame.execution.trust import checked
from raylab.frame.kernels.compiler import Compiler
from raylab.frame.kernels.registry import Operand, nan_as_null
from raylab.frame.optimizer.estimates import is_work
from raylab.frame.optimizer.rewriting import walk, walk_distinct
from raylab.frame.plan.functions import field_of
from raylab.frame.plan.groups import TrustedAggregate
from raylab.frame.plan.keep import Keep
from raylab.frame.plan.nodes import (
    HIDDEN,
    Aggregate,
    AsofJoin,
    Concat,
    Distinct,
    Explode,
    Filter,
    Input,
    Join,
    Node,
    Project,
    RowNumber,
    Scan,
    SemiJoin,
    Slice,
    Sort,
    TopK,
)
from raylab.frame.plan.schema import PIECES, NotNative, Schema

POSITION = f"{HIDDEN}position"


class Lowering:
    """Lowers the nodes of one plan; what occurs twice is lowered once.

    Args:
        inputs: the rows of the plan's ``Input`` leaves.
        members: the values of each ``Membership``, by fingerprint.
    """

    def __init__(
        self,
        inputs: Mapping[int, pl.LazyFrame] | None = None,
        members: dict[str, pl.Series] | None = None,
    ) -> None:
        self.inputs = inputs or {}
        self.members = members or {}
        self.kept: dict[str, pl.LazyFrame] = {}
        """The rows of Keep nodes, by the fingerprint of what they are the result of."""
        self.groups: dict[tuple[str, bool], pl.DataFrame | None] = {}
        """Groups of rows in memory, which are computed when their node is lowered."""
        self._known: dict[tuple[str, bool], pl.LazyFrame] = {}
        self._once: dict[str, bool] = {}

    def lower(self, node: Node, *, ordered: bool) -> pl.LazyFrame:
        """A lazy frame with at least the node's columns; in its order only when asked."""
        once = self._once.get(node.fingerprint)
        key = (node.fingerprint, ordered if once is None else once)
        if key not in self._known:
            frame = lower_node(node, self, key[1])
            self._known[key] = frame if once is None else frame.select(list(node.schema)).cache()
        return self._known[key]

    def root(self, node: Node, *, ordered: bool) -> pl.LazyFrame:
        """The lazy frame of a whole plan, with exactly its columns.

        Work that several nodes read is done once, in its order if one of them must see that.
        """
        shared = shared_work(node)
        if shared:
            trial = Lowering(self.inputs, self.members)
            trial.groups = self.groups
            trial.lower(node, ordered=ordered)
            self._once = {name: (name, True) in trial._known for name in shared}
        return self.lower(node, ordered=ordered).select(list(node.schema))

    def compiler(self, node: Node) -> Compiler:
        """A compiler for expressions over the node."""
        return Compiler(node.schema, self.members)


def shared_work(root: Node) -> set[str]:
    """Nodes that several others read and that are worth to be computed only once."""
    readers = Counter(child.fingerprint for node in walk_distinct(root) for child in node.children)
    several = {name for name, count in readers.items() if count > 1}
    return {
        node.fingerprint for node in walk(root) if node.fingerprint in several and is_work(node)
    }


@singledispatch
def lower_node(node: Node, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    """The lazy frame of a node.

    Raises:
        NotNative: no lowering is registered for the class.
    """
    raise NotNative(f"plan node {type(node).__name__}")


@lower_node.register
def _scan(node: Scan, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    frame: pl.LazyFrame = node.source.read(node.columns, None, node.start, node.length)
    return frame


@lower_node.register
def _input(node: Input, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    return lowering.inputs[node.slot].select(list(node.schema))


@lower_node.register
def _row_number(node: RowNumber, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    child = node.child
    start = node.start
    if isinstance(child, Scan):
        # Numbered by the scan itself: filters above can still be pushed into the file.
        frame: pl.LazyFrame = child.source.read(child.columns, node.name, child.start, child.length)
        start -= child.start * node.step
    else:
        frame = lowering.lower(child, ordered=True).with_row_index(node.name)
    number = pl.col(node.name).cast(pl.Int64)
    if node.step != 1:
        number *= node.step
    if start != 0:
        number += start
    return frame.with_columns(number)


@lower_node.register
def _place(node: Place, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    return lowering.lower(node.number(), ordered=ordered)


@lower_node.register
def _project(node: Project, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    child = lowering.lower(node.child, ordered=ordered)
    compiler = lowering.compiler(node.child)
    columns = [compiler.compile(expr).alias(name) for name, expr in node.columns]
    if any(expr.columns for _, expr in node.columns):
        return child.select(columns)
    return child.with_columns(columns).select([name for name, _ in node.columns])


@lower_node.register
def _keep(node: Keep, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    result = node.limit != 0
    frame = lowering.lower(node.child, ordered=result).select(list(node.schema)).cache()
    if result:
        lowering.kept[node.original] = frame if node.limit is None else frame.head(node.limit + 1)
    return frame


@lower_node.register
def _filter(node: Filter, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    child = lowering.lower(node.child, ordered=ordered)
    return child.filter(lowering.compiler(node.child).compile(node.predicate, loose=True))


@lower_node.register
def _semi_join(node: SemiJoin, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    left = lowering.lower(node.left, ordered=ordered)
    right = lowering.lower(node.right, ordered=False).select(node.right_on)
    compiler = lowering.compiler(node.left)
    fields = [field_of(expr, node.left.schema) for expr in node.left_on]
    keys = [
        Operand(compiler.compile(expr), field, expr.raises).clean
        for expr, field in zip(node.left_on, fields, strict=True)
    ]
    matches = any(f.may_miss for f in fields)
    return left.join(
        _without_nan(right, node.right.schema, node.right_on),
        left_on=keys,
        right_on=node.right_on,
        how="anti" if node.anti else "semi",
        nulls_equal=matches and any(node.right.schema[n].may_miss for n in node.right_on),
        maintain_order="left" if ordered else "none",
    )


@lower_node.register
def _join(node: Join, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    left_schema, right_schema = node.left.schema, node.right.schema
    if node.how == "cross":
        left = lowering.lower(node.left, ordered=ordered).select(list(left_schema))
        right = lowering.lower(node.right, ordered=ordered).select(list(right_schema))
        return left.join(right, how="cross", maintain_order="left_right" if ordered else "none")
    order_right = ordered and not node.right_is_unique
    left = lowering.lower(node.left, ordered=ordered).select(list(left_schema))
    right = lowering.lower(node.right, ordered=order_right).select(list(right_schema))
    may_match = any(left_schema[n].may_miss for n in node.left_on) and any(
        right_schema[n].may_miss for n in node.right_on
    )
    order: Literal["none", "left", "left_right"]
    if not ordered:
        order = "none"
    elif node.how == "outer" or order_right:
        order = "left_right"
    else:
        order = "left"
    return _without_nan(left, left_schema, node.left_on).join(
        _without_nan(right, right_schema, node.right_on),
        left_on=node.left_on,
        right_on=node.right_on,
        how="full" if node.how == "outer" else node.how,
        coalesce=False,
        nulls_equal=may_match,
        maintain_order=order,
    )


@lower_node.register
def _asof_join(node: AsofJoin, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    place = f"{POSITION} of asof"
    left = lowering.lower(node.left, ordered=True).select(list(node.left.schema))
    right = lowering.lower(node.right, ordered=True).select(list(node.right.schema))
    joined = left.with_row_index(place).join_asof(
        right,
        left_on=node.on[0],
        right_on=node.on[1],
        by_left=[one for one, _ in node.by] or None,
        by_right=[other for _, other in node.by] or None,
        strategy=node.direction,
        tolerance=node.tolerance,
        allow_exact_matches=node.exact,
        coalesce=False,
        check_sortedness=False,
    )
    return joined.sort(place).select(list(node.schema)) if ordered else joined


@lower_node.register
def _aggregate(node: Aggregate, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    key = (node.fingerprint, ordered)
    if key not in lowering.groups:
        lowering.groups[key] = groups_in_memory(node, ordered=ordered)
    groups = lowering.groups[key]
    if groups is not None:
        return groups.lazy()
    node = constants_as_columns(node)
    appearance = ordered and not node.sort and bool(node.keys)
    child: Node = RowNumber(node.child, POSITION) if appearance else node.child
    frame = lowering.lower(child, ordered=appearance or node.ordered)
    compiler = lowering.compiler(node.child)
    trusted = node.trusted if isinstance(node, TrustedAggregate) else ()
    calls = [compiler.aggregate(c, trusted=name in trusted).alias(name) for name, c in node.calls]
    if not node.keys:
        return checked(frame.select(calls), trusted)
    keys: list[pl.Expr] = []
    present: list[pl.Expr] = []
    for name, expr in node.keys:
        operand = compiler.operand(expr)
        keys.append((operand.expr if node.dropna else operand.clean).alias(name))
        if node.dropna and operand.field.may_miss:  # the group goes, which is less than its rows
            present.append(pl.col(name).is_not_null())
            if operand.field.nan:
                present.append(pl.col(name).is_not_nan())
    names = [name for name, _ in node.keys]
    if appearance:
        calls.append(pl.col(POSITION).min())
    result = checked(frame.group_by(keys).agg(calls), trusted)
    if present:
        result = result.filter(present)
    if appearance:
        return result.sort(POSITION).drop(POSITION)
    return result.sort(names, nulls_last=True) if ordered else result


@lower_node.register
def _sort(node: Sort, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    if not ordered:
        return lowering.lower(node.child, ordered=False)
    frame = lowering.lower(node.child, ordered=not node.breaks_ties)
    return frame.sort(
        _sort_keys(node.child.schema, node.by),
        descending=list(node.descending),
        nulls_last=node.nulls_last,
        maintain_order=not node.breaks_ties,
    )


@lower_node.register
def _top_k(node: TopK, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    rows = Sort(node.child, node.by, node.descending, node.nulls_last)
    return lowering.lower(rows, ordered=True).head(node.length)


@lower_node.register
def _slice(node: Slice, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    return lowering.lower(node.child, ordered=True).slice(node.offset, node.length)


@lower_node.register
def _concat(node: Concat, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    names = list(node.schema)
    return pl.concat([lowering.lower(part, ordered=ordered).select(names) for part in node.parts])


@lower_node.register
def _distinct(node: Distinct, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    schema = node.child.schema
    whole = frozenset(schema) <= frozenset(node.subset) and node.keep != "none"
    if not ordered and whole:
        frame = lowering.lower(node.child, ordered=False)
        return _without_nan(frame, schema, node.subset).unique(node.subset, keep="any")
    frame = lowering.lower(node.child, ordered=True)
    frame = _without_nan(frame, schema, node.subset)
    return frame.unique(node.subset, keep=node.keep, maintain_order=ordered)


@lower_node.register
def _explode(node: Explode, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    pieces = pl.col(node.column).struct.field(PIECES).alias(node.column)
    return (
        lowering.lower(node.child, ordered=ordered)
        .with_columns(pieces)
        .explode(node.column, empty_as_null=True)
    )


def _without_nan(frame: pl.LazyFrame, schema: Schema, names: tuple[str, ...]) -> pl.LazyFrame:
    """The frame with NaN as null in key columns, where missing values must be equal."""
    keys = [nan_as_null(pl.col(name)) for name in names if schema[name].nan]
    return frame.with_columns(keys) if keys else frame


def _sort_keys(schema: Schema, names: tuple[str, ...]) -> list[pl.Expr]:
    return [nan_as_null(pl.col(n)) if schema[n].nan else pl.col(n) for n in names]
