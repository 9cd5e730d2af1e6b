"""Peak memory of a process and its descendants, Ray's workers and object store included."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self


class PeakMemory:
    """Samples the proportional set size of this process tree twice a second.

    The proportional size divides a shared page among its users, so that an object that three
    workers map counts once. Reading it walks the page tables: leave it off while timing.

    Attributes:
        peak_bytes: the largest sum seen; 0 when not enabled.
    """

    def __init__(self, *, enabled: bool = True, interval_s: float = 0.5) -> None:
        self.peak_bytes = 0
        self._enabled = enabled
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start sampling."""
        if self._enabled:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sampling, after a last sample."""
        self._stopped.set()
        if self._enabled:
            self._thread.join()

    def _watch(self) -> None:
        while True:
            stopped = self._stopped.wait(self._interval_s)
            self.peak_bytes = max(self.peak_bytes, _tree_bytes(os.getpid()))
            if stopped:
                return


def _tree_bytes(root: int) -> int:
    """Proportional set size of a process and all its descendants."""
    total, waiting = 0, [root]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}")
        try:
            for line in (folder / "smaps_rollup").read_text(encoding="utf-8").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
            for task in (folder / "task").iterdir():
                children = (task / "children").read_text(encoding="utf-8")
                waiting += [int(child) for child in children.split()]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended while we looked
    return total
