"""Writers of files: each replaces its target as a whole, or leaves it as it was.

A lazy frame is written batch by batch where the format allows it; what is in memory already, and
what has no native form, is written by pandas' own code under another name first.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from raylab.frame.facade import arrow_files, text_files
from raylab.frame.facade.parts import write_parts
from raylab.frame.facade.persistence import kept_here
from raylab.frame.facade.state import FrameState
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.nodes import Scan
from raylab.frame.plan.schema import NotNative
from raylab.frame.sources.files import Options, file_system, is_url
from raylab.frame.sources.replacing import adding_to_folder, is_path, opened, replacing

Arguments = dict[str, Any]
Native = Callable[[FrameState, str, Arguments, Any], None]


def _parquet(state: FrameState, path: str, arguments: Arguments, frame: Any) -> None:
    taken = ("compression", "index", "row_group_size")
    others = {k: v for k, v in arguments.items() if k not in taken}
    options = Options(others.pop("storage_options", None))
    if others.pop("engine", "auto") not in ("auto", "pyarrow") or others:
        raise NotNative(f"argument {min(others, default='engine')}")
    given = {name: arguments[name] for name in taken if name in arguments}
    with opened(path, options) as file:
        arrow_files.write_parquet(state, file, frame.attrs, **given)


def _feather(state: FrameState, path: str, arguments: Arguments, frame: Any) -> None:
    if arguments:
        raise NotNative(f"argument {min(arguments)}")
    with opened(path) as file:
        arrow_files.write_feather(state, file)


def _csv(state: FrameState, path: str, arguments: Arguments, frame: Any) -> None:
    columns = arguments.get("columns")
    if columns is not None and not all(name in state.columns for name in columns):
        raise NotNative("columns that are not there")
    text_files.write_csv(state, path, arguments)


def _json(state: FrameState, path: str, arguments: Arguments, frame: Any) -> None:
    if not arguments.get("lines") or arguments.get("orient") != "records":
        raise NotNative("JSON other than lines")
    text_files.write_json_lines(state, path, arguments)


WRITERS: dict[str, Native | None] = {
    "to_csv": _csv,
    "to_feather": _feather,
    "to_json": _json,
    "to_parquet": _parquet,
    "to_pickle": None,
    "to_excel": None,
    "to_html": None,
    "to_latex": None,
    "to_markdown": None,
    "to_orc": None,
    "to_stata": None,
    "to_string": None,
    "to_xml": None,
}
"""The methods of pandas that write one file, and the native form of those that have one."""


def install_writers(face: type, owner: type) -> None:
    """Gives a face the writers of its pandas class."""
    for name, native in WRITERS.items():
        if hasattr(owner, name):
            setattr(face, name, _writer(owner, name, native))
    setattr(face, "to_sql", _computed_first(owner.to_sql))  # noqa: B010  as above


def _computed_first(base: Callable[..., Any]) -> Callable[..., Any]:
    """A writer of pandas that gets its data before it touches the target: it may drop a table."""

    @functools.wraps(base)
    def written(self: Any, *args: Any, **kwargs: Any) -> Any:
        _ = self._mgr
        return base(self, *args, **kwargs)

    return written


def _writer(owner: type, name: str, native: Native | None) -> Callable[..., Any]:
    base = getattr(owner, name)
    signature = functools.cache(lambda: inspect.signature(base))

    @functools.wraps(base)
    def written(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature().bind(self, *args, **kwargs)
        except TypeError:
            return base(self, *args, **kwargs)  # pandas words the error
        _, target, *_ = signature().parameters
        arguments = dict(bound.arguments)
        arguments.pop("self", None)
        arguments.update(arguments.pop("kwargs", {}))
        path = arguments.pop(target, None)
        if name == "to_parquet" and arguments.pop("parts", False):
            keep_own_source(self, str(path))
            return write_parts(self, path, arguments)
        if is_path(path) and _adds_to_folder(path, arguments):
            keep_own_source(self, str(Path(path).expanduser()))
            with adding_to_folder(str(Path(path).expanduser())) as folder:
                return base(self, folder, **arguments)
        if not is_path(path) or not _replaces(path, arguments):
            return base(self, *args, **kwargs)
        path = os.fspath(path).removeprefix("file://")
        path = path if is_url(path) else str(Path(path).expanduser())
        if native is not None:
            keep_own_source(self, path)
        with replacing(path, Options(arguments.get("storage_options"))) as temporary:
            state = self._plan()
            if native is not None and isinstance(state, FrameState):
                try:
                    return native(state, temporary, arguments, self)
                except NotNative:
                    pass  # pandas' own writer computes the frame; nothing is written yet
            return base(self, temporary, **arguments)

    return written


def _replaces(path: Any, arguments: Arguments) -> bool:
    """Whether a call writes one whole file."""
    if arguments.get("partition_cols") or arguments.get("filesystem") is not None:
        return False
    mode = str(arguments.get("mode", "w"))
    return mode.startswith("w")


def _adds_to_folder(path: Any, arguments: Arguments) -> bool:
    """Whether a call adds files to a local folder, by keys, whatever is in it already."""
    others = ("filesystem", "existing_data_behavior")
    by_keys = arguments.get("partition_cols") and not any(arguments.get(o) for o in others)
    return bool(by_keys) and not is_url(os.fspath(path))


def keep_own_source(frame: Any, path: str) -> None:
    """Computes a lazy frame that reads what is about to be replaced, so that it stays usable."""
    state = frame._plan()
    if not isinstance(state, FrameState):
        return
    target = written_name(path)
    for node in walk(state.rows):
        files = getattr(node.source, "files", ()) if isinstance(node, Scan) else ()
        if any(target == f.path or f.path.startswith(f"{target}/") for f in files):
            frame.__dict__["_lazy"] = kept_here(state)
            return


def written_name(path: str) -> str:
    """A path as it stands in the identity of a file."""
    if not is_url(path):
        return os.path.realpath(path)
    system, inner = file_system(path)
    return str(system.unstrip_protocol(inner))
