"""Applying a rule to a whole plan."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from raylab.frame.plan.nodes import Node

Rule: TypeAlias = Callable[[Node], Node]


def bottom_up(node: Node, rule: Rule) -> Node:
    """Applies the rule to each node after its children; a shared node stays shared."""
    done = _Done()

    def visit(current: Node) -> Node:
        known = done.get(current)
        if known is None:
            new = rule(current.with_children(tuple(visit(c) for c in current.children)))
            known = done.put(current, new)
        return known

    return visit(node)


def top_down(node: Node, rule: Rule) -> Node:
    """Applies the rule to each node before its children, again while it changes the node."""
    done = _Done()

    def visit(current: Node) -> Node:
        known = done.get(current)
        if known is None:
            new = rule(current)
            while (again := rule(new)) is not new:
                new = again
            new = new.with_children(tuple(visit(c) for c in new.children))
            known = done.put(current, new)
        return known

    return visit(node)


class _Done:
    """Rewritten nodes by the original, which is held: a freed object's id is given out again."""

    def __init__(self) -> None:
        self._nodes: dict[int, tuple[Node, Node]] = {}

    def get(self, node: Node) -> Node | None:
        known = self._nodes.get(id(node))
        return None if known is None else known[1]

    def put(self, node: Node, rewritten: Node) -> Node:
        self._nodes[id(node)] = (node, rewritten)
        return rewritten


def walk(node: Node) -> list[Node]:
    """All nodes of a plan, each object once, parents before children."""
    return _walk(node, id)


def walk_distinct(node: Node) -> list[Node]:
    """All nodes of a plan, of equal ones the first, parents before children."""
    return _walk(node, lambda current: current.fingerprint)


def _walk(node: Node, identity: Callable[[Node], Hashable]) -> list[Node]:
    order: list[Node] = []
    seen: set[Hashable] = set()

    def visit(current: Node) -> None:
        key = identity(current)
        if key in seen:
            return
        seen.add(key)
        for child in current.children:
            visit(child)
        order.append(current)

    visit(node)
    return order[::-1]
