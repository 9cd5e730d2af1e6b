"""Threads that keep to cores of their own while a process has the whole machine.

The threads of an operation wait for the slowest. Where there is one thread for each core, whatever
wakes up for a moment pushes one of them aside, and the kernel's scheduler may then let two of them
share a core for milliseconds while another core has nothing to do. Threads that stay where they are
only wait for that moment. The numbers that they compute do not depend on it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_PARALLEL = 1 << 20
"""Elements of an operation that torch divides among all of its threads."""

_started: dict[int, tuple[int, ...]] = {}
"""Of each thread that computes with torch: those that torch started for it, once."""


def one_for_each_core(threads: int) -> bool:
    """Whether so many threads, more than one, are one for each core of the machine, all ours."""
    if threads < 2 or not hasattr(os, "sched_getaffinity"):
        return False
    return os.cpu_count() == threads and os.sched_getaffinity(0) == set(range(threads))


class TorchThreads:
    """The calling thread and those that torch starts for it.

    Args:
        threads: by which torch computes in this process from now on.
    """

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        self._caller = threading.get_native_id()
        self._workers: tuple[int, ...] = ()
        if one_for_each_core(threads):
            if self._caller not in _started:
                _started[self._caller] = _start(threads - 1)
            self._workers = _started[self._caller]

    @contextmanager
    def on_own_cores(self) -> Iterator[None]:
        """Keep them to one core each, where they are one for each core of the machine.

        A thread that is started meanwhile inherits the core of the one that starts it.
        """
        computing = (self._caller, *self._workers)
        is_caller = threading.get_native_id() == self._caller
        if not (is_caller and one_for_each_core(len(computing)) and _are_alive(computing)):
            yield
            return
        try:
            for core, thread in enumerate(computing):
                os.sched_setaffinity(thread, {core})
            yield
        finally:
            for thread in computing:
                os.sched_setaffinity(thread, range(len(computing)))


def _are_alive(threads: tuple[int, ...]) -> bool:
    """Whether they are all there: torch ends its threads when it is told another number."""
    return all(Path(f"/proc/self/task/{thread}").exists() for thread in threads)


def _start(workers: int) -> tuple[int, ...]:
    """Let torch start its threads; return their ids, or nothing where that cannot be told."""
    before = set(os.listdir("/proc/self/task"))
    torch.zeros(_PARALLEL).add_(1.0)
    started = sorted(int(thread) for thread in set(os.listdir("/proc/self/task")) - before)
    return tuple(started) if len(started) == workers else ()
