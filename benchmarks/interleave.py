"""Run raylab and its peers in turn, and know when somebody else used the processor meanwhile.

Absolute times move with the machine's mood; ratios within one round do not, unless another
process takes the processor during one half of it. So every round runs each program once, the
CPU time of everybody else is measured beside each run, and a pair (raylab and one peer in one
round) with a disturbed half is discarded and counted.

A program prints one JSON object of numbers, ``{"metric": value}``, as its last line.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_TAG = "RAYLAB_BENCHMARK_RUN"
_TICKS = os.sysconf("SC_CLK_TCK")
_GROUPS = Path("/sys/fs/cgroup/cpuacct")


class ProgramError(RuntimeError):
    """A benchmark's program failed, took too long or printed no result; holds its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One system as a command line, run in a process of its own for every round."""

    system: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one process of a program reported, and what else the machine did meanwhile."""

    metrics: Mapping[str, float]
    elapsed_s: float
    foreign_cpu_s: float  # CPU time of processes that are not ours
    foreign_share: float  # the same, of all the CPU time that the machine had

    def disturbed(self, max_foreign_share: float) -> bool:
        """Did others take more than this share of the machine?"""
        return self.foreign_share > max_foreign_share


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rounds of one benchmark: for each round, each system's run."""

    rounds: tuple[Mapping[str, Run], ...]
    max_foreign_share: float

    def pairs(self, ours: str, peer: str) -> list[tuple[Run, Run]]:
        """The undisturbed (ours, peer) pairs."""
        return [
            (runs[ours], runs[peer])
            for runs in self.rounds
            if not any(runs[s].disturbed(self.max_foreign_share) for s in (ours, peer))
        ]

    def discarded(self, ours: str, peer: str) -> int:
        """How many pairs were thrown away because a half was disturbed."""
        return len(self.rounds) - len(self.pairs(ours, peer))

    def undisturbed(self, system: str) -> list[Run]:
        """The runs of one system that nobody disturbed."""
        runs = (round_[system] for round_ in self.rounds)
        return [run for run in runs if not run.disturbed(self.max_foreign_share)]

    def median(self, system: str, metric: str) -> float:
        """The median of a metric over the undisturbed runs; raises ProgramError without any."""
        values = [run.metrics[metric] for run in self.undisturbed(system)]
        return self._median(values, f"runs of {system}")

    def median_ratio(self, ours: str, peer: str, metric: str) -> float:
        """The median of ours / peer over the undisturbed pairs; raises ProgramError without any."""
        values = [a.metrics[metric] / b.metrics[metric] for a, b in self.pairs(ours, peer)]
        return self._median(values, f"pairs of {ours} and {peer}")

    def _median(self, values: Sequence[float], what: str) -> float:
        if not values:
            raise ProgramError(
                f"all {len(self.rounds)} {what} were disturbed by other processes (more than "
                f"{self.max_foreign_share:.0%} of the machine); repeat on a quiet machine."
            )
        return statistics.median(values)


def interleave(
    programs: Sequence[Program],
    *,
    pairs: int,
    max_foreign_share: float = 0.03,
    max_rounds: int | None = None,
) -> Comparison:
    """Run the programs in turn, A B C A B C ..., until there are enough undisturbed pairs.

    The first program is raylab's; a pair is its run and a peer's run of the same round.

    Args:
        programs: at least one; the first is the one that the others are compared with.
        pairs: undisturbed pairs wanted for each peer.
        max_foreign_share: a run is disturbed when others used more of the machine than this.
        max_rounds: gives up after so many rounds (default: twice ``pairs``); the comparison then
            holds fewer pairs, and says so by ``pairs`` and ``discarded``.

    Raises:
        ProgramError: a program failed, exceeded its limit or printed no result.
    """
    ours, *peers = (program.system for program in programs)
    if len({ours, *peers}) != len(programs):
        raise ValueError(f"two programs share a name: {[ours, *peers]}.")
    rounds: list[Mapping[str, Run]] = []
    comparison = Comparison((), max_foreign_share)
    for number in range(1, (max_rounds or 2 * pairs) + 1):
        runs = {}
        for program in programs:
            run = run_once(program)
            runs[program.system] = run
            print(_progress(number, program.system, run, max_foreign_share), file=sys.stderr)
        rounds.append(runs)
        comparison = Comparison(tuple(rounds), max_foreign_share)
        if all(len(comparison.pairs(ours, system)) >= pairs for system in peers or [ours]):
            break
    return comparison


