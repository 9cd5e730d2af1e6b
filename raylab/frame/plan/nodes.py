"""The plan nodes: frozen, typed at construction, each with the rule for its schema.

Nodes for single purposes (windows, Python functions) stand in files of their own.
"""

from raylab.frame.plan.base import Node, columns_of, hidden_name
from raylab.frame.plan.expressions import AggregateCall
from raylab.frame.plan.groups import Aggregate
from raylab.frame.plan.joins import AsofJoin, Join, SemiJoin
from raylab.frame.plan.leaves import Input, Scan, Source
from raylab.frame.plan.printing import show
from raylab.frame.plan.rows import (
    Concat,
    Distinct,
    Explode,
    Filter,
    Project,
    RowNumber,
    Slice,
    Sort,
    TopK,
    typed,
)
from raylab.frame.plan.schema import HIDDEN

__all__ = [
    "HIDDEN",
    "Aggregate",
    "AggregateCall",
    "AsofJoin",
    "Concat",
    "Distinct",
    "Explode",
    "Filter",
    "Input",
    "Join",
    "Node",
    "Project",
    "RowNumber",
    "Scan",
    "SemiJoin",
    "Slice",
    "Sort",
    "Source",
    "TopK",
    "columns_of",
    "hidden_name",
    "show",
    "typed",
]
