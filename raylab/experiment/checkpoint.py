"""Checkpoints: a folder of safetensors parts and a manifest with their lengths and hashes.

::

    checkpoints/000001024000/      named by the agent steps trained
        weights.safetensors  optimizer.safetensors  environments.safetensors  random.safetensors
        state.json                 counters, the progress of the run, where it was trained
        manifest.json              written last: length and SHA-256 of every file above
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from raylab.errors import CorruptDataError
from raylab.experiment import files
from raylab.experiment.files import Json
from raylab.rl.trajectory import State

FORMAT = 1
_WAY_OUT = "use an older checkpoint: `raylab resume` does, and says which"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds."""

    state: State
    record: Json  # agent_steps, update, weight_hash, progress, environment


def save(folder: Path, checkpoint: Checkpoint, covers: Sequence[Json] = ()) -> Path:
    """Write a checkpoint below ``folder``; it appears whole or not at all.

    Args:
        folder: the run's ``checkpoints``.
        checkpoint: its record must hold ``agent_steps``.
        covers: entries of the metrics parts that hold everything up to this checkpoint.

    Returns:
        The checkpoint's folder. One that is there already and whole is left as it is.

    Raises:
        RunError: it cannot be written.
    """
    target = folder / f"{int(checkpoint.record['agent_steps']):012d}"
    temporary = files.temporary_name(target)
    try:
        temporary.mkdir(parents=True)
        for part, arrays in checkpoint.state.parts.items():
            path = temporary / f"{part}.safetensors"
            _save_arrays(arrays, path)
        state = {**checkpoint.record, "meta": checkpoint.state.meta}
        (temporary / "state.json").write_bytes(files.to_json(state))
        entries = []
        for path in sorted(temporary.iterdir()):
            files.sync_file(path)
            entries.append(entry(path))
        manifest = {"format": FORMAT, "files": entries, "covers": list(covers)}
        (temporary / "manifest.json").write_bytes(files.to_json(manifest))
        files.sync_file(temporary / "manifest.json")
        files.sync_folder(temporary)
        _move_into_place(temporary, target)
        files.sync_folder(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise files.cannot_write(target, error) from error
    return target


def load(path: Path) -> Checkpoint:
    """Read a checkpoint's folder, every byte verified.

    Raises:
        CorruptDataError: a file is missing, cut short or changed; names it and the way out.
    """
    verify(path)
    record = files.read_json(path / "state.json", _WAY_OUT)
    parts = {}
    for file in sorted(path.glob("*.safetensors")):
        try:
            parts[file.stem] = load_file(file)
        except (OSError, SafetensorError) as error:
            raise CorruptDataError(f"{file} cannot be read ({error}); {_WAY_OUT}.") from error
    meta: dict[str, Any] = record.pop("meta")
    return Checkpoint(State(parts=parts, meta=meta), record)


def verify(path: Path) -> None:
    """Compare every file with the manifest; raises CorruptDataError."""
    manifest = files.read_json(path / "manifest.json", _WAY_OUT)
    if manifest.get("format") != FORMAT:
        raise CorruptDataError(
            f"{path} has format {manifest.get('format')!r}, this raylab reads {FORMAT}; "
            f"resume it with the raylab that wrote it (environment.json names the version)."
        )
    for expected in manifest["files"]:
        file = path / expected["name"]
        if not file.is_file():
            raise CorruptDataError(f"{file} is missing; {_WAY_OUT}.")
        size = file.stat().st_size
        if size != expected["bytes"]:
            raise CorruptDataError(f"{file} has {size} of {expected['bytes']} bytes; {_WAY_OUT}.")
        if files.sha256(file) != expected["sha256"]:
            raise CorruptDataError(f"{file} was changed since it was written; {_WAY_OUT}.")


def steps_of(path: Path) -> int:
    """Agent steps of a checkpoint, from the name of its folder."""
    return int(path.name)


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints' folders, oldest first; unfinished ones do not count."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir())


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest ``keep`` checkpoints, and what killed writers left behind."""
    for path in list_checkpoints(folder)[:-keep]:
        # Without its manifest a half-removed folder is no checkpoint: nobody loads it.
        (path / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def entry(path: Path) -> Json:
    """Return what a manifest says of a file: name, length, hash."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": files.sha256(path)}


def _move_into_place(temporary: Path, target: Path) -> None:
    if target.exists():
        try:
            verify(target)
        except CorruptDataError:
            shutil.rmtree(target)
        else:
            shutil.rmtree(temporary)
            return
    temporary.rename(target)


def _save_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Write arrays; raises OSError with its number, which safetensors has only in its text."""
    try:
        save_file(_contiguous(arrays), path)
    except SafetensorError as error:
        if number := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
        raise


def _contiguous(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Safetensors writes the memory of an array as it lies: views must be copied first."""
    return {name: np.array(array, order="C", copy=None) for name, array in arrays.items()}
