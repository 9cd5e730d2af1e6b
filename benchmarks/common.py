"""The one shape of a benchmark's result, and the facts about the machine that it was made on.

A result is ``name, date, commit, machine, versions, settings, rows, ratios``. A ratio is named
after the peer and is always raylab against that peer, turned so that above 1 means that raylab
is better: ``ratio`` does the turning, for rates (more is better) and for times and sizes (less
is better).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.metadata
import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"

# What decides about speed and is worth knowing of a processor.
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8", "asimd", "bf16")


def machine_info() -> dict[str, Any]:
    """Processor, cores that this process may use, memory and system of this machine."""
    cpu = _cpuinfo()
    flags = set((cpu.get("flags") or cpu.get("Features") or "").split())
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    model = cpu.get("model name") or platform.machine()
    if "cpu family" in cpu:  # hypervisors shorten the name: the numbers still tell the generation
        model += f" (family {cpu['cpu family']}, model {cpu.get('model', '?')})"
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": pages * page_bytes,
        "flags": [flag for flag in _FLAGS if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
    }


def git_commit() -> str:
    """The commit of the tree, with ``+changes`` when tracked files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    # A result of an earlier benchmark that is not committed yet changes no code.
    changed = git(
        "status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results"
    )
    return git("rev-parse", "HEAD") + ("+changes" if changed else "")


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """The versions of distributions installed beside raylab, and of Python."""
    versions = {name: importlib.metadata.version(name) for name in distributions}
    return {"python": platform.python_version(), **versions}


def _cpuinfo() -> dict[str, str]:
    """Key and value of the first processor in /proc/cpuinfo."""
    first, _, _ = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


class ResultError(ValueError):
    """A benchmark's result does not have the agreed shape; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured number: the median (unless the metric says otherwise) of ``n`` runs."""

    system: str
    metric: str
    value: float
    unit: str
    n: int

    def __post_init__(self) -> None:
        """Check the fields; raises ResultError."""
        for field in ("system", "metric", "unit"):
            value = getattr(self, field)
            if not isinstance(value, str) or not value:
                raise ResultError(f"rows.{field}={value!r} is not a non-empty string.")
        _check_number(f"rows.value of {self.system}, {self.metric}", self.value)
        if not isinstance(self.n, int) or isinstance(self.n, bool) or self.n < 1:
            raise ResultError(f"rows.n={self.n!r} of {self.system} is not a count of runs.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one benchmark file writes to ``benchmarks/results/<name>.json``."""

    name: str
    rows: tuple[Row, ...]
    ratios: Mapping[str, float]
    """Peer (or "peer, metric") to how many times better raylab is; above 1: raylab is better."""
    versions: Mapping[str, str]
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What was run and how: precision, sizes, threads, disturbed pairs, data types."""
    machine: Mapping[str, Any] = dataclasses.field(default_factory=machine_info)
    commit: str = dataclasses.field(default_factory=git_commit)
    date: str = dataclasses.field(default_factory=_now)

    def __post_init__(self) -> None:
        """Check the fields; raises ResultError."""
        if not self.name or not all(c.isalnum() or c in "_-" for c in self.name):
            raise ResultError(f"name={self.name!r} is not letters, digits, '_' and '-'.")
        if not self.rows:
            raise ResultError(f"rows of {self.name} is empty: nothing was measured.")
        _check_date(self.date)
        revision = self.commit.removesuffix("+changes")
        if len(revision) != 40 or not set(revision) <= set("0123456789abcdef"):
            raise ResultError(f"commit={self.commit!r} is not 40 hex digits [+changes].")
        if not {"cpu", "cores", "memory_bytes"} <= set(self.machine):
            raise ResultError(f"machine has {sorted(self.machine)}; use machine_info().")
        for label, version in self.versions.items():
            if not isinstance(version, str) or not version:
                raise ResultError(f"versions[{label!r}]={version!r} is not a version.")
        for peer, value in self.ratios.items():
            _check_number(f"ratios[{peer!r}]", value)
            if value <= 0:
                raise ResultError(f"ratios[{peer!r}]={value} is not above 0.")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a result back; raises ResultError when a field is missing, unknown or wrong."""
        data = json.loads(text)
        known = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(data, dict) or sorted(data) != sorted(known):
            raise ResultError(f"a result has the fields {known}, this one {list(data)}.")
        try:
            rows = tuple(Row(**row) for row in data.pop("rows"))
        except TypeError as error:
            raise ResultError(f"a row has a missing or an unknown field: {error}.") from error
        return cls(rows=rows, **data)

    def to_json(self) -> str:
        """The result as indented JSON text, in the order of the agreed shape."""
        order = ("name", "date", "commit", "machine", "versions", "settings", "rows", "ratios")
        data = dataclasses.asdict(self)
        return json.dumps({field: data[field] for field in order}, indent=2, allow_nan=False) + "\n"

    def write(self, folder: Path = RESULTS) -> Path:
        """Write ``<folder>/<name>.json`` at once or not at all; returns the path."""
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{self.name}.json"
        unfinished = folder / f".{self.name}.{os.getpid()}.tmp"
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(self.to_json())
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        return target


def ratio(raylab: float, peer: float, *, more_is_better: bool) -> float:
    """How many times better raylab is: above 1 whichever way the metric runs."""
    return raylab / peer if more_is_better else peer / raylab


def _check_date(date: str) -> None:
    try:
        parsed = dt.datetime.fromisoformat(date)
    except ValueError as error:
        raise ResultError(f"date={date!r} is not an ISO date.") from error
    if parsed.tzinfo is None:
        raise ResultError(f"date={date!r} has no time zone; write +00:00.")


def _check_number(label: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ResultError(f"{label}={value!r} is not a finite number.")
