"""Files by path or URL: which there are, what tells one from a later one, and how to open it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raylab.errors import SourceChangedError
from raylab.frame.plan.schema import NotNative


class Options:
    """Storage options as a part of an identity; they may hold secrets, so they are never printed.

    >>> Options({"key": "mine"}) == Options({"key": "yours"}), Options({"key": "mine"})
    (False, Options())
    """

    __slots__ = ("_identity", "values")

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.values = dict(values or {})
        text = repr(sorted(self.values.items()))
        self._identity = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and other.fingerprint == self.fingerprint

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return "Options()"

    @property
    def fingerprint(self) -> str:
        """What tells them from others."""
        return self._identity


NO_OPTIONS = Options()


@dataclass(frozen=True)
class FileIdentity:
    """What tells a file from a later one under the same name.

    Attributes:
        path: absolute, or a URL with its protocol.
        size: in bytes.
        modified_ns: for local files; 0 for others.
        inode: for local files; 0 for others.
        tag: what the file system of a URL tells about the file.
        options: of the file system.
    """

    path: str
    size: int
    modified_ns: int = 0
    inode: int = 0
    tag: str = ""
    options: Options = NO_OPTIONS

    @classmethod
    def of(cls, path: str, options: Options = NO_OPTIONS) -> FileIdentity:
        """The identity of a file as it is now.

        Raises:
            OSError: there is none, or it cannot be looked at.
        """
        if not is_url(path):
            stat = Path(path).stat()
            return cls(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)
        system, inner = file_system(path, options)
        system.invalidate_cache(inner)
        size = int(system.info(inner)["size"])
        return cls(path, size, tag=str(system.ukey(inner)), options=options)

    @property
    def fingerprint(self) -> str:
        """All that tells it from other files, as text."""
        return f"{self!r}:{self.options.fingerprint}"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def is_local(self) -> bool:
        """Whether the path is one of this machine."""
        return not is_url(self.path)

    @property
    def in_process(self) -> bool:
        """Whether no other process can see the file."""
        return self.path.startswith("memory://")

    def check(self, reader: str) -> None:
        """Compares the file with what was scanned.

        Raises:
            SourceChangedError: it was changed, replaced or removed since.
        """
        try:
            current: FileIdentity | None = FileIdentity.of(self.path, self.options)
        except OSError:
            current = None
        if current != self:
            what = "is gone" if current is None else "has changed"
            raise SourceChangedError(
                f"{self.path} {what} since {reader}; read it again, "
                f"or keep the data with df.copy() before the file is written."
            )

    def read_bytes(self, start: int = 0, end: int | None = None) -> bytes:
        """A part of the file.

        Raises:
            OSError: it cannot be read.
        """
        if self.is_local:
            with Path(self.path).open("rb") as file:
                file.seek(start)
                return file.read() if end is None else file.read(end - start)
        system, inner = file_system(self.path, self.options)
        return bytes(system.cat_file(inner, start=start, end=end))


def is_url(path: str) -> bool:
    """Whether a path names a file system of fsspec; ``file://`` is resolved before."""
    return "://" in path


def file_system(path: str, options: Options = NO_OPTIONS) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it."""
    import fsspec

    system, inner = fsspec.core.url_to_fs(path, **options.values)
    return system, str(inner)


def plain_path(path: Any) -> str:
    """A path as text: of a ``Path``, of ``file://`` and of one that begins with ``~``.

    Raises:
        NotNative: it is something else, such as an open file.
    """
    if not isinstance(path, str | os.PathLike):
        raise NotNative(f"reading from {type(path).__name__}")
    text = os.fspath(path)
    if not isinstance(text, str):
        raise NotNative("a path of bytes")
    text = text.removeprefix("file://")
    if "::" in text or text.startswith(("http:", "https:", "ftp:", "ftps:")):
        raise NotNative("chained URLs and files on web servers")
    return text if is_url(text) else str(Path(text).expanduser())


def local_names(text: str) -> list[str]:
    """The file, or the files that match a glob pattern, in their order by name.

    Raises:
        FileNotFoundError: nothing is there.
    """
    location = Path(text)
    if location.exists():
        return [str(location.resolve())]
    if any(mark in text for mark in "*?["):
        base = Path(location.anchor) if location.is_absolute() else Path()
        pattern = str(location.relative_to(location.anchor)) if location.is_absolute() else text
        names = sorted(str(found.resolve()) for found in base.glob(pattern))
        if names:
            return names
    raise FileNotFoundError(2, "No such file or directory", text)


def remote_names(url: str, options: Options) -> list[str]:
    """The file of a URL, or the files that match a glob pattern, in their order by name.

    Raises:
        FileNotFoundError: nothing is there.
    """
    import fsspec

    system, inner = file_system(url, options)
    found = sorted(system.glob(inner)) if fsspec.core.has_magic(inner) else [inner]
    if not found or not all(system.exists(name) for name in found):
        raise FileNotFoundError(2, "No such file or directory", url)
    return [str(system.unstrip_protocol(name)) for name in found]


def identities(names: Iterable[str], options: Options = NO_OPTIONS) -> tuple[FileIdentity, ...]:
    """The identities of files as they are now."""
    return tuple(FileIdentity.of(name, options) for name in names)
