"""A slice of what a scan gives is a shorter scan."""

from __future__ import annotations

from dataclasses import replace

from raylab.frame.plan.nodes import Node, Project, RowNumber, Scan, Slice
from raylab.frame.sources.stored import StoredSource


def push_slice_into_scan(node: Node) -> Node:
    """Slice(Scan) -> Scan of fewer rows, also through projections and row numbers.

    What lies in the object store stays cut as it is: its partitions are not read in part.
    """
    if not isinstance(node, Slice):
        return node
    below = node.child
    while isinstance(below, Project | RowNumber):
        below = below.child
    if not isinstance(below, Scan) or isinstance(below.source, StoredSource):
        return node
    first, last, _ = slice(node.offset, None).indices(below.rows)
    length = last - first if node.length is None else min(node.length, last - first)
    return _sliced(node.child, first, length)


def _sliced(node: Node, first: int, length: int) -> Node:
    match node:
        case Scan():
            return replace(node, start=node.start + first, length=length)
        case RowNumber(child, name, start, step):
            return RowNumber(_sliced(child, first, length), name, start + first * step, step)
        case _:
            (child,) = node.children
            return node.with_children((_sliced(child, first, length),))
