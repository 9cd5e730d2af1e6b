"""Joins over partitions: the smaller side goes to every task, or equal keys of both sides meet."""

from __future__ import annotations

from dataclasses import replace

from raylab.frame.execution.physical import Exchange, Order, Place, Spread, fused, leaf
from raylab.frame.execution.planner import distribute, in_order, is_small, is_tiny, placed, selected
from raylab.frame.optimizer.estimates import estimated_bytes
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.functions import field_of
from raylab.frame.plan.nodes import Join, Node, Project, SemiJoin, hidden_name


@distribute.register
def _join(node: Join, partitions: int, ordered: bool) -> Spread:
    order_right = ordered and (node.how == "outer" or not node.right_is_unique)
    left = distribute(node.left, partitions, ordered)
    right = distribute(node.right, partitions, order_right)
    if left.partitions == right.partitions == 1:
        return replace(fused(node, [left, right]), ordered=ordered)
    send_left = node.how == "inner" and _pays_to_send(node.left, node.right, right)
    send_right = node.how in ("inner", "left") and _pays_to_send(node.right, node.left, left)
    if send_left and send_right:  # the smaller one; the right one, where that keeps the order
        smaller = estimated_bytes(node.left) < estimated_bytes(node.right)
        send_right = ordered or not smaller
    if send_right or node.how == "cross":
        return _right_to_every_task(node, left, right)
    by: tuple[str, ...] = ()
    if ordered:
        left, by_left = placed(left, node, "left place")
        by = (by_left,)
        if order_right:
            right, by_right = placed(right, node, "right place")
            by = (by_left, by_right)
    if send_left:
        joined = _left_to_every_task(node, left, right)
    else:
        joined = _meet(node, left, right, node.left_on, node.right_on, partitions)
    return in_order(joined, Order.rising(by), node, partitions) if ordered else joined


@distribute.register
def _semi_join(node: SemiJoin, partitions: int, ordered: bool) -> Spread:
    left = distribute(node.left, partitions, ordered)
    right = distribute(node.right, partitions, False)
    if left.partitions == right.partitions == 1:
        return replace(fused(node, [left, right]), ordered=ordered)
    if _pays_to_send(node.right, node.left, left) or not _same_dtypes(node):
        return _right_to_every_task(node, left, right)
    by: tuple[str, ...] = ()
    if ordered:
        left, place = placed(left, node)
        by = (place,)
    keys = tuple(hidden_name(node, f"key{i}.") for i in range(len(node.left_on)))
    plain = tuple((name, Column(name)) for name in left.fragment.schema)
    left = left.on(Project(left.fragment, (*plain, *zip(keys, node.left_on, strict=True))))
    right = right.on(Project(right.fragment, tuple((n, Column(n)) for n in node.right_on)))
    by_key = replace(node, left_on=tuple(Column(key) for key in keys))
    found = _meet(by_key, left, right, keys, node.right_on, partitions)
    if not ordered:
        return found.on(selected(found.fragment, node))
    return in_order(found, Order.rising(by), node, partitions)


def _same_dtypes(node: SemiJoin) -> bool:
    """Whether equal keys have equal hashes on both sides."""
    left = (field_of(expr, node.left.schema).dtype for expr in node.left_on)
    return all(a == node.right.schema[b].dtype for a, b in zip(left, node.right_on, strict=True))


def _pays_to_send(side: Node, other: Node, spread: Spread) -> bool:
    """Whether all rows of a side to every task of the other is less than both sides once."""
    size = estimated_bytes(side)
    return is_small(side) and size * spread.partitions <= 2 * (size + estimated_bytes(other))


def _right_to_every_task(node: Join | SemiJoin, left: Spread, right: Spread) -> Spread:
    """The left partitions stay where they are; each gets the whole right side."""
    whole, inputs = _everywhere(right, left)
    joined = replace(node, left=left.fragment, right=whole)
    return replace(left.on(joined), inputs=inputs)


def _left_to_every_task(node: Join, left: Spread, right: Spread) -> Spread:
    """The right partitions stay where they are; each gets the whole left side; in no order."""
    whole, inputs = _everywhere(left, right)
    joined = replace(node, left=whole, right=right.fragment)
    return replace(right.on(joined), inputs=inputs, ordered=False)


def _everywhere(side: Spread, others: Spread) -> tuple[Node, tuple[Exchange, ...]]:
    """A whole side for every task of the other one, and what then feeds those.

    What is read in no time every task reads for itself: a stage of its own would take longer.
    """
    if side.partitions == 1 and not side.inputs and is_tiny(side.fragment):
        nodes = walk(side.fragment)
        if not any(node is others.scan or isinstance(node, Place) for node in nodes):
            return side.fragment, others.inputs
    exchange = Exchange((side.stage(),), "gather")
    return leaf(len(others.inputs), side.fragment), (*others.inputs, exchange)


def _meet(
    node: Join | SemiJoin,
    left: Spread,
    right: Spread,
    left_on: tuple[str, ...],
    right_on: tuple[str, ...],
    partitions: int,
) -> Spread:
    """The join where rows of both sides with equal keys come together; in no order."""
    inputs = (
        Exchange((left.stage(),), "hash", left_on),
        Exchange((right.stage(),), "hash", right_on),
    )
    joined = replace(node, left=leaf(0, left.fragment), right=leaf(1, right.fragment))
    return Spread(joined, inputs, partitions, ordered=False)
