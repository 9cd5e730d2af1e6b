"""Two projections are one."""

from __future__ import annotations

from raylab.frame.plan.expressions import Column, substitute
from raylab.frame.plan.nodes import Node, Project


def merge_projections(node: Node) -> Node:
    """Project(Project(x)) -> Project(x), unless something computed would be computed twice."""
    match node:
        case Project(Project(child, inner), outer):
            computed = {name for name, expr in inner if not isinstance(expr, Column)}
            uses = [n for _, e in outer for n in e.columns if n in computed]
            plain = {e.name for _, e in outer if isinstance(e, Column)}
            if len(uses) > len(set(uses)) or any(n not in plain for n in uses):
                return node
            mapping = dict(inner)
            return Project(child, tuple((name, substitute(e, mapping)) for name, e in outer))
        case Project(child, _) if _is_identity(node):
            return child
        case _:
            return node


def _is_identity(node: Project) -> bool:
    return tuple(node.child.schema) == tuple(name for name, _ in node.columns) and all(
        isinstance(expr, Column) and expr.name == name for name, expr in node.columns
    )
