"""Reductions keep the float aggregates below them.

Two runs of a streaming sum may differ in the last bits: a maximum of sums and a later filter by it
must see the same sums. So these come out of the run of a reduction as a second result.
"""

from __future__ import annotations

from raylab.frame.execution.cache import CACHE
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.functions import AGGREGATIONS
from raylab.frame.plan.keep import Keep
from raylab.frame.plan.nodes import Aggregate, Node


def inexact_aggregate(plan: Node) -> Aggregate | None:
    """The uppermost float aggregate of groups, unless its result is kept already."""
    for node in walk(plan):
        if isinstance(node, Aggregate) and node.keys and _is_inexact(node):
            return None if CACHE.get(node, frozenset(node.schema)) is not None else node
    return None


def keeping(plan: Node, wanted: Node) -> Node:
    """The plan with one of its nodes below a Keep node."""
    done: dict[int, Node] = {}

    def visit(node: Node) -> Node:
        if id(node) not in done:
            new = node.with_children(tuple(visit(child) for child in node.children))
            done[id(node)] = Keep(new, node.fingerprint) if node is wanted else new
        return done[id(node)]

    return visit(plan)


def _is_inexact(node: Aggregate) -> bool:
    floats = (c for name, c in node.calls if node.schema[name].kind == "float")
    return any(AGGREGATIONS[c.function].name not in ("min", "max", "first", "last") for c in floats)
