"""Which results a run keeps for later ones, and the plan that gives them beside its own.

Two runs of a streaming sum may differ in the last bits: a maximum of sums and a later filter by it
must see the same sums. So the float aggregates below a reduction come out of its run as a second
result. So do rows that an earlier trigger computed, too.
"""

from __future__ import annotations

from collections.abc import Mapping

from raylab.frame.execution.cache import CACHE
from raylab.frame.execution.uses import Wanted
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.keep import Keep
from raylab.frame.plan.nodes import Aggregate, Node


def inexact_aggregate(plan: Node) -> Aggregate | None:
    """The uppermost float aggregate of groups, unless its result is kept already."""
    for node in walk(plan):
        if isinstance(node, Aggregate) and node.keys and node.inexact:
            return None if CACHE.get(node, frozenset(node.schema)) is not None else node
    return None


def keeping(plan: Node, wanted: Mapping[str, Wanted]) -> Node:
    """The plan with some of its nodes, given by fingerprint, below Keep nodes."""
    done: dict[int, Node] = {}

    def visit(node: Node) -> Node:
        if id(node) not in done:
            new = node.with_children(tuple(visit(child) for child in node.children))
            keep = wanted.get(node.fingerprint)
            if keep is not None:
                new = Keep(new, node.fingerprint, keep.columns, keep.limit)
            done[id(node)] = new
        return done[id(node)]

    return visit(plan)
