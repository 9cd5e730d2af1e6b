"""The head of a sort needs no full sort."""

from __future__ import annotations

from raylab.frame.plan.nodes import Node, Project, Slice, Sort, TopK


def slice_of_sort_to_top_k(node: Node) -> Node:
    """Slice(Sort(x), 0, n) -> TopK(x, n), also through a projection."""
    match node:
        case Slice(Sort(child, by, descending, nulls_last), 0, int() as length):
            return TopK(child, by, descending, nulls_last, length)
        case Slice(Project(child, columns), 0, int() as length):
            return Project(slice_of_sort_to_top_k(Slice(child, 0, length)), columns)
        case _:
            return node
