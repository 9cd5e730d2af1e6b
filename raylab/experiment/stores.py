"""Run stores that are no folder: an fsspec URL such as ``s3://bucket/runs``.

A run is trained in a folder of the node that trains it; a :class:`Mirror` copies what is new to the
store, immutable files first and what names them last, so that a reader finds a whole run at any
moment. Attempts are claimed in the store itself, by exclusive create: of two clusters that train
the same run, the later attempt wins and the other one stops.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import fsspec

from raylab.errors import ConfigError, RunError, RunNotFoundError
from raylab.experiment import files

_SYNCED: Final = "a folder on storage that every node mounts, or a URL of s3, gs, az or abfs"
# Backends that create a file only when it is absent, in one step on the server's side.
_ATOMIC_CREATE: Final = frozenset(("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"))
# In these it is the file's opening that is exclusive.
_ATOMIC_OPEN: Final = frozenset(("file", "local", "memory"))
# What names other files is written after them, and removed before.
_LAST: Final = ("manifest.json", "config.json", "environment.json", "status.json")


_IMMUTABLE: Final = (".parquet", ".safetensors", ".mp4")
WITHOUT_TABLES: Final = ("checkpoints", "episodes", "metrics", "tensorboard", "videos")


def is_url(place: str | Path) -> bool:
    """Whether runs lie at a URL, and not in a folder."""
    return "://" in str(place)


@dataclass(frozen=True)
class Store:
    """Runs at a URL; plain data, so that it can be sent to other processes.

    Raises:
        ConfigError: the backend is unknown, not installed, or without exclusive create.
    """

    url: str

    def __post_init__(self) -> None:
        protocol = self.url.partition("://")[0]
        if protocol not in _ATOMIC_OPEN and protocol not in _ATOMIC_CREATE:
            raise ConfigError(
                f"runs cannot be kept at {self.url}: the backend {protocol!r} has no exclusive "
                f"create, so that two clusters could train one run without noticing; give "
                f"{_SYNCED}."
            )
        try:
            fsspec.get_filesystem_class(protocol)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"runs cannot be kept at {self.url}: {error}.") from error

    def __str__(self) -> str:
        return self.url

    def create_exclusively(self, name: str, content: bytes) -> bool:
        """Create a file unless it is there; whether this call created it. Raises RunError."""
        system, path = self._at(name)
        with self._told(name):
            try:
                if self._is_folder:
                    system.makedirs(system._parent(path), exist_ok=True)
                    with system.open(path, "xb") as file:
                        file.write(content)
                else:
                    system.pipe_file(path, content, mode="create")
            except FileExistsError:
                return False
            except OSError:  # a server that does not say why it refused, or creations that crossed
                system.invalidate_cache()
                if system.exists(path):
                    return False
                raise
        return True

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file, in the place of one that is there; raises RunError."""
        system, path = self._at(name)
        with self._told(name):
            if self._is_folder:  # readers see it half
                system.makedirs(system._parent(path), exist_ok=True)
                system.pipe_file(f"{path}.{os.getpid()}.tmp", content)
                system.mv(f"{path}.{os.getpid()}.tmp", path)
            else:
                system.pipe_file(path, content)

    def read(self, name: str) -> bytes:
        """Read a whole file; raises FileNotFoundError and RunError."""
        system, path = self._at(name)
        with self._told(name, FileNotFoundError):
            content: bytes = system.cat_file(path)
        return content

    def remove(self, name: str) -> None:
        """Remove a file, if it is there; raises RunError."""
        system, path = self._at(name)
        with suppress(FileNotFoundError), self._told(name, FileNotFoundError):
            system.rm_file(path)

    def list(self, below: str = "") -> list[str]:
        """Return the names of all files below a name, sorted; raises RunError."""
        system, path = self._at(below)
        root = system._strip_protocol(self.url).rstrip("/") + "/"
        found: list[str] = []
        with suppress(FileNotFoundError), self._told(below, FileNotFoundError):
            system.invalidate_cache()
            found = system.find(path)
        return sorted(str(name).removeprefix(root) for name in found if not name.endswith(".tmp"))

    def check(self) -> None:
        """Create a file exclusively, and remove it; raises RunError when that does not work."""
        name = f".probe-{os.urandom(8).hex()}"
        created = self.create_exclusively(name, b"")
        again = self.create_exclusively(name, b"")
        self.remove(name)
        if not created or again:
            raise RunError(f"{self.url} creates one file twice; give {_SYNCED}.")

    @property
    def _is_folder(self) -> bool:
        return self.url.partition("://")[0] in _ATOMIC_OPEN

    def _at(self, name: str) -> tuple[Any, str]:
        with self._told(name):
            system, path = fsspec.core.url_to_fs(self.url)
        return system, f"{path.rstrip('/')}/{name}".rstrip("/")

    @contextmanager
    def _told(self, name: str, *expected: type[Exception]) -> Iterator[None]:
        """Make a RunError of what goes wrong, unless it is expected."""
        try:
            yield
        except expected:
            raise
        except Exception as error:  # each backend has errors of its own
            raise RunError(
                f"the store {self.url} cannot be used ({name or 'its list'}: {error}); check its "
                f"name, that it is reached from here, and that these credentials may read, write "
                f"and list."
            ) from error


