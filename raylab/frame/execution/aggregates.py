"""Aggregations over partitions: in two steps, or over rows that are exchanged by their keys."""

from __future__ import annotations

from dataclasses import dataclass, replace

from raylab.frame.execution.physical import Order, Spread, gathered, hashed
from raylab.frame.execution.planner import distribute, in_order, is_small, on_one, placed, selected
from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.functions import AGGREGATIONS
from raylab.frame.plan.nodes import (
    HIDDEN,
    Aggregate,
    AggregateCall,
    Node,
    Project,
    hidden_name,
)


@distribute.register
def _aggregate(node: Aggregate, partitions: int, ordered: bool) -> Spread:
    splits = not node.ordered and all(
        AGGREGATIONS[c.function].split is not None for _, c in node.calls
    )
    appearance = ordered and not node.sort and bool(node.keys)
    below = distribute(node.child, partitions, node.ordered or appearance)
    if below.partitions == 1:
        whole = below.on(node.with_children((below.fragment,)))
        return replace(whole, ordered=ordered)
    if not (splits or node.keys):
        return on_one(node, partitions)
    names = tuple(name for name, _ in node.keys)
    by, calls = names, node.calls
    if appearance:
        below, place = placed(below, node)
        by, calls = (place,), (*calls, (place, AggregateCall("min", Column(place))))
    step = replace(node, calls=calls, child=below.fragment)
    spread = (_in_two_steps if splits else _by_key)(step, below, node, partitions)
    if not ordered or not names:
        return spread.on(selected(spread.fragment, node))
    return in_order(spread, Order.rising(by), node, partitions)


def _by_key(node: Aggregate, below: Spread, logical: Node, partitions: int) -> Spread:
    """The rows with their keys as columns, exchanged; then the aggregation."""
    keys = tuple(hidden_name(node.child, f"key{i}.") for i in range(len(node.keys)))
    plain = tuple((name, Column(name)) for name in node.child.schema)
    exprs = (expr for _, expr in node.keys)
    keyed = below.on(Project(node.child, (*plain, *zip(keys, exprs, strict=True))))
    rows = hashed(keyed, keys, partitions)
    renamed = tuple((name, Column(key)) for (name, _), key in zip(node.keys, keys, strict=True))
    return rows.on(replace(node, child=rows.fragment, keys=renamed))


def _in_two_steps(node: Aggregate, below: Spread, logical: Node, partitions: int) -> Spread:
    """The aggregation of each partition, then what merges the partial results of equal keys."""
    partial, merge = _two_steps(node)
    step = replace(below.on(partial), ordered=False)
    names = tuple(name for name, _ in node.keys)
    one_task = not names or is_small(logical)
    rows = gathered(step) if one_task else hashed(step, names, partitions)
    return rows.on(merge(rows.fragment))


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


def _two_steps(node: Aggregate) -> tuple[Aggregate, _Merge]:
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
    partial = Aggregate(node.child, node.keys, tuple(parts), sort=False, dropna=node.dropna)
    keys = tuple((name, Column(name)) for name, _ in node.keys)
    return partial, _Merge(keys, tuple(merges), tuple(results), node.dropna)
