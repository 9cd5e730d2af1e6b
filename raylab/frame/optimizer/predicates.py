"""Filters move towards the scan."""

from __future__ import annotations

from raylab.frame.plan.expressions import Column, Expr, balanced, call, conjuncts, substitute
from raylab.frame.plan.nodes import (
    Concat,
    Filter,
    Join,
    Node,
    Project,
    SemiJoin,
    Sort,
)


def push_filter_down(node: Node) -> Node:
    """Filter(op(x)) -> op(Filter(x)) where the operation neither numbers nor cuts the rows."""
    if not isinstance(node, Filter):
        return node
    match node.child:
        case Filter(child, predicate):
            return Filter(child, call("and", predicate, node.predicate))
        case Project(child, columns) if _only_selected(node.predicate, columns):
            return Project(Filter(child, substitute(node.predicate, dict(columns))), columns)
        case Sort(child, by, descending, nulls_last):
            return Sort(Filter(child, node.predicate), by, descending, nulls_last)
        case SemiJoin(left, right, left_on, right_on, anti):
            return SemiJoin(Filter(left, node.predicate), right, left_on, right_on, anti)
        case Concat(parts):
            return Concat(tuple(Filter(part, node.predicate) for part in parts))
        case Join() as join if join.how != "outer":
            return _into_join(node.predicate, join) or node
        case _:
            return node


def _only_selected(predicate: Expr, columns: tuple[tuple[str, Expr], ...]) -> bool:
    """True when the predicate reads no computed column, which would be computed twice."""
    plain = {name for name, expr in columns if isinstance(expr, Column)}
    return predicate.columns <= plain


def _into_join(predicate: Expr, join: Join) -> Node | None:
    """The parts that read one side go to that side; into the right one only for inner joins."""
    left: list[Expr] = []
    right: list[Expr] = []
    rest: list[Expr] = []
    for part in conjuncts(predicate):
        if part.columns and part.columns <= frozenset(join.left.schema):
            left.append(part)
        elif part.columns and join.how == "inner" and part.columns <= frozenset(join.right.schema):
            right.append(part)
        else:
            rest.append(part)
    if not left and not right:
        return None
    joined = join.with_children((_filtered(join.left, left), _filtered(join.right, right)))
    return _filtered(joined, rest)


def _filtered(node: Node, parts: list[Expr]) -> Node:
    if not parts:
        return node
    return Filter(node, balanced("and", parts))
