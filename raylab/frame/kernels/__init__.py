"""Kernels: row functions and aggregations on Polars with pandas' semantics. Pure.

Importing the package fills the registry of ``raylab.frame.plan.functions``.
"""

from raylab.frame.kernels import (
    aggregations,
    arithmetic,
    batches,
    casting,
    casts,
    categories,
    comparison,
    conditional,
    datetimes,
    logic,
    missing,
    moments,
    operators,
    rolling,
    strings,
    texts,
    windows,
)

__all__ = [
    "aggregations",
    "arithmetic",
    "batches",
    "casting",
    "casts",
    "categories",
    "comparison",
    "conditional",
    "datetimes",
    "logic",
    "missing",
    "moments",
    "operators",
    "rolling",
    "strings",
    "texts",
    "windows",
]
