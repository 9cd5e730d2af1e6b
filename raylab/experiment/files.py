"""Files that are whole or absent: every write goes to a temporary name, is synced, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from raylab.errors import CorruptDataError, RunError

Json = dict[str, Any]


def default_runs_dir() -> str:
    """Where runs are kept when nothing else is said: RAYLAB_RUNS_DIR, else ``runs``."""
    return os.environ.get("RAYLAB_RUNS_DIR") or "runs"


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, sync it and rename it to ``path``.

    Raises:
        RunError: the file cannot be written.
    """
    temporary = temporary_name(path)
    try:
        write(temporary)
        sync_file(temporary)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def temporary_name(path: Path) -> Path:
    """Return a hidden name beside ``path`` that nobody else uses, on any host."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file; raises RunError."""
    write_atomically(path, lambda temporary: _write(temporary, content))


def write_json(path: Path, content: Json) -> None:
    """Write a JSON object, indented for people; raises RunError."""
    write_bytes(path, to_json(content))


def to_json(content: Json) -> bytes:
    """Return the UTF-8 text of a JSON object, indented, with a final newline."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def read_json(path: Path, way_out: str) -> Json:
    """Read a JSON object.

    Raises:
        CorruptDataError: it is missing, cut short or no object; says ``way_out``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CorruptDataError(f"{path} is missing; {way_out}") from None
    except (OSError, ValueError) as error:
        raise CorruptDataError(f"{path} cannot be read ({error}); {way_out}") from error
    if not isinstance(content, dict):
        raise CorruptDataError(f"{path} holds no JSON object; {way_out}")
    return content


def create_exclusively(path: Path, content: bytes) -> bool:
    """Create a file with this content unless it exists; whether this call created it.

    The link makes the file appear whole and only once, whoever else tries.

    Raises:
        RunError: the file system does not allow it, or has no exclusive creation.
    """
    temporary = temporary_name(path)
    try:
        _write(temporary, content)
        sync_file(temporary)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise RunError(
                f"{path.parent} lies on a file system without hard links, so that two trainers "
                f"could write one run; choose another with --runs-dir."
            ) from error
        raise cannot_write(path, error) from error
    finally:
        if temporary.exists():
            temporary.unlink()
    return True


def make_folder(path: Path) -> None:
    """Create a folder and its parents, and check that files can be created in it.

    Raises:
        RunError: it cannot be created or written.
    """
    probe = temporary_name(path / "probe")
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> RunError:
    """Return the error that says why ``path`` cannot be written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what_to_do = "free some space, then `raylab resume` continues the run"
    else:
        what_to_do = "give the user that trains write permission, or choose another --runs-dir"
    return RunError(f"cannot write {path}: {error.strerror or error}; {what_to_do}.")


def sync_file(path: Path) -> None:
    """Wait until the file's content is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the folder's entries are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
