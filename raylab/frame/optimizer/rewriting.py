"""Applying a rule to a whole plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from raylab.frame.plan.nodes import Node

Rule: TypeAlias = Callable[[Node], Node]


def bottom_up(node: Node, rule: Rule) -> Node:
    """Applies the rule to each node after its children; a shared node stays shared."""
    done: dict[int, Node] = {}

    def visit(current: Node) -> Node:
        known = done.get(id(current))
        if known is None:
            known = rule(current.with_children(tuple(visit(c) for c in current.children)))
            done[id(current)] = known
        return known

    return visit(node)


def top_down(node: Node, rule: Rule) -> Node:
    """Applies the rule to each node before its children, again while it changes the node."""
    done: dict[int, Node] = {}

    def visit(current: Node) -> Node:
        known = done.get(id(current))
        if known is None:
            new = rule(current)
            while (again := rule(new)) is not new:
                new = again
            known = new.with_children(tuple(visit(c) for c in new.children))
            done[id(current)] = known
        return known

    return visit(node)


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
