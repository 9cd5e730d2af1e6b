"""From the optimized plan to stages: where work is spread, and where rows are exchanged.

``distribute`` dispatches on the class of the node; joins and aggregations have their rules in
files of their own. A node without a rule runs on one partition, above children that are spread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

from raylab.frame import settings
from raylab.frame.execution.lowering import shared_work
from raylab.frame.execution.physical import (
    TINY,
    Exchange,
    Order,
    Place,
    Spread,
    Stage,
    computed,
    fused,
    gathered,
    hashed,
    leaf,
    ranged,
)
from raylab.frame.optimizer.estimates import (
    bytes_of_scan,
    estimated_bytes,
    likely_rows,
    row_bytes,
    scanned_bytes,
)
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import (
    Concat,
    Distinct,
    Explode,
    Filter,
    Node,
    Project,
    RowNumber,
    Scan,
    Slice,
    Sort,
    TopK,
    hidden_name,
)
from raylab.frame.sources.stored import StoredSource


def plan_stages(plan: Node, partitions: int, *, ordered: bool) -> Stage:
    """The stages of a plan; the partitions of the last one, one after the other, are the result."""
    with _planning(plan):
        return distribute(plan, partitions, ordered).stage()


@dataclass(frozen=True, eq=False)
class _Planning:
    """What the rules need to know about the whole plan.

    Attributes:
        target_bytes: the size of a partition that is aimed at.
        largest_bytes: of the largest scan; much smaller ones are not cut.
        shared: nodes that several others read and that are worth a stage of their own.
        known: nodes that are spread already: what is read twice is exchanged once.
    """

    target_bytes: int
    largest_bytes: int
    shared: set[str]
    known: dict[tuple[str, int, bool], Spread] = field(default_factory=dict)


_PLANNING: ContextVar[_Planning] = ContextVar("planning")


@contextmanager
def _planning(plan: Node) -> Iterator[None]:
    scans = (bytes_of_scan(node) for node in walk(plan) if isinstance(node, Scan))
    target = settings.get("target_partition_bytes")
    token = _PLANNING.set(_Planning(target, max(scans, default=0), shared_work(plan)))
    try:
        yield
    finally:
        _PLANNING.reset(token)


class _Distribute:
    """The function ``distribute``, which keeps what it has spread; rules are registered on it."""

    def __init__(self, default: Callable[[Node, int, bool], Spread]) -> None:
        self._rules: Any = singledispatch(default)
        self.__doc__ = default.__doc__

    def register(self, rule: Any) -> Any:
        """Declares the rule for the class of its first argument; with a class, a decorator."""
        return self._rules.register(rule)

    def __call__(self, node: Node, partitions: int, ordered: bool) -> Spread:
        planning = _PLANNING.get()
        known = planning.known
        key = (node.fingerprint, partitions, ordered)
        ordered_key = (node.fingerprint, partitions, True)
        if node.fingerprint in planning.shared and ordered_key in known:
            return known[ordered_key]
        if key not in known:
            spread: Spread = self._rules(node, partitions, ordered)
            spread = spread if ordered else replace(spread, ordered=False)
            known[key] = computed(spread) if node.fingerprint in planning.shared else spread
        return known[key]


@_Distribute
def distribute(node: Node, partitions: int, ordered: bool) -> Spread:
    """Spreads a node over partitions.

    Args:
        node: the plan.
        partitions: the number of partitions aimed at.
        ordered: the order of the node's rows can be seen further up.
    """
    return on_one(node, partitions)


def on_one(node: Node, partitions: int) -> Spread:
    """The node on one partition; each child is spread below it, then gathered in order."""
    spread = [distribute(child, partitions, True) for child in node.children]
    if all(below.partitions == 1 for below in spread):
        return fused(node, spread)
    exchanges = tuple(Exchange((below.stage(),), "gather") for below in spread)
    leaves = tuple(leaf(slot, below.fragment) for slot, below in enumerate(spread))
    return Spread(node.with_children(leaves), exchanges, 1)


def is_small(node: Node) -> bool:
    """Whether the rows of a node are few enough for one task, surely or very likely."""
    target = _PLANNING.get().target_bytes
    if estimated_bytes(node) <= target // 4:
        return True
    likely = likely_rows(node) * row_bytes(node.schema.values())
    return likely <= target // 16 and estimated_bytes(node) <= 4 * target


def is_tiny(plan: Node) -> bool:
    """Whether all that a plan reads is so little that each task may read it for itself."""
    return scanned_bytes(plan) <= _PLANNING.get().target_bytes // TINY


def placed(below: Spread, node: Node, stem: str = "place") -> tuple[Spread, str]:
    """The rows, which are in their order, with a column that tells it; and its name.

    Args:
        below: the rows.
        node: the plan whose columns have other names.
        stem: of the name.
    """
    name = hidden_name(node, stem)
    return below.on(Place(below.fragment, name)), name


def in_order(below: Spread, order: Order, node: Node, partitions: int) -> Spread:
    """The rows sorted, on one partition or in ranges, with the columns of the plan that they are."""
    whole = gathered(below) if partitions == 1 or is_small(node) else below
    if whole.partitions > 1:
        whole = ranged(whole, order, partitions)
    rows = Sort(whole.fragment, order.by, order.descending, order.nulls_last)
    return replace(whole.on(selected(rows, node)), ordered=True)


def selected(rows: Node, node: Node) -> Node:
    """The rows with the columns of the plan that they are, without places and keys."""
    if list(rows.schema) == list(node.schema):
        return rows
    return Project(rows, tuple((name, Column(name)) for name in node.schema))


@distribute.register
def _scan(node: Scan, partitions: int, ordered: bool) -> Spread:
    share = bytes_of_scan(node) / max(_PLANNING.get().largest_bytes, 1)
    # From an eighth of the largest scan on it pays to use all partitions.
    parts = min(partitions, max(1, math.ceil(8 * partitions * share)), max(1, node.rows))
    if isinstance(node.source, StoredSource):
        parts = len(node.source.partitions)
    return Spread(node, (), parts, node)


@distribute.register(Project)
@distribute.register(Filter)
@distribute.register(Explode)
def _row_by_row(node: Project | Filter | Explode, partitions: int, ordered: bool) -> Spread:
    below = distribute(node.child, partitions, ordered)
    return below.on(node.with_children((below.fragment,)))


@distribute.register
def _row_number(node: RowNumber, partitions: int, ordered: bool) -> Spread:
    below = distribute(node.child, partitions, True)
    if below.partitions == 1 or isinstance(below.fragment, Scan):
        return below.on(node.with_children((below.fragment,)))
    exchange = Exchange((below.stage(),), "keep", number=(node.name, node.start, node.step))
    return Spread(leaf(0, node), (exchange,), below.partitions)


@distribute.register
def _sort(node: Sort, partitions: int, ordered: bool) -> Spread:
    if not ordered:
        return distribute(node.child, partitions, False)
    below = distribute(node.child, partitions, not node.breaks_ties)
    return in_order(below, Order(node.by, node.descending, node.nulls_last), node, partitions)


@distribute.register
def _top_k(node: TopK, partitions: int, ordered: bool) -> Spread:
    """The first rows of each partition, then the first of these."""
    below = distribute(node.child, partitions, not node.breaks_ties)
    local = replace(below.on(node.with_children((below.fragment,))), ordered=True)
    if below.partitions == 1:
        return local
    return _again(node, gathered(local))


@distribute.register
def _distinct(node: Distinct, partitions: int, ordered: bool) -> Spread:
    """What remains of each partition; then rows with equal keys meet."""
    whole = frozenset(node.child.schema) <= frozenset(node.subset)
    below = distribute(node.child, partitions, ordered or not whole or node.keep == "none")
    local = below.on(node.with_children((below.fragment,)))
    if below.partitions == 1:
        return local
    if node.keep == "none":
        local = below
    if is_small(node):
        return _again(node, gathered(local))
    if not ordered:
        return _again(node, hashed(local, node.subset, partitions))
    local, place = placed(local, node)
    spread = _again(node, hashed(local, node.subset, partitions))
    return in_order(spread, Order.rising((place,)), node, partitions)


def _again(node: TopK | Distinct, below: Spread) -> Spread:
    return below.on(node.with_children((below.fragment,)))


@distribute.register
def _slice(node: Slice, partitions: int, ordered: bool) -> Spread:
    below = distribute(node.child, partitions, True)
    if below.partitions == 1:
        return below.on(node.with_children((below.fragment,)))
    local = below.fragment
    if node.offset < 0:
        local = Slice(local, node.offset, None)
    elif node.length is not None:
        local = Slice(local, 0, node.offset + node.length)
    whole = gathered(below.on(local))
    return whole.on(replace(node, child=whole.fragment))


@distribute.register
def _concat(node: Concat, partitions: int, ordered: bool) -> Spread:
    """The partitions of all parts, one part after the other."""
    parts = [distribute(part, partitions, ordered) for part in node.parts]
    stages = tuple(part.on(selected(part.fragment, node)).stage() for part in parts)
    exchange = Exchange(stages, "keep")
    return Spread(leaf(0, node), (exchange,), exchange.partitions)
