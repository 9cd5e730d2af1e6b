"""Row numbers move to the scan, which numbers rows for free."""

from __future__ import annotations

from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import Node, Project, RowNumber


def push_row_number_down(node: Node) -> Node:
    """RowNumber(Project(x)) -> Project(RowNumber(x)): both keep the rows as they are."""
    match node:
        case RowNumber(Project(child, columns), name, start, step) if name not in child.schema:
            numbered = push_row_number_down(RowNumber(child, name, start, step))
            return Project(numbered, (*columns, (name, Column(name))))
        case _:
            return node
