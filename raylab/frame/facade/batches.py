"""A lazy frame as pandas frames of some rows each: what writers take that need pandas' own code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from raylab.frame.execution import engine
from raylab.frame.facade.dataframe import compute_index, frame_of
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, value_node
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import HIDDEN, Node, Project


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
        if labels is None:
            yield batch_frame(state, node, levels, part, first)
        else:
            yield frame_of(state, node, part, labels[first : first + part.height])
        first += part.height


def batch_frame(
    state: FrameState, node: Node, levels: tuple[str, ...], rows: Any, first: int
) -> pd.DataFrame:
    """Some rows of a frame.

    Args:
        state: the frame.
        node: the plan of its value.
        levels: the names of its index levels in the node.
        rows: of the node.
        first: the number of the first of them.
    """
    spec = state.index
    if isinstance(spec, RangeSpec):
        start = spec.start + first * spec.step
        stop = start + rows.height * spec.step
        index: pd.Index = pd.RangeIndex(start, stop, spec.step, name=spec.name)
    else:
        index = compute_index(spec, [rows[name] for name in levels], state, rows.height)
    return frame_of(state, node, rows, index)


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
