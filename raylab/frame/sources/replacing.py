"""Writing a file so that its name shows the old content or the new one, and nothing in between."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raylab.frame.sources.files import NO_OPTIONS, Options, file_system, is_url


@contextmanager
def replacing(path: str, options: Options = NO_OPTIONS) -> Iterator[str]:
    """The path of a file to write instead, which takes the name when the block ends well.

    It lies beside the target in a folder of its own, under the same name, which compressed files
    store. It is synced to disk before it takes the name. When the block raises, it is removed and
    the target is what it was. What is no plain file (a device, a pipe) is written as it is.

    Args:
        path: absolute or relative, or a URL of fsspec.
        options: of the file system of a URL.
    """
    if is_url(path):
        with _replacing_remote(path, options) as temporary:
            yield temporary
        return
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir() or (target.exists() and not target.is_file()):
        yield path  # an error that the writer words, or a device
        return
    folder = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    folder.mkdir()
    try:
        written = folder / target.name
        yield str(written)
        if target.exists():
            written.chmod(stat.S_IMODE(target.stat().st_mode))
        sync(written)
        written.replace(target)
        sync(target.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def replacing_folder(path: str, suffix: str) -> Iterator[Path]:
    """A folder to fill instead, which takes the name when the block ends well.

    Args:
        path: of a local folder; one that is there must hold nothing but files with the suffix.
        suffix: of the files.

    Raises:
        FileExistsError: what is there is something else, and stays.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not _holds_only(target, suffix):
        raise FileExistsError(
            17, f"not replaced, for it is no folder of {suffix} files only", str(target)
        )
    token = uuid.uuid4().hex[:8]
    folder = target.with_name(f".{target.name}.{token}")
    folder.mkdir(parents=True)
    try:
        yield folder
        for written in folder.iterdir():
            sync(written)
        sync(folder)
        old = target.with_name(f".{target.name}.{token}.old")
        if target.exists():
            target.rename(old)
        try:
            folder.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        sync(target.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def adding_to_folder(path: str) -> Iterator[str]:
    """A folder to fill with files that go to another one when the block ends well.

    What is not there yet appears as a whole. A folder that is there gets the files one after the
    other, each whole; when one of them cannot go there, none stays. When the block raises, nothing
    has changed.

    Args:
        path: of a local folder; one that is there keeps its files, but for those of the same name.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_dir():
        yield path  # an error that the writer words
        return
    folder = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    folder.mkdir(parents=True)
    try:
        yield str(folder)
        for written in folder.rglob("*"):
            sync(written)
        if target.exists():
            _move_files(folder, target)
        else:
            folder.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move_files(folder: Path, target: Path) -> None:
    """All files to the same places in another folder, or none of those that were not there."""
    new: list[Path] = []
    try:
        for written in sorted(p for p in folder.rglob("*") if p.is_file()):
            place = target / written.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                new.append(place)
            written.rename(place)
            sync(place.parent)
    except BaseException:
        for place in new:
            place.unlink(missing_ok=True)
        raise


@contextmanager
def _replacing_remote(url: str, options: Options) -> Iterator[str]:
    """As ``replacing``; the move at the end is as atomic as the file system makes it."""
    system, inner = file_system(url, options)
    parent, _, name = inner.rpartition("/")
    folder = f"{parent}/.{name}.{uuid.uuid4().hex[:8]}"
    try:
        system.makedirs(folder, exist_ok=True)
        yield str(system.unstrip_protocol(f"{folder}/{name}"))
        system.mv(f"{folder}/{name}", inner)
    finally:
        with contextlib.suppress(OSError):
            system.rm(folder, recursive=True)


@contextmanager
def opened(path: str, options: Options = NO_OPTIONS) -> Iterator[Any]:
    """A file or URL to write bytes to."""
    if is_url(path):
        system, inner = file_system(path, options)
        with system.open(inner, "wb") as file:
            yield file
    else:
        with Path(path).open("wb") as file:
            yield file


def sync(path: Path) -> None:
    """Waits until a file or the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _holds_only(folder: Path, suffix: str) -> bool:
    return folder.is_dir() and all(p.is_file() and p.suffix == suffix for p in folder.iterdir())


def is_path(target: Any) -> bool:
    """Whether a writer is given a path or URL that can be replaced, not an open file."""
    if not isinstance(target, str | os.PathLike):
        return False
    text = os.fspath(target)
    return isinstance(text, str) and "::" not in text
