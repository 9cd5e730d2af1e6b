"""From the optimized plan to stages: where work is spread, and where rows are exchanged.

``distribute`` dispatches on the class of the node. A node without a rule of its own runs on one
partition, above children that are still spread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch

from raylab.frame import settings
from raylab.frame.execution.physical import Exchange, Spread, Stage, leaf
from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.functions import AGGREGATIONS
from raylab.frame.plan.nodes import (
    HIDDEN,
    Aggregate,
    AggregateCall,
    Distinct,
    Filter,
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


def choose_partitions() -> int:
    """The number of partitions in this process: one, unless the user asks for more.

    The streaming engine uses all cores on one partition.
    """
    asked = settings.get("npartitions")
    return int(asked) if asked else 1


def plan_stages(plan: Node, partitions: int, *, ordered: bool) -> Stage:
    """The stages of a plan; the last one has a single partition with the result."""
    return gathered(distribute(plan, partitions, ordered)).stage()


@singledispatch
def distribute(node: Node, partitions: int, ordered: bool) -> Spread:
    """Spreads a node over partitions.

    Args:
        node: the plan.
        partitions: the number of partitions aimed at.
        ordered: the order of the node's rows can be seen further up.
    """
    return _whole(node, partitions)


def _whole(node: Node, partitions: int) -> Spread:
    """The node on one partition; each child is spread below it, then gathered in order."""
    exchanges: list[Exchange] = []
    leaves: list[Node] = []
    for slot, child in enumerate(node.children):
        below = distribute(child, partitions, True)
        exchanges.append(Exchange(below.stage(), "gather"))
        leaves.append(leaf(slot, below.fragment))
    return Spread(node.with_children(tuple(leaves)), tuple(exchanges), 1)


@distribute.register
def _scan(node: Scan, partitions: int, ordered: bool) -> Spread:
    return Spread(node, (), partitions, node)


@distribute.register(Project)
@distribute.register(Filter)
def _row_by_row(node: Project | Filter, partitions: int, ordered: bool) -> Spread:
    below = distribute(node.child, partitions, ordered)
    return below.on(node.with_children((below.fragment,)))


@distribute.register
def _row_number(node: RowNumber, partitions: int, ordered: bool) -> Spread:
    below = distribute(node.child, partitions, True)
    if isinstance(below.fragment, Scan):
        return below.on(node)
    exchange = Exchange(below.stage(), "keep", number=(node.name, node.start, node.step))
    return Spread(leaf(0, node), (exchange,), below.partitions)


@distribute.register
def _aggregate(node: Aggregate, partitions: int, ordered: bool) -> Spread:
    in_order = node.ordered or (ordered and not node.sort and bool(node.keys))
    splits = all(AGGREGATIONS[c.function].split is not None for _, c in node.calls)
    if in_order or not (splits or node.keys):
        return _whole(node, partitions)
    below = distribute(node.child, partitions, False)
    names = tuple(name for name, _ in node.keys)
    if splits:
        partial, merge = _two_steps(node, below.fragment)
        stage = below.on(partial).stage()
        if not names:
            return Spread(merge(leaf(0, partial)), (Exchange(stage, "gather"),), 1)
        spread = Spread(merge(leaf(0, partial)), (Exchange(stage, "hash", names),), partitions)
    else:
        keyed, grouped = _by_key(node, below.fragment)
        keys = tuple(name for name, _ in keyed.columns if name not in below.fragment.schema)
        exchange = Exchange(below.on(keyed).stage(), "hash", keys)
        spread = Spread(grouped, (exchange,), partitions)
    if not ordered:
        return replace(spread, ordered=False)
    whole = gathered(replace(spread, ordered=False))
    return replace(whole, fragment=Sort(whole.fragment, names, (False,) * len(names)), ordered=True)


def _by_key(node: Aggregate, child: Node) -> tuple[Project, Aggregate]:
    """The rows with their keys as columns, and the same aggregation above the exchange."""
    keys = {f"{HIDDEN}key{i}": expr for i, (_, expr) in enumerate(node.keys)}
    plain = tuple((name, Column(name)) for name in child.schema)
    keyed = Project(child, (*plain, *keys.items()))
    renamed = tuple((name, Column(key)) for (name, _), key in zip(node.keys, keys, strict=True))
    return keyed, replace(node, child=leaf(0, keyed), keys=renamed)


@dataclass(frozen=True)
class _Merge:
    """What combines the partial results of all partitions."""

    keys: tuple[tuple[str, Expr], ...]
    calls: tuple[tuple[str, AggregateCall], ...]
    results: tuple[tuple[str, Expr], ...]
    dropna: bool

    def __call__(self, child: Node) -> Node:
        merged = Aggregate(child, self.keys, self.calls, sort=False, dropna=self.dropna)
        return Project(merged, self.results)


def _two_steps(node: Aggregate, child: Node) -> tuple[Aggregate, _Merge]:
    """The aggregation of one partition, and what merges them."""
    parts: list[tuple[str, AggregateCall]] = []
    merges: list[tuple[str, AggregateCall]] = []
    results: list[tuple[str, Expr]] = [(name, Column(name)) for name, _ in node.keys]
    for name, c in node.calls:
        split = AGGREGATIONS[c.function].split
        assert split is not None  # noqa: S101  the caller saw to it
        columns = [f"{HIDDEN}{name}.{i}" for i in range(len(split.parts))]
        for column, part, merge in zip(columns, split.parts, split.merges, strict=True):
            parts.append((column, AggregateCall(part, c.arg, c.params)))
            merges.append((column, AggregateCall(merge, Column(column), c.params)))
        results.append((name, split.finish(*(Column(column) for column in columns))))
    partial = Aggregate(child, node.keys, tuple(parts), sort=False, dropna=node.dropna)
    keys = tuple((name, Column(name)) for name, _ in node.keys)
    return partial, _Merge(keys, tuple(merges), tuple(results), node.dropna)


@distribute.register
def _join(node: Join, partitions: int, ordered: bool) -> Spread:
    if node.how == "outer":
        return _whole(node, partitions)
    order_right = ordered and not node.right_is_unique
    return _broadcast_right(
        node,
        distribute(node.left, partitions, ordered),
        distribute(node.right, partitions, order_right),
    )


@distribute.register
def _semi_join(node: SemiJoin, partitions: int, ordered: bool) -> Spread:
    left = distribute(node.left, partitions, ordered)
    return _broadcast_right(node, left, distribute(node.right, partitions, False))


def _broadcast_right(node: Join | SemiJoin, left: Spread, right: Spread) -> Spread:
    """The left partitions stay where they are; each gets the whole right side."""
    slot = len(left.inputs)
    fragment = replace(node, left=left.fragment, right=leaf(slot, right.fragment))
    inputs = (*left.inputs, Exchange(right.stage(), "gather"))
    return replace(left, fragment=fragment, inputs=inputs)


@distribute.register
def _sort(node: Sort, partitions: int, ordered: bool) -> Spread:
    if not ordered:
        return distribute(node.child, partitions, False)
    return _whole(node, partitions)


@distribute.register(TopK)
@distribute.register(Distinct)
def _twice(node: TopK | Distinct, partitions: int, ordered: bool) -> Spread:
    """What remains of each partition, then the same of all that remain."""
    if isinstance(node, Distinct) and node.keep == "none":
        return _whole(node, partitions)
    below = distribute(node.child, partitions, True)
    local = replace(node, child=below.fragment)
    exchange = Exchange(below.on(local).stage(), "gather")
    return Spread(replace(node, child=leaf(0, local)), (exchange,), 1)


@distribute.register
def _slice(node: Slice, partitions: int, ordered: bool) -> Spread:
    below = distribute(node.child, partitions, True)
    local = below.fragment
    if node.offset < 0:
        local = Slice(local, node.offset, None)
    elif node.length is not None:
        local = Slice(local, 0, node.offset + node.length)
    exchange = Exchange(below.on(local).stage(), "gather")
    return Spread(replace(node, child=leaf(0, local)), (exchange,), 1)


def gathered(spread: Spread) -> Spread:
    """All rows in one partition."""
    if spread.partitions == 1:
        return spread
    exchange = Exchange(spread.stage(), "gather")
    return Spread(leaf(0, spread.fragment), (exchange,), 1, ordered=spread.ordered)
