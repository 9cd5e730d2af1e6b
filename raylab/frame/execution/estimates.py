"""What a plan will read and give, guessed before it runs; a wrong guess costs time, not rows."""

from __future__ import annotations

from collections.abc import Iterable

from raylab.frame.optimizer.rewriting import walk
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