def working_folder(store: Store) -> Path:
    """Where a node keeps its copies of a store's runs."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "raylab" / hashlib.sha256(store.url.encode()).hexdigest()[:16]


def local_copy(place: str, names: Sequence[str] = ("",), *, without: Iterable[str] = ()) -> Path:
    """Return the folder itself, or for a URL a folder with a fresh copy of what it holds.

    Args:
        place: a folder or a URL.
        names: of experiments or runs in it; all by default.
        without: folders of a run to leave out.

    Raises:
        ConfigError: the backend will not do.
        RunError: the store cannot be read, or it has nothing of that name.
    """
    if not is_url(place):
        return Path(place)
    store = Store(place)
    folder = working_folder(store)
    for name in names or ("",):
        fetch(store, folder, below=name, without=without)
    return folder


def fetch(
    store: Store,
    into: Path,
    *,
    below: str = "",
    without: Iterable[str] = (),
    may_lack: bool = False,
    is_owner: bool = False,
) -> None:
    """Copy the files of a store that a folder lacks, or has otherwise.

    A run that is being trained in that folder is left alone: what lies there is newer.

    Args:
        store: to copy from.
        into: a folder; names are those in the store.
        below: only what lies below this name.
        without: folders of a run to leave out, like ``checkpoints``.
        may_lack: nothing there is nothing to copy, and no error.
        is_owner: copy also what is being trained, for the caller is who trains it.

    Raises:
        RunNotFoundError: there is nothing.
        RunError: it cannot be read, or the folder not be written.
    """
    left_out = set(without)
    names = store.list(below)
    if not names and not may_lack:
        raise RunNotFoundError(f"no run in {store}{'/' + below if below else ''}.")
    alive = set() if is_owner else _alive(into, names)
    for name in names:
        target = into / name
        if left_out & set(Path(name).parts[:-1]) or Path(*Path(name).parts[:2]) in alive:
            continue
        if target.exists() and target.suffix in _IMMUTABLE:
            continue
        try:
            content = store.read(name)
        except FileNotFoundError:  # compacted or pruned meanwhile
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.cannot_write(target, error) from error
        files.write_bytes(target, content)


def _alive(folder: Path, names: Iterable[str]) -> set[Path]:
    """Runs of those files, ``<experiment id>/<seed>``, that are being trained in the folder."""
    from raylab.experiment.run import Run  # which reads experiments, and they name their store

    runs = {Path(*Path(name).parts[:2]) for name in names}
    return {run for run in runs if Run(folder / run).is_alive}


@dataclass
class Mirror:
    """Keeps the copy of one run in a store like the folder in which it is trained."""

    store: Store
    run: str  # "<experiment id>/<seed>"
    folder: Path
    _known: dict[str, tuple[int, int]] = field(default_factory=dict)  # name: (bytes, mtime)

    def newest_attempt(self) -> int:
        """Number of the last attempt that anybody claimed."""
        names = [Path(name).stem for name in self.store.list(f"{self.run}/attempts")]
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def claim(self, attempt: int, content: bytes) -> bool:
        """Take an attempt's number, unless somebody has it."""
        name = f"{self.run}/attempts/{attempt:04d}.json"
        return self.store.create_exclusively(name, content)

    def pull(self) -> None:
        """Bring the folder up to date; what another machine trained since replaces it."""
        names = [Path(path.name).stem for path in (self.folder / "attempts").glob("*.json")]
        here = max((int(name) for name in names if name.isdecimal()), default=0)
        if self.newest_attempt() > here:
            shutil.rmtree(self.folder, ignore_errors=True)
        fetch(self.store, self.folder.parent.parent, below=self.run, may_lack=True, is_owner=True)
        there = {name.removeprefix(f"{self.run}/") for name in self.store.list(self.run)}
        self._known = {name: seen for name, seen in self._files().items() if name in there}

    def push(self) -> None:
        """Copy to the store what is new or changed, and remove there what is gone."""
        files = self._files()
        for name in sorted(files, key=_rank):
            if files[name] != self._known.get(name):
                try:
                    content = (self.folder / name).read_bytes()
                except FileNotFoundError:
                    continue
                self.store.write(f"{self.run}/{name}", content)
        gone = [name for name in self._known if name not in files]
        for name in sorted(gone, key=_rank, reverse=True):
            self.store.remove(f"{self.run}/{name}")
        self._known = files

    def _files(self) -> dict[str, tuple[int, int]]:
        found = {}
        for path in self.folder.rglob("*"):
            hidden = any(part.startswith(".") for part in path.relative_to(self.folder).parts)
            if path.is_file() and not hidden and path.parent.name != "attempts":
                stat = path.stat()
                found[str(path.relative_to(self.folder))] = (stat.st_size, stat.st_mtime_ns)
        return found


def _rank(name: str) -> tuple[int, str]:
    last = Path(name).name
    return (_LAST.index(last) + 1 if last in _LAST else 0, name)
