"""Kernels: row functions and aggregations on Polars with pandas' semantics. Pure.

Importing the package fills the registry of ``raylab.frame.plan.functions``.
"""

from raylab.frame.kernels import (
    aggregations,
    arithmetic,
    batches,
    binning,
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
    pairs,
    reshaping,
    rolling,
    strings,
    texts,
    windows,
)

__all__ = [
    "aggregations",
    "arithmetic",
    "batches",
    "binning",
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
    "pairs",
    "reshaping",
    "rolling",
    "strings",
    "texts",
    "windows",
]
