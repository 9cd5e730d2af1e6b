"""Joins of frames in memory whose rows are asked for as they are, without a way into the engine.

To bring such rows into the engine and back costs more than the join itself. Where each left row
has at most one partner, that is looked up; else pandas' own code is the kernel, for keys of whole
numbers. The plan stands beside, for whatever is built upon the result. It is a choice, and not
counted as a fallback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from raylab.frame.execution.lookups import rows_with, taken
from raylab.frame.facade.dataframe import choose_kernel, range_index
from raylab.frame.facade.joining import Labels, Side
from raylab.frame.facade.memory import in_pandas, is_in_memory
from raylab.frame.facade.state import FrameState, RangeSpec
from raylab.frame.plan.nodes import typed
from raylab.frame.plan.schema import INT64


def joined_in_memory(
    result: FrameState,
    sides: tuple[Side, Side],
    labels: Labels,
    how: str,
    by_pandas: Callable[[Any, Any], pd.DataFrame],
) -> FrameState:
    """The state of a join, with the code that computes the whole of it.

    Args:
        result: the join as a plan.
        sides: what is joined.
        labels: of the result.
        how: "inner" and "left" may be looked up.
        by_pandas: pandas' join of two frames.
    """
    one, other = (side.frame for side in sides)
    if not sides[0].keys or not all(map(_in_memory, sides)):
        return result

    def run() -> pd.DataFrame | None:
        found = _looked_up(result, sides, labels, how) if how in ("inner", "left") else None
        if found is not None:
            return found
        numbers = all(typed(key, one.rows).dtype == INT64 for key in sides[0].keys)
        return by_pandas(in_pandas(one), in_pandas(other)) if numbers else None

    choose_kernel(result, run)
    return result


def _looked_up(
    result: FrameState, sides: tuple[Side, Side], labels: Labels, how: str
) -> pd.DataFrame | None:
    """The join by one key that is unique on the right side; None for others."""
    one, other = sides
    if len(one.keys) > 1:
        return None
    left, right = (
        {label: _array(side.frame, expr) for label, expr in side.frame.columns.items()}
        for side in sides
    )
    found = rows_with(_array(one.frame, one.keys[0]), _array(other.frame, other.keys[0]))
    if found is None:
        return None
    matched = found >= 0
    rows = None if bool(matched.all()) else matched.nonzero()[0]
    if how == "inner" and rows is not None:
        found = found[rows]
    lefts = taken([left[c] for c in labels.left], rows if how == "inner" else None)
    some_missing = how == "left" and rows is not None
    rights = taken([right[c] for c in labels.right], found, missing=some_missing)
    names = (*labels.left.values(), *labels.right.values())
    arrays = dict(zip(names, (*lefts, *rights), strict=True))
    return pd.DataFrame(arrays, index=range_index(RangeSpec(), len(found)), copy=False)


def _array(state: FrameState, expr: Any) -> Any:
    scan: Any = state.rows
    return scan.source.array(expr.name)


def _in_memory(side: Side) -> bool:
    """Whether a side and its keys consist of columns of a pandas frame."""
    if not is_in_memory(side.frame):
        return False
    columns = {expr.fingerprint for expr in side.frame.columns.values()}
    return all(key.fingerprint in columns for key in side.keys)
