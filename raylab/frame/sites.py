"""Where the user wrote what can fail on values: errors that come when it is computed say so."""

from __future__ import annotations

from typing import Any

from raylab.frame import support
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.expressions import Call, Expr
from raylab.frame.plan.nodes import Node

_FALLIBLE = frozenset(("astype", "method", "parse_datetime", "to_number"))
"""Functions by which pandas refuses values."""
_MOST = 3
_sites: dict[tuple[str, Any], dict[str, None]] = {}


def remember(operation: str, *exprs: Expr) -> None:
    """Keeps in mind the user's line that has just written these expressions."""
    for expr in exprs:
        if isinstance(expr, Call) and expr.function in _FALLIBLE:
            known = _sites.setdefault((expr.function, expr.params), {})
            known[f"{operation} at {support.user_site()}"] = None
            if len(known) > _MOST:
                del known[next(iter(known))]


def told(plan: Node) -> str:
    """A note on the lines by which a plan can fail; empty when there are none."""
    found: dict[str, None] = {}

    def visit(expr: Expr) -> None:
        if isinstance(expr, Call):
            found.update(_sites.get((expr.function, expr.params), {}))
        for operand in expr.operands:
            visit(operand)

    for node in walk(plan):
        for expr in node.expressions:
            visit(expr)
    return f"raylab: computed now, written earlier: {', '.join(found)}." if found else ""
