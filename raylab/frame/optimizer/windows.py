"""Window functions are computed over the rows that they were made for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from raylab.errors import ExecutionError
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.base import expressions_in
from raylab.frame.plan.expressions import Column, Expr, Over, with_operands
from raylab.frame.plan.fingerprint import fingerprint_of
from raylab.frame.plan.nodes import HIDDEN, Aggregate, AggregateCall, Node, Project
from raylab.frame.plan.windows import Window

Demand: TypeAlias = dict[str, Over]
"""Window functions that a parent reads, by the name of their column."""


def compute_windows(root: Node) -> Node:
    """Expressions with window functions -> columns of Window nodes.

    The Window stands right above the rows that the function is bound to; what lies between it
    and the reader (filters, sorts, slices, joins) hands the column on.
    """
    return _Rewriting().visit(root, {}) if has_windows(root) else root


def has_windows(root: Node) -> bool:
    """Whether an expression of the plan has a window function."""
    return any(expr.has_window for node in walk(root) for expr in node.expressions)


def _name(over: Over) -> str:
    return f"{HIDDEN}window.{over.fingerprint}"


def _found(expressions: Iterable[Expr]) -> Demand:
    """The window functions inside expressions, also those inside of others."""
    found: Demand = {}
    seen: set[int] = set()

    def visit(expr: Expr) -> None:
        if id(expr) in seen or not expr.has_window:
            return
        seen.add(id(expr))
        if isinstance(expr, Over):
            found[_name(expr)] = expr
        for operand in expr.operands:
            visit(operand)

    for expr in expressions:
        visit(expr)
    return found


def _overs(node: Node) -> Demand:
    return _found(node.expressions)


def _computed(expr: Expr) -> Expr:
    """The expression with columns in the place of window functions."""
    done: dict[int, Expr] = {}

    def visit(current: Expr) -> Expr:
        if isinstance(current, Over):
            return Column(_name(current))
        if id(current) not in done:
            operands = tuple(visit(operand) for operand in current.operands)
            done[id(current)] = with_operands(current, operands)
        return done[id(current)]

    return visit(expr)


def _substituted(value: Any) -> Any:
    match value:
        case Expr():
            return _computed(value)
        case AggregateCall(function, arg, params):
            return AggregateCall(function, _computed(arg), params)
        case tuple():
            return tuple(_substituted(item) for item in value)
        case _:
            return value


class _Rewriting:
    """One pass over a plan, from the top; a node that is read twice is rewritten once."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, frozenset[str]], Node] = {}
        self._below: dict[str, frozenset[str]] = {}

    def visit(self, node: Node, asked: Demand) -> Node:
        """The node with the asked window functions as further columns."""
        key = (node.fingerprint, frozenset(asked))
        if key not in self._done:
            self._done[key] = self._rewritten(node, asked)
        return self._done[key]

    def _rewritten(self, node: Node, asked: Demand) -> Node:
        here = {n: o for n, o in asked.items() if o.rows.fingerprint == node.fingerprint}
        inner = _found(operand for over in here.values() for operand in over.operands)
        here |= {n: o for n, o in inner.items() if o.rows.fingerprint == node.fingerprint}
        passing = {n: o for n, o in {**asked, **inner}.items() if n not in here}
        own = _overs(node)
        new = self._with_children(node, passing | own)
        if own:
            new = self._reading_columns(new, node, passing)
        elif passing and isinstance(new, Project):
            new = replace(new, columns=(*new.columns, *((n, Column(n)) for n in passing)))
        if not frozenset(passing) <= frozenset(new.schema):
            raise ExecutionError(
                f"a window function was made for rows that {node.describe()} does not have; "
                "call to_pandas() before this step and report it."
            )
        return _windows(new, here)

    def _with_children(self, node: Node, asked: Demand) -> Node:
        """The node over children that have what is asked, each what its rows are known for."""
        left = dict(asked)
        children = []
        for child in node.children:
            share = {n: o for n, o in left.items() if o.rows.fingerprint in self._nodes(child)}
            left = {n: o for n, o in left.items() if n not in share}
            children.append(self.visit(child, share))
        return node.with_children(tuple(children))

    def _nodes(self, node: Node) -> frozenset[str]:
        known = self._below.get(node.fingerprint)
        if known is None:
            known = frozenset((node.fingerprint,)).union(*(self._nodes(c) for c in node.children))
            self._below[node.fingerprint] = known
        return known

    @staticmethod
    def _reading_columns(new: Node, node: Node, passing: Demand) -> Node:
        """The node with its own window functions read as columns, which it does not show."""
        changes = {
            name: _substituted(value)
            for name, value in node.field_values()
            if expressions_in(value)
        }
        passed = tuple((name, Column(name)) for name in passing)
        if isinstance(new, Project):
            return replace(new, columns=(*changes["columns"], *passed))
        result: Node = replace(new, **changes)  # type: ignore[type-var]  # nodes are dataclasses
        if isinstance(new, Aggregate):
            return result
        shown = tuple((name, Column(name)) for name in node.schema)
        return Project(result, (*shown, *passed))


def _windows(rows: Node, overs: Demand) -> Node:
    """Window nodes over the rows: inner functions first, one node for each set of groups."""
    left = dict(overs)
    while left:
        ready = {n: o for n, o in left.items() if not _found(o.operands).keys() & left.keys()}
        left = {n: o for n, o in left.items() if n not in ready}
        by_groups: dict[tuple[str, bool], list[tuple[str, Over]]] = {}
        for name, over in sorted(ready.items()):
            groups = (fingerprint_of(over.keys), over.dropna)
            by_groups.setdefault(groups, []).append((name, over))
        for same in by_groups.values():
            calls = tuple(
                (name, AggregateCall(over.function, _computed(over.arg), over.params))
                for name, over in same
            )
            keys = tuple(_computed(key) for key in same[0][1].keys)
            rows = Window(rows, keys, same[0][1].dropna, calls)
    return rows
