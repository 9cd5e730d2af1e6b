"""What a plan will read and give, guessed before it runs; a wrong guess costs time, not rows."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.expressions import Call, Expr, Membership, conjuncts
from raylab.frame.plan.nodes import (
    Aggregate,
    Concat,
    Distinct,
    Filter,
    Join,
    Node,
    Scan,
    SemiJoin,
    Slice,
    TopK,
)
from raylab.frame.plan.schema import Dtype, Field, kind_of
from raylab.frame.plan.windows import Window

_WIDTHS = {"bool": 1, "int": 8, "float": 8, "datetime": 8, "timedelta": 8}
_TEXT_WIDTH = 24
"""A view of 16 bytes and some text: beside numbers it is the text that makes rows wide."""


WORK = (Aggregate, Distinct, Join, SemiJoin, Window)
"""Nodes that do more than reading, choosing and computing row by row."""


def is_work(node: Node) -> bool:
    """Whether more is done for a node than reading, choosing and computing row by row."""
    return any(isinstance(below, WORK) for below in walk(node))


def scanned_bytes(plan: Node) -> int:
    """The size of all columns that a plan reads, as its sources tell it."""
    return sum(bytes_of_scan(node) for node in walk(plan) if isinstance(node, Scan))


def bytes_of_scan(scan: Scan) -> int:
    """The scan's share of its source."""
    rows = scan.rows / max(scan.source.rows, 1)
    columns = len(scan.columns) / max(len(scan.source.fields), 1)
    return int(scan.source.nbytes * rows * columns)


def estimated_bytes(node: Node) -> int:
    """The size of a node's rows."""
    return estimated_rows(node) * row_bytes(node.schema.values())


def row_bytes(fields: Iterable[Field]) -> int:
    """The size of one row."""
    return sum(_width(field.dtype) for field in fields)


def _width(dtype: Dtype) -> int:
    return _WIDTHS.get(kind_of(dtype), _TEXT_WIDTH)


def estimated_rows(node: Node) -> int:
    """The number of a node's rows; joins are taken for such of a foreign key."""
    match node:
        case Scan():
            return node.rows
        case Aggregate(_, (), _):
            return 1
        case Filter() | Aggregate() | Distinct():
            return estimated_rows(node.child) // 2
        case SemiJoin():
            return estimated_rows(node.left)
        case Join(left, right, "cross"):
            return estimated_rows(left) * estimated_rows(right)
        case Join(left, right, "outer"):
            return estimated_rows(left) + estimated_rows(right)
        case Concat(parts):
            return sum(estimated_rows(part) for part in parts)
        case TopK():
            return min(node.length, estimated_rows(node.child))
        case Slice(child, _, int() as length):
            return min(length, estimated_rows(child))
        case _:
            return max((estimated_rows(child) for child in node.children), default=0)


_SELECTIVE = ("eq", "isin", "str.contains", "str.match", "str.startswith", "str.endswith")
_CHOSEN = 0.1
"""What an equality, a membership or a pattern is taken to choose; any other condition a half."""


def likely_rows(node: Node) -> float:
    """The number of rows by typical selectivities: nearer than the estimate, but often too small."""
    return _all_rows(node) * kept_share(node)


def kept_share(node: Node) -> float:
    """The likely part of the rows of its sources that is left in a node; keys are foreign ones."""
    match node:
        case Filter(child, predicate):
            return kept_share(child) * prod(map(_selectivity, conjuncts(predicate)))
        case SemiJoin(left, right) if not node.anti:
            return kept_share(left) * kept_share(right)
        case Join(left, right, "inner"):
            return kept_share(left) * kept_share(right)
        case Concat(parts):
            return max(kept_share(part) for part in parts)
        case _ if node.children:
            return kept_share(node.children[0])
        case _:
            return 1.0


def _selectivity(condition: Expr) -> float:
    known = isinstance(condition, Membership)
    if isinstance(condition, Call):
        known = condition.function in _SELECTIVE
    return _CHOSEN if known else 0.5


def _all_rows(node: Node) -> int:
    """The number of rows without conditions."""
    match node:
        case Scan():
            return node.rows
        case Aggregate(_, (), _):
            return 1
        case SemiJoin(left):
            return _all_rows(left)
        case TopK(child, length=int() as length) | Slice(child, length=int() as length):
            return min(length, _all_rows(child))
        case _:
            return max((_all_rows(child) for child in node.children), default=0)
