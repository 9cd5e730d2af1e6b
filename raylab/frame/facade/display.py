"""repr and HTML repr: the head and the tail are enough."""

from __future__ import annotations

from typing import Any

import pandas as pd

from raylab.frame.execution import engine
from raylab.frame.facade.base import wrap
from raylab.frame.facade.selection import head, tail
from raylab.frame.plan.nodes import Node, Project, RowNumber, Scan


def preview(obj: Any) -> tuple[Any, int] | None:
    """A pandas object that prints like the whole one, and the number of rows of the whole.

    None where the data is there already, or is computed as a whole anyway. It has the first and
    last rows, and one more than are shown, so that pandas leaves out the middle.
    """
    state = obj._plan()
    if state is None or not _is_cheap(state.rows):
        return None
    shown = pd.get_option("display.max_rows")
    height = engine.count_rows(state.rows)
    if not shown or height <= shown + 2:
        return None
    half = shown // 2 + 1
    parts = [wrap(head(state, half), obj).to_pandas(), wrap(tail(state, half), obj).to_pandas()]
    return pd.concat(parts), height


def _is_cheap(node: Node) -> bool:
    """True when a slice of the rows costs little: a scan with work row by row."""
    while isinstance(node, Project | RowNumber):
        node = node.child
    return isinstance(node, Scan)


def with_real_size(text: str, shown: int, height: int) -> str:
    """The text with the size of the whole instead of the preview's."""
    return (
        text.replace(f"[{shown} rows x", f"[{height} rows x")
        .replace(f"<p>{shown} rows ", f"<p>{height} rows ")
        .replace(f"Length: {shown}", f"Length: {height}")
    )
