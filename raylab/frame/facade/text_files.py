"""CSV and JSON lines of a lazy frame, batch by batch: the bytes of pandas."""

from __future__ import annotations

from typing import Any

from pandas.io.common import get_handle  # type: ignore[import-not-found]  # not in the stubs

from raylab.frame.execution import engine
from raylab.frame.facade.batches import batch_frame, pandas_batches
from raylab.frame.facade.csv_text import csv_text
from raylab.frame.facade.state import FrameState, value_node

_BATCH_ROWS = 1 << 17
_CSV_CELLS = 100_000
"""pandas formats so many values at a time, and decides by them how dates are written."""


def write_csv(state: FrameState, path: str, arguments: dict[str, Any]) -> None:
    """One CSV file; the arguments are those of ``to_csv`` beside the path."""
    rest = dict(arguments)
    columns, header = rest.pop("columns", None), rest.pop("header", True)
    if columns is not None:
        state = state.select(columns)
    chunk = rest.pop("chunksize", None) or _CSV_CELLS // max(len(state.columns), 1) or 1
    opening = _opening(rest, {"encoding": "utf-8", "errors": "strict"})
    rest.pop("mode", None)
    state = state.settled(list(state.columns))
    node, levels = value_node(state)
    text = csv_text(state, node, levels, arguments)
    first = 0
    with get_handle(path, "w", **opening) as handles:
        for rows in engine.batches(node, chunk * max(1, _BATCH_ROWS // chunk)):
            lines = None if text is None else text.lines(rows, first)
            written = rows if lines is None else rows.clear()
            if header is not False or lines is None:
                frame = batch_frame(state, node, levels, written, first)
                # Consolidated as frames are that pandas read: it looks at blocks of dates.
                frame.copy().to_csv(handles.handle, header=header, chunksize=chunk, **rest)
            if lines is not None:
                handles.handle.write(lines)
            header = False
            first += rows.height


def write_json_lines(state: FrameState, path: str, arguments: dict[str, Any]) -> None:
    """One file with a JSON object per line; the arguments are those of ``to_json``."""
    rest = dict(arguments)
    opening = _opening(rest, {})
    rest.pop("mode", None)
    with get_handle(path, "w", **opening) as handles:
        for frame in pandas_batches(state, _BATCH_ROWS):
            if len(frame):
                handles.handle.write(frame.to_json(None, **rest))


def _opening(arguments: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Takes out the arguments that say how the file is opened."""
    names = ("compression", "storage_options", *defaults)
    opening = {"compression": "infer", **defaults}
    for name in names:
        value = arguments.pop(name, None)
        if value is not None or name == "compression":
            opening[name] = value if value is not None else opening[name]
    return opening
