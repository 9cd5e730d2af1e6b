"""Columns that nobody reads are not computed; results that are kept are not computed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from raylab.frame.optimizer.rewriting import walk_distinct
from raylab.frame.plan.nodes import Node, Scan

Lookup: TypeAlias = Callable[[Node, frozenset[str]], Node | None]


def prune_columns(root: Node, lookup: Lookup | None) -> Node:
    """The plan where each node gives only the columns that its parents read.

    A node with several parents gives what any of them reads, so that it is computed once; a scan
    is read for each parent on its own.
    """
    required: dict[str, frozenset[str]] = {root.fingerprint: frozenset(root.schema)}
    kept: dict[str, Node] = {}
    for node in walk_distinct(root):
        columns = required.get(node.fingerprint)
        if columns is None:
            continue  # below a kept result
        found = lookup(node, columns) if lookup and not isinstance(node, Scan) else None
        if found is not None:
            kept[node.fingerprint] = found
            continue
        for child, needs in zip(node.children, node.required(columns), strict=True):
            known = required.get(child.fingerprint, frozenset())
            required[child.fingerprint] = known | (needs & frozenset(child.schema))
    return _rebuild(root, required, kept)


def columns_read(root: Node, below: Node) -> frozenset[str]:
    """The columns of a node below that are read for what the plan gives."""
    required: dict[str, frozenset[str]] = {root.fingerprint: frozenset(root.schema)}
    for node in walk_distinct(root):
        columns = required.get(node.fingerprint, frozenset())
        for child, needs in zip(node.children, node.required(columns), strict=True):
            known = required.get(child.fingerprint, frozenset())
            required[child.fingerprint] = known | (needs & frozenset(child.schema))
    return required.get(below.fingerprint, frozenset())


def _rebuild(root: Node, required: dict[str, frozenset[str]], kept: dict[str, Node]) -> Node:
    done: dict[tuple[str, frozenset[str]], Node] = {}

    def visit(node: Node, asked: frozenset[str]) -> Node:
        if node.fingerprint in kept:
            return kept[node.fingerprint]
        columns = asked if isinstance(node, Scan) else required[node.fingerprint]
        key = (node.fingerprint, columns)
        if key not in done:
            needs = node.required(columns)
            children = tuple(
                visit(child, need & frozenset(child.schema))
                for child, need in zip(node.children, needs, strict=True)
            )
            done[key] = node.with_children(children).prune(columns)
        return done[key]

    return visit(root, frozenset(root.schema))
