"""Groups that a join will not find are not made: their rows are left out below the aggregation."""

from __future__ import annotations

from dataclasses import replace

from raylab.frame.optimizer.estimates import kept_share, likely_rows, row_bytes
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import (
    Aggregate,
    Distinct,
    Filter,
    Input,
    Join,
    Node,
    Project,
    RowNumber,
    Scan,
    SemiJoin,
)

_PAYS = 4
"""So many times fewer rows must be looked for than are to be grouped, of so small a part."""
_MOST_BYTES = 256 << 20
"""The rows that are looked for are held in memory: they are read twice."""
_REPEATABLE = (Scan, Input, Project, Filter, RowNumber, Join, SemiJoin, Distinct, Aggregate)


def reduce_groups(node: Node) -> Node:
    """Join(x, Aggregate(y)) -> Join(x, Aggregate(SemiJoin(y, x))), where x is much smaller than y.

    Each group is made whole or not at all.
    """
    match node:
        case Join(left, right, "inner" | "left", left_on, right_on):
            return replace(node, right=_reduced(right, right_on, left, left_on))
        case SemiJoin(left, right, left_on, right_on):
            names = tuple(key.name for key in left_on if isinstance(key, Column))
            if len(names) == len(left_on):
                return replace(node, right=_reduced(right, right_on, left, names))
    return node


def _reduced(node: Node, keys: tuple[str, ...], by: Node, by_keys: tuple[str, ...]) -> Node:
    """The node without groups whose keys are not among those of another one."""
    match node:
        case Filter(child):
            return node.with_children((_reduced(child, keys, by, by_keys),))
        case Project(child):
            plain = _below(node, keys)
            if plain is None:
                return node
            return node.with_children((_reduced(child, plain, by, by_keys),))
        case Aggregate(child, group_keys) if set(keys) <= {name for name, _ in group_keys}:
            by, by_keys = _without_groups(by, by_keys)
            if not _pays(by, child):
                return node
            exprs = dict(group_keys)
            chosen = SemiJoin(child, by, tuple(exprs[key] for key in keys), by_keys)
            return replace(node, child=chosen)
        case _:
            return node


def _below(node: Project, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names of columns below a projection; None where one is computed by it."""
    exprs = dict(node.columns)
    found = [expr.name for key in keys if isinstance(expr := exprs[key], Column)]
    return tuple(found) if len(found) == len(keys) else None


def _without_groups(by: Node, keys: tuple[str, ...]) -> tuple[Node, tuple[str, ...]]:
    """Rows below joins with other groups, which hold the same keys: these need not wait for those."""
    node, names = by, keys
    while True:
        match node:
            case Project(child):
                found = _below(node, names)
                if found is None:
                    return by, keys
                node, names = child, found
            case Filter(child):
                node = child
            case SemiJoin(left, right) | Join(left, right, "inner" | "left") if set(names) <= set(
                left.schema
            ) and any(isinstance(n, Aggregate) for n in walk(right)):
                node = by = left
                keys = names
            case _:
                return by, keys


def _pays(by: Node, rows: Node) -> bool:
    """Whether to look for the keys costs little against what it saves."""
    if not all(isinstance(n, _REPEATABLE) for n in walk(by)):
        return False
    if any(isinstance(n, Aggregate) and n.inexact for n in walk(by)):
        return False  # two runs could disagree in what a condition on it chooses
    few = likely_rows(by)
    width = row_bytes(by.schema.values())
    return (
        kept_share(by) * _PAYS <= 1
        and few * _PAYS <= likely_rows(rows)
        and few * width <= _MOST_BYTES
    )
