"""A folder of Parquet files, one per partition, written where the rows are computed."""

from __future__ import annotations

import os
import pickle
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from raylab.frame.execution import engine
from raylab.frame.execution.conversion import to_array
from raylab.frame.facade.base import state_of
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, value_node
from raylab.frame.plan.fingerprint import new_token
from raylab.frame.plan.opaque import RESULTS, Opaque
from raylab.frame.plan.schema import Dtype, NotNative
from raylab.frame.sources.files import is_url
from raylab.frame.sources.replacing import replacing_folder


@dataclass(frozen=True, eq=False)
class WritePart:
    """Writes the rows of a partition into a file of its own.

    A task that is run again writes another file; the one whose name comes back is the part.
    """

    folder: str
    columns: tuple[tuple[str, Dtype], ...]
    levels: tuple[tuple[str, Dtype, Any], ...]
    compression: Any
    index: bool | None
    fingerprint: str = field(default_factory=new_token)

    def __str__(self) -> str:
        return f"write a part of {self.folder}"

    def run(self, rows: Any) -> bytes:
        """The name of the file."""
        arrays = {label: to_array(rows[label], dtype) for label, dtype in self.columns}
        levels = [pd.Index(to_array(rows[n], d), dtype=d, name=name) for n, d, name in self.levels]
        index: Any = None
        if levels:
            index = levels[0] if len(levels) == 1 else pd.MultiIndex.from_arrays(levels)
        frame = pd.DataFrame(arrays, index=index, copy=False)
        name = f"{uuid.uuid4().hex}.parquet"
        frame.to_parquet(
            Path(self.folder) / name,
            engine="pyarrow",
            compression=self.compression,
            index=self.index if levels else False,
        )
        return pickle.dumps(name)


def write_parts(frame: Any, path: Any, arguments: dict[str, Any]) -> None:
    """Writes a frame into a folder, one file per partition, in the order of the rows.

    Rows go from where they are computed to their file: on Ray they do not pass this process, and
    the folder must be one that all nodes see. The folder is replaced as a whole.

    Raises:
        TypeError: an argument that only single files take, or a frame that has no native form.
        FileExistsError: the folder holds other files; it stays.
    """
    taken = {name: arguments.pop(name) for name in ("compression", "index") if name in arguments}
    if arguments or not isinstance(path, str | os.PathLike) or is_url(str(os.fspath(path))):
        raise TypeError(
            f"to_parquet(parts=True) takes a local folder, compression and index; "
            f"got {', '.join(['path', *arguments])}. Use partition_cols for folders by keys."
        )
    try:
        state = _numbered(state_of(frame), taken.get("index"))
        node, levels = value_node(state)
        if any(f.dtype == object for f in node.schema.values()):
            raise NotNative("a column of dtype object")
    except NotNative as reason:
        raise TypeError(f"to_parquet(parts=True) needs native dtypes: {reason}.") from reason
    dtypes = {name: f.dtype for name, f in node.schema.items()}
    names = state.index.names if isinstance(state.index, Levels) else ()
    with replacing_folder(os.fspath(path), ".parquet") as folder:
        task = WritePart(
            str(folder),
            tuple((label, dtypes[label]) for label in state.columns),
            tuple((n, dtypes[n], name) for n, name in zip(levels, names, strict=True)),
            taken.get("compression", "snappy"),
            taken.get("index"),
        )
        results = engine.run(Opaque(node, task), ordered=True)[RESULTS].to_list()
        written = [pickle.loads(result) for result in results]  # noqa: S301  by this program
        for number, name in enumerate(written):
            (folder / name).rename(folder / f"part-{number:05}.parquet")
        for stray in folder.iterdir():
            if not stray.name.startswith("part-"):
                stray.unlink()  # of a task that was run again


def _numbered(state: Any, index: bool | None) -> FrameState:
    """The frame with what is stored of its index: a default one is not."""
    if not isinstance(state, FrameState):
        raise NotNative("a series")
    state = state.settled(list(state.columns))
    if index is False:
        return FrameState(state.rows, state.columns)
    return state if state.index == RangeSpec() and index is None else state.pinned()
