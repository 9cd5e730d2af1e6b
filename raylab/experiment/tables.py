"""Metrics tables: immutable Parquet parts, one row an update (or episode), each with its attempt.

A later attempt continues from a checkpoint: its first row says which rows of earlier attempts were
rolled back. Nothing is rewritten while a run lives; at its end the parts are compacted into one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from raylab.errors import CorruptDataError
from raylab.experiment import files

Row = Mapping[str, int | float]

_REPLACES = b"raylab.replaces"
_INTEGERS = frozenset(
    (
        "attempt",
        "update",
        "agent_steps",
        "simulated_agent_steps",
        "frames",
        "row",
        "length_steps",
        "length_frames",
    )
)


def write_part(folder: Path, attempt: int, rows: Sequence[Row]) -> Path:
    """Write rows as one immutable part; columns that a row lacks are null.

    Raises:
        RunError: it cannot be written.
    """
    path = folder / f"part-{attempt:04d}-{int(rows[0]['update']):08d}.parquet"
    files.write_atomically(path, lambda temporary: _write_table(_table(rows), temporary))
    return path


def list_parts(folder: Path) -> list[Path]:
    """Return the parts that count, in the order of their names.

    Between the writing of a compacted part and the removal of those it replaces both are there;
    the compacted one knows which to leave out. One that is damaged replaces none: reading it says
    what is wrong.
    """
    if not folder.is_dir():
        return []
    paths = sorted(folder.glob("part-*.parquet"))
    replaced = {
        name for path in paths if path.stem.endswith("-compact") for name in _replaces(path)
    }
    return [path for path in paths if path.name not in replaced]


def read_part(path: Path) -> pa.Table:
    """Read a part, page checksums verified.

    Raises:
        CorruptDataError: names the file and the way out.
    """
    try:
        return pq.read_table(path, page_checksum_verification=True, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0]
        raise CorruptDataError(
            f"{path} is corrupt ({reason}): restore it from a copy, or move it away; the run then "
            f"lacks its rows, everything else can be read, and `raylab resume` still works."
        ) from error


def current_rows(tables: Sequence[pa.Table], starts: Mapping[int, int]) -> pa.Table:
    """Concatenate tables without the rows that a later attempt rolled back, sorted by update.

    Args:
        tables: with the columns attempt and update.
        starts: attempt to its first update, from :func:`first_updates`.
    """
    table = pa.concat_tables(tables, promote_options="default")
    for attempt, update in starts.items():
        valid = pc.or_(
            pc.greater_equal(table["attempt"], attempt), pc.less(table["update"], update)
        )
        table = table.filter(valid)
    order = pc.sort_indices(table, [("update", "ascending")])  # stable
    return table.take(order)


def first_updates(tables: Sequence[pa.Table]) -> dict[int, int]:
    """Return the first update of every attempt that has a row in these metrics tables."""
    starts: dict[int, int] = {}
    for table in tables:
        grouped = table.group_by("attempt").aggregate([("update", "min")])
        for row in grouped.to_pylist():
            first = starts.get(row["attempt"], row["update_min"])
            starts[row["attempt"]] = min(first, row["update_min"])
    return starts


def compact(metrics: Path, episodes: Path, attempt: int) -> None:
    """Replace the parts of both tables by one each, without the rows that were rolled back.

    Raises:
        CorruptDataError: a part cannot be read; nothing was changed.
        RunError: the new part cannot be written; nothing was lost.
    """
    parts = {folder: list_parts(folder) for folder in (metrics, episodes)}
    tables = {folder: [read_part(path) for path in paths] for folder, paths in parts.items()}
    starts = first_updates(tables[metrics])
    for folder, paths in parts.items():
        if not paths:
            continue
        if len(paths) > 1:
            table = current_rows(tables[folder], starts)
            names = json.dumps([path.name for path in paths])
            table = table.replace_schema_metadata({_REPLACES: names.encode()})
            last = pc.max(table["update"]).as_py() or 0
            target = folder / f"part-{attempt:04d}-{last:08d}-compact.parquet"
            _write_compacted(table, target)
        remove_replaced(folder)


def remove_replaced(folder: Path) -> None:
    """Remove the parts that a compacted part replaces; finishes what a killed run began."""
    keep = set(list_parts(folder))
    for path in sorted(folder.glob("part-*.parquet")):
        if path not in keep:
            path.unlink()


def _write_compacted(table: pa.Table, target: Path) -> None:
    files.write_atomically(target, lambda temporary: _write_table(table, temporary))


def _write_table(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)


def _table(rows: Sequence[Row]) -> pa.Table:
    names = dict.fromkeys(name for row in rows for name in row)
    columns: dict[str, Any] = {}
    for name in names:
        kind = pa.int64() if name in _INTEGERS else pa.float64()
        columns[name] = pa.array([_value(row.get(name)) for row in rows], type=kind)
    return pa.table(columns)


def _value(value: float | None) -> float | None:
    """NaN means "no value" in metrics: null, so that every reader skips it."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _replaces(path: Path) -> list[str]:
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return []
    names: list[str] = json.loads(metadata.get(_REPLACES, b"[]"))
    return names
