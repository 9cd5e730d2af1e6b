"""Column labels that only the data knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from raylab.frame.execution import engine
from raylab.frame.execution.conversion import to_index
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.state import FrameState, dtype_of, is_label
from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.nodes import HIDDEN, Distinct, Node, Project, typed
from raylab.frame.plan.schema import NotNative

MOST = 2_000
"""Columns beyond which a frame is too wide for one plan."""

_VALUE = f"{HIDDEN}value"


def labelled(state: FrameState, labels: pd.Index) -> Any:
    """The frame with other column labels; computed where a lazy one cannot have them."""
    strings = not isinstance(labels, pd.MultiIndex) and all(map(is_label, labels))
    if strings and labels.is_unique and labels.dtype != object:
        columns = dict(zip(map(str, labels), state.columns.values(), strict=True))
        return replace(state, columns=columns, columns_name=labels.name)
    frame = compute_frame(state)
    frame.columns = labels
    return adopt(frame)


def occurring(rows: Node, expr: Expr, name: Any = None) -> tuple[pd.Index, bool]:
    """The distinct values of an expression, sorted, and whether some are missing: a trigger.

    Raises:
        NotNative: there are more than a frame has columns.
    """
    field = typed(expr, rows)
    node = Distinct(Project(rows, ((_VALUE, expr),)), (_VALUE,))
    values = engine.execute_small(Project(node, ((_VALUE, Column(_VALUE)),)))[_VALUE]
    if len(values) > MOST:
        raise NotNative(f"more than {MOST} different labels")
    index = to_index(values, dtype_of(field), name)
    present = index.dropna()
    return present.sort_values(), len(present) < len(index)
