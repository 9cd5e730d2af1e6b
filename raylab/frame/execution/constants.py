"""Aggregations and window functions of constants: the engine takes a literal for a single row."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.nodes import HIDDEN, Aggregate, AggregateCall, Node, Project
from raylab.frame.plan.windows import Window

_Node = TypeVar("_Node", Aggregate, Window)


def constants_as_columns(node: _Node) -> _Node:
    """sum(1.5) over x -> sum(c) over Project(x, c=1.5); also for keys. Counting rows reads nothing."""
    names: dict[str, str] = {}
    columns: list[tuple[str, Expr]] = []

    def named(expr: Expr) -> Expr:
        if expr.columns:
            return expr
        if expr.fingerprint not in names:
            names[expr.fingerprint] = f"{HIDDEN}constant{len(names)}"
            columns.append((names[expr.fingerprint], expr))
        return Column(names[expr.fingerprint])

    def called(call: AggregateCall) -> AggregateCall:
        return call if call.function == "size" else replace(call, arg=named(call.arg))

    calls = tuple((name, called(call)) for name, call in node.calls)
    if isinstance(node, Aggregate):
        changed = replace(node, calls=calls, keys=tuple((n, named(e)) for n, e in node.keys))
    else:
        changed = replace(node, calls=calls, keys=tuple(map(named, node.keys)))
    if not columns:
        return node
    below: Node = node.child
    shown: list[tuple[str, Expr]] = [(name, Column(name)) for name in below.schema]
    return replace(changed, child=Project(below, (*shown, *columns)))
