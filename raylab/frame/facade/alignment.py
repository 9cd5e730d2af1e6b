"""Two sides over the same rows: equal nodes, or aggregations of the same groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from raylab.frame.facade.base import state_of
from raylab.frame.facade.positions import over_rows
from raylab.frame.facade.state import Levels, same_rows
from raylab.frame.plan.expressions import Column, Expr, Over, substitute, transform
from raylab.frame.plan.fingerprint import fingerprint_of
from raylab.frame.plan.nodes import HIDDEN, Aggregate
from raylab.frame.plan.schema import NotNative


def aligned(state: Any, other: Any) -> tuple[Any, Expr]:
    """A frame or series, and a series as an expression over its rows.

    Where both are aggregations of the same groups, they become one aggregation.

    Raises:
        NotNative: the labels of both sides would have to be matched.
    """
    right = state_of(other)
    if not same_rows(right.rows, state.rows) and _same_groups(state, right):
        return _together(state, right)
    return state, over_rows(state.rows, state.index, other)


def _same_groups(state: Any, other: Any) -> bool:
    one, two = state.rows, other.rows
    if not (isinstance(one, Aggregate) and isinstance(two, Aggregate) and one.keys):
        return False
    if not (isinstance(state.index, Levels) and isinstance(other.index, Levels)):
        return False
    parts = (
        (a.child, a.keys, a.sort, a.dropna, s.index.exprs) for a, s in ((one, state), (two, other))
    )
    first, second = (fingerprint_of(part) for part in parts)
    return first == second


def _together(state: Any, other: Any) -> tuple[Any, Expr]:
    one, two = state.rows, other.rows
    known = {call.fingerprint: name for name, call in one.calls}
    names: dict[str, str] = {}
    calls = list(one.calls)
    for name, call in two.calls:
        names[name] = known.get(call.fingerprint) or f"{HIDDEN}other{len(calls)}"
        if call.fingerprint not in known:
            calls.append((names[name], call))
    rows = replace(one, calls=tuple(calls))
    _refuse_windows(other.expr)
    for expr in [state.expr] if hasattr(state, "expr") else state.columns.values():
        _refuse_windows(expr)
    columns: dict[str, Expr] = {name: Column(new) for name, new in names.items()}
    return replace(state, rows=rows), substitute(other.expr, columns)


def _refuse_windows(expr: Expr) -> None:
    """Refuses expressions that are bound to the rows as they were."""

    def look(part: Expr) -> Expr:
        if isinstance(part, Over):
            raise NotNative("window functions over groups that are put together")
        return part

    transform(expr, look)
