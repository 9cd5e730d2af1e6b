"""Results that triggers have computed, by the fingerprint of their node."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import polars as pl

from raylab.frame import settings
from raylab.frame.plan.nodes import Node


class ResultCache:
    """Keeps results while they fit ``cache_bytes``; the least recently used goes first.

    Thread-safe. Two threads that ask for one node compute it once.
    """

    def __init__(self) -> None:
        self._frames: OrderedDict[str, pl.DataFrame] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._running: dict[str, threading.Lock] = {}

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def nbytes(self) -> int:
        """The size of all that is kept."""
        return self._bytes

    def get(self, node: Node, columns: frozenset[str]) -> pl.DataFrame | None:
        """The node's rows with at least these columns, in its order, if they are kept."""
        return self._get(node.fingerprint, columns) if self._frames else None

    def _get(self, fingerprint: str, columns: frozenset[str]) -> pl.DataFrame | None:
        with self._lock:
            frame = self._frames.get(fingerprint)
            if frame is None or not columns <= frozenset(frame.columns):
                return None
            self._frames.move_to_end(fingerprint)
            return frame

    def put(self, fingerprint: str, frame: pl.DataFrame) -> None:
        """Keeps a node's rows, which must be in its order, if the budget allows."""
        size = int(frame.estimated_size())
        budget = settings.get("cache_bytes")
        if size > budget:
            return
        with self._lock:
            known = self._frames.pop(fingerprint, None)
            if known is not None:
                self._bytes -= int(known.estimated_size())
                new = [name for name in known.columns if name not in frame.columns]
                frame = frame.with_columns(known.select(new)) if new else frame
                size = int(frame.estimated_size())
            self._frames[fingerprint] = frame
            self._bytes += size
            while self._bytes > budget and len(self._frames) > 1:
                _, dropped = self._frames.popitem(last=False)
                self._bytes -= int(dropped.estimated_size())

    def compute_once(
        self, fingerprint: str, columns: frozenset[str], compute: Callable[[], pl.DataFrame]
    ) -> pl.DataFrame:
        """Rows with at least these columns: kept ones, or computed by one thread; others wait."""
        with self._lock:
            running = self._running.setdefault(fingerprint, threading.Lock())
        try:
            with running:
                frame = self._get(fingerprint, columns)
                if frame is None:
                    frame = compute()
                    self.put(fingerprint, frame)
                return frame
        finally:
            with self._lock:
                self._running.pop(fingerprint, None)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._frames.clear()
            self._bytes = 0


CACHE = ResultCache()
