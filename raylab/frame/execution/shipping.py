"""Plans for other processes: what only this process has becomes an input, stored on the cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from raylab import runtime
from raylab.frame.execution.blocks import Block
from raylab.frame.execution.physical import leaf
from raylab.frame.execution.placement import in_memory
from raylab.frame.plan.expressions import Expr, Membership, transform
from raylab.frame.plan.nodes import AggregateCall, Node, Scan, Slice
from raylab.frame.plan.schema import Schema
from raylab.frame.sources.stored import StoredSource

References = list[Any]


class Shipping:
    """Makes plans portable; what they read from this process is stored once."""

    def __init__(self) -> None:
        self._stored: dict[str, Any] = {}

    def portable(self, plan: Node, slots: int) -> tuple[Node, list[References]]:
        """The plan with inputs in the place of scans of memory and of the object store.

        Args:
            plan: of one partition.
            slots: the number of inputs that it has already.

        Returns:
            the plan, and for each further input the blocks that make it up.
        """
        inputs: list[References] = []
        places: dict[str, Node] = {}

        def visit(node: Node) -> Node:
            if not isinstance(node, Scan) or not (_is_stored(node) or in_memory(node)):
                return node.with_children(tuple(visit(child) for child in node.children))
            if node.fingerprint not in places:
                references, offset = self._blocks(node)
                rows: Node = leaf(slots + len(inputs), node)
                if _is_stored(node):
                    rows = Slice(rows, offset, node.rows)
                inputs.append(references)
                places[node.fingerprint] = rows
            return places[node.fingerprint]

        return _without_values(visit(plan)), inputs

    def _blocks(self, scan: Scan) -> tuple[References, int]:
        if isinstance(scan.source, StoredSource):
            return scan.source.overlapping(scan.start, scan.rows)
        if scan.fingerprint not in self._stored:
            rows = scan.source.read(scan.columns, None, scan.start, scan.length)
            self._stored[scan.fingerprint] = runtime.put(Block(rows.collect()))
        return [self._stored[scan.fingerprint]], 0


def _is_stored(scan: Scan) -> bool:
    return isinstance(scan.source, StoredSource)


@dataclass(frozen=True, eq=False)
class _Elsewhere(Node):
    """The plan of values that were computed before: only what tells it from others."""

    identity: str

    @cached_property
    def fingerprint(self) -> str:
        return self.identity

    @cached_property
    def schema(self) -> Schema:
        return {}


def _without_values(node: Node) -> Node:
    """The plan without the plans inside of memberships, whose values travel by themselves."""
    node = node.with_children(tuple(_without_values(child) for child in node.children))
    changes: dict[str, Any] = {}
    for name, value in node.field_values():
        changed = _mapped(value, _shortened)
        if changed is not value:
            changes[name] = changed
    return replace(node, **changes) if changes else node  # type: ignore[type-var]  # as above


def _shortened(expr: Expr) -> Expr:
    if isinstance(expr, Membership):
        return Membership(expr.arg, _Elsewhere(expr.values.fingerprint))
    return expr


def _mapped(value: Any, rewrite: Callable[[Expr], Expr]) -> Any:
    """A field of a node with its expressions rewritten; the same object where nothing changes."""
    match value:
        case Expr():
            return transform(value, rewrite)
        case AggregateCall(function, arg, params):
            new = transform(arg, rewrite)
            return value if new is arg else AggregateCall(function, new, params)
        case tuple():
            items = tuple(_mapped(item, rewrite) for item in value)
            same = all(a is b for a, b in zip(items, value, strict=True))
            return value if same else items
        case _:
            return value
