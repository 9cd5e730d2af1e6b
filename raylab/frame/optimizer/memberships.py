"""``x.isin(other)`` in a filter is a semi-join."""

from __future__ import annotations

from raylab.frame.optimizer.rewriting import bottom_up
from raylab.frame.plan.expressions import Call, Expr, Membership, balanced, conjuncts
from raylab.frame.plan.nodes import Filter, Node, SemiJoin


def filter_membership_to_semi_join(node: Node) -> Node:
    """Filter(x, is_member(e, v) and rest) -> SemiJoin(Filter(x, rest), v); not: an anti-join."""
    if not isinstance(node, Filter):
        return node
    rest: list[Expr] = []
    joins: list[tuple[Membership, bool]] = []
    for part in conjuncts(node.predicate):
        match part:
            case Membership():
                joins.append((part, False))
            case Call("not", (Membership() as member,)):
                joins.append((member, True))
            case _:
                rest.append(part)
    if not joins:
        return node
    rows = node.child
    if rest:
        rows = Filter(rows, balanced("and", rest))
    for member, anti in joins:
        values = bottom_up(member.values, filter_membership_to_semi_join)
        rows = SemiJoin(rows, values, (member.arg,), tuple(values.schema), anti=anti)
    return rows