def run_once(program: Program, *, patience_s: float = 10.0) -> Run:
    """Run a program to its end and measure what everybody else used meanwhile.

    Processes that it leaves behind (Ray's daemons outlive their driver by a moment) are given
    ``patience_s`` and then killed, so that they do not disturb the next run.

    Raises:
        ProgramError: the program failed, exceeded its limit or printed no result.
    """
    tag = uuid.uuid4().hex
    environment = {**os.environ, **program.environment, _TAG: tag}
    busy_before, started = busy_s(), time.monotonic()
    own_before = own_s()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile() as err:
        with (
            subprocess.Popen(  # files, not pipes: a daemon that keeps one open blocks nobody
                program.command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            ) as process,
            _Group(process.pid) as group,
            # Looking at all processes is work beside what is measured: seldom where a group counts.
            _Family(tag, 2.0 if group.exists else 0.25) as family,
        ):
            try:
                status = process.wait(program.timeout_s)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                if process.poll() is None:
                    process.kill()
                family.end(patience_s)
        elapsed = time.monotonic() - started
        out.seek(0)
        err.seek(0)
        printed = out.read()
        last_words = (err.read().decode(errors="replace") + printed).strip()[-2000:]
    if status != 0:
        how = (
            f"took more than {program.timeout_s:g} s" if status is None else f"ended with {status}"
        )
        raise ProgramError(f"{program.system} {how}:\n{last_words}")
    # Sampling misses what a process did in its last moments; the parent's account of its dead
    # children misses those whose parent did not wait for them; the kernel's account of a group
    # misses nothing, where one may be made. Each is a lower bound.
    used_s = max(family.cpu_s(), own_s() - own_before, group.cpu_s)
    foreign_s = max(0.0, busy_s() - busy_before - used_s)
    # Clocks tick in hundredths of a second: rounding could make it more than all.
    share = min(1.0, foreign_s / (elapsed * (os.cpu_count() or 1)))
    return Run(_parse(program.system, printed), elapsed, foreign_s, share)


class _Family:
    """The processes that carry a tag in their environment, and their children.

    The tag finds daemons whose parent has ended; parentage finds processes that write their
    title over their environment, as Ray's workers do.
    """

    def __init__(self, tag: str, interval_s: float) -> None:
        self._marker = f"{_TAG}={tag}".encode()
        self._interval_s = interval_s
        self._strangers: set[tuple[int, int]] = set()
        self._cpu_s: dict[tuple[int, int], float] = {}  # (pid, start tick) -> CPU time so far
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def cpu_s(self) -> float:
        """CPU time of all members seen, those that have ended included."""
        return sum(self._cpu_s.values())

    def end(self, patience_s: float) -> None:
        """Wait for all members to end, kill those that do not; raises ProgramError at the worst."""
        self._stopped.set()
        self._thread.join()
        if not self._ended_within(patience_s):
            for pid in self._sample():
                with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                    os.kill(pid, signal.SIGKILL)
            if not self._ended_within(patience_s):
                raise ProgramError(f"processes {sorted(self._sample())} survive SIGKILL.")

    def _ended_within(self, limit_s: float) -> bool:
        deadline = time.monotonic() + limit_s
        while self._sample():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.25)
        return True

    def _watch(self) -> None:
        while not self._stopped.wait(self._interval_s):
            self._sample()

    def _sample(self) -> set[int]:
        """Update the CPU time of the living members; returns their process ids."""
        alive: set[int] = set()
        for pid in sorted(int(p.name) for p in Path("/proc").glob("[0-9]*")):
            try:
                stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
                state, parent, *rest = stat.split()
                key = (pid, int(rest[17]))
                if state == "Z" or key in self._strangers:
                    continue
                if not (key in self._cpu_s or int(parent) in alive or self._tagged(pid)):
                    self._strangers.add(key)
                    continue
                self._cpu_s[key] = (int(rest[9]) + int(rest[10])) / _TICKS
                alive.add(pid)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # ended while we looked, or belongs to another user
        return alive

    def _tagged(self, pid: int) -> bool:
        return self._marker in Path(f"/proc/{pid}/environ").read_bytes()


class _Group:
    """A control group of the kernel for a process and all that it starts, where one may be made.

    Attributes:
        cpu_s: what its members used until the end of the block; 0 where there is no group.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.cpu_s = 0.0

    @property
    def exists(self) -> bool:
        """Whether the kernel counts."""
        return self._folder is not None

    def __enter__(self) -> Self:
        self._folder: Path | None = _GROUPS / f"raylab-benchmark-{self._pid}"
        try:
            self._folder.mkdir()
            (self._folder / "cgroup.procs").write_text(str(self._pid), encoding="utf-8")
        except OSError:  # not ours to make, or another version of the kernel's interface
            self._folder = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            used_ns = int((self._folder / "cpuacct.usage").read_text(encoding="utf-8"))
            self.cpu_s = used_ns / 1e9
            with contextlib.suppress(OSError):  # a zombie may be left in it
                self._folder.rmdir()


def busy_s() -> float:
    """CPU seconds that the machine has spent on anything; stolen ones count as busy."""
    first = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, first.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def own_s() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _parse(system: str, printed: str) -> dict[str, float]:
    """The numbers in the last line that a program printed."""
    last = printed.strip().rpartition("\n")[2]
    try:
        metrics = json.loads(last)
        return {str(name): float(value) for name, value in metrics.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ProgramError(f"{system} printed no JSON object of numbers, but {last!r}.") from error


def _progress(number: int, system: str, run: Run, max_foreign_share: float) -> str:
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in run.metrics.items())
    note = "  DISTURBED" if run.disturbed(max_foreign_share) else ""
    return f"round {number}  {system}: {metrics}  (others: {run.foreign_share:.1%}){note}"
