"""Applying a rule to a whole plan."""

from __future__ import annotations

from collections.abc import Callable
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
    """All nodes of a plan, each once, parents before children."""
    order: list[Node] = []
    seen: set[str] = set()

    def visit(current: Node) -> None:
        if current.fingerprint in seen:
            return
        seen.add(current.fingerprint)
        for child in current.children:
            visit(child)
        order.append(current)

    visit(node)
    return order[::-1]
