"""A lazy frame as pandas frames of some rows each: what writers take that need pandas' own code."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from raylab.frame.execution import engine
from raylab.frame.facade.dataframe import compute_index, frame_of
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, value_node
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import HIDDEN, Project


def pandas_batches(
    state: FrameState, rows: int, *, whole_index: bool = False
) -> Iterator[pd.DataFrame]:
    """The frame's rows in their order, so many at a time; at least one batch, maybe empty.

    Args:
        state: the frame.
        rows: of each batch but the last.
        whole_index: tell a RangeIndex by the labels of all rows, not of each batch.
    """
    state = state.settled(list(state.columns))
    node, levels = value_node(state)
    labels = _row_labels(state) if whole_index else None
    first = 0
    for part in engine.batches(node, rows):
        end = first + part.height
        if labels is not None:
            index = labels[first:end]
        elif isinstance(state.index, RangeSpec):
            spec = state.index
            index = pd.RangeIndex(
                spec.start + first * spec.step,
                spec.start + end * spec.step,
                spec.step,
                name=spec.name,
            )
        else:
            index = compute_index(state.index, [part[name] for name in levels], state, part.height)
        yield frame_of(state, node, part, index)
        first = end


def _row_labels(state: FrameState) -> pd.Index | None:
    """The labels of what is left of a RangeIndex, which is a range again or not."""
    index = state.index
    if not isinstance(index, Levels) or len(index.exprs) > 1:
        return None
    (level,) = index.exprs
    if not isinstance(level, Column) or not level.name.startswith(f"{HIDDEN}row"):
        return None
    rows = engine.execute(Project(state.rows, ((level.name, level),)))
    return compute_index(index, [rows[level.name]], state, rows.height)
