"""What this machine offers: cores that are really free, processor, memory, versions. No ray."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

NAMESPACE = "raylab"

PACKAGES = (
    "raylab-platform",
    "torch",
    "numpy",
    "gymnasium",
    "ale-py",
    "MinAtar",
    "ray",
    "pandas",
    "polars",
    "pyarrow",
)
"""Distributions whose versions a run records."""


@dataclass(frozen=True)
class Cores:
    """How many processor cores there are for this process, and how many of them are idle."""

    logical: int  # of the machine
    allowed: int  # by the process's affinity
    quota: float | None  # by its control group, in cores; None is no limit
    busy: float  # cores in use by anybody while we looked

    @property
    def usable(self) -> int:
        """Cores that this process may use at all, at least 1."""
        limit = self.allowed if self.quota is None else min(self.allowed, self.quota)
        return max(1, int(limit))

    @property
    def free(self) -> int:
        """Usable cores that nobody else was using, rounded, at least 1."""
        return max(1, min(self.usable, round(self.logical - self.busy)))

    def __str__(self) -> str:
        quota = "no quota" if self.quota is None else f"quota {self.quota:g}"
        return (
            f"{self.logical} cores, {self.allowed} allowed, {quota}, {self.busy:.1f} busy: "
            f"{self.free} free"
        )


def cores(sample_s: float = 0.3) -> Cores:
    """Look at the cores; watches the machine's load for ``sample_s`` seconds.

    The load is measured now and not taken from the one-minute average, which still counts an
    installation that has just ended.
    """
    logical = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return Cores(logical, allowed, _cgroup_quota(), min(float(logical), _busy_cores(sample_s)))


def memory_bytes() -> int:
    """Memory of the machine, or the control group's limit when that is smaller."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _read(path).strip()
        if text.isdecimal():
            total = min(total, int(text))
    return total


def shared_memory_bytes() -> int:
    """Free shared memory, where object stores live; a quarter of the memory where none is seen."""
    try:
        return shutil.disk_usage("/dev/shm").free  # noqa: S108  the device, not a temporary file
    except OSError:
        return memory_bytes() // 4


def cpu_model() -> str:
    """Name of the processor, as the operating system gives it."""
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the installed versions of Python and of the packages; what is absent is left out."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def source_commit() -> str | None:
    """Commit of raylab's own checkout, with ``+`` when it is changed; None outside a checkout."""
    here = Path(__file__).resolve().parent
    try:
        commit = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+" if changed else commit


def thread_environment(threads: int) -> dict[str, str]:
    """Environment variables for a process that computes with this many threads.

    All of it must be set before the process starts. The allocator thresholds keep large buffers in
    the heap from one step to the next: glibc would give their pages back and fault them in again
    every time. Huge pages let the processor find them faster. Threads that wait for each other spin for
    some tenth of a millisecond, longer than one operation of a network waits for the next, and
    much shorter than an environment steps. libgomp's default for a machine of one's own, many times
    that, burns the cores that environments want; its default for a crowded one puts threads to sleep
    between any two operations.
    """
    counts = dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"),
        str(threads),
    )
    return {
        **counts,
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "GOMP_SPINCOUNT": "10000",
        "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    }


@dataclass(frozen=True)
class ProcessId:
    """A process, told apart from a later one that was given the same number."""

    host: str
    pid: int
    started: int  # in clock ticks since the machine's start; 0 where /proc is missing

    @staticmethod
    def current() -> ProcessId:
        """Return the calling process."""
        pid = os.getpid()
        return ProcessId(socket.gethostname(), pid, _start_ticks(pid) or 0)

    def is_alive(self) -> bool | None:
        """Whether it still runs; None when it lives on another host and cannot be seen."""
        if self.host != socket.gethostname():
            return None
        if not Path("/proc/self/stat").exists():
            return _answers_signal(self.pid)
        return _start_ticks(self.pid) == self.started


def _cgroup_quota() -> float | None:
    fields = _read("/sys/fs/cgroup/cpu.max").split()  # version 2: "<quota|max> <period>"
    if len(fields) != 2:  # version 1
        fields = [
            _read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").strip(),
            _read("/sys/fs/cgroup/cpu/cpu.cfs_period_us").strip(),
        ]
    try:
        quota, period = float(fields[0]), float(fields[1])
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _busy_cores(sample_s: float) -> float:
    """Cores busy on average over the sample, from /proc/stat; 0 where that is missing."""
    before = _jiffies()
    time.sleep(sample_s)
    after = _jiffies()
    if before is None or after is None:
        return 0.0
    total = after[0] - before[0]
    return (after[1] - before[1]) / total * (os.cpu_count() or 1) if total > 0 else 0.0


def _jiffies() -> tuple[int, int] | None:
    """(all, busy) clock ticks of all cores since the start of the machine."""
    fields = _read("/proc/stat").partition("\n")[0].split()[1:9]
    if len(fields) < 8:
        return None
    ticks = [int(field) for field in fields]
    return sum(ticks), sum(ticks) - ticks[3] - ticks[4]  # without idle and waiting for disks


def _start_ticks(pid: int) -> int | None:
    stat = _read(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks
    if len(fields) < 20 or fields[0] in "ZX":  # a zombie works no more
        return None
    return int(fields[19])


def _answers_signal(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ("git", "-C", str(folder), *arguments),
        capture_output=True,
        check=True,
        text=True,
        timeout=5,
    )
    return done.stdout.strip()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
