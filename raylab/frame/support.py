"""What runs natively, and what falls back to pandas: declared, counted, and refusable.

Native methods register themselves by the decorator ``native`` in ``raylab.frame.facade.base``;
the arguments that a method supports are the parameters of its native form. Whatever else is asked
of a lazy frame goes through ``record``.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from raylab.errors import FallbackError
from raylab.frame import settings
from raylab.runtime.metrics import publish


class FallbackWarning(UserWarning):
    """An operation ran on pandas because it has no native form."""


@dataclass
class Fallback:
    """One kind of fallback at one place of the user's code."""

    operation: str
    reason: str
    site: str
    count: int = 0
    rows: int = 0
    seconds: float = 0.0


NATIVE: dict[tuple[str, str], Callable[..., Any]] = {}
"""The native form of each method, by the pandas class and the method's name."""

TRIGGERS = frozenset(
    [
        "__array__",
        "__arrow_c_stream__",
        "__dataframe__",
        "__getstate__",
        "__iter__",
        "__len__",
        "__reduce__",
        "__reduce_ex__",
        "__repr__",
        "_repr_html_",
        "_repr_latex_",
        "_repr_mimebundle_",
        "array",
        "axes",
        "empty",
        "equals",
        "index",
        "info",
        "item",
        "items",
        "iterrows",
        "itertuples",
        "memory_usage",
        "nbytes",
        "shape",
        "size",
        "tolist",
        "to_csv",
        "to_dict",
        "to_excel",
        "to_feather",
        "to_html",
        "to_json",
        "to_latex",
        "to_markdown",
        "to_numpy",
        "to_parquet",
        "to_pickle",
        "to_records",
        "to_sql",
        "to_string",
        "to_xarray",
        "values",
        "__setitem__",
        "_materialise",
        "to_pandas",
        "copy",
        "__deepcopy__",
        "__copy__",
    ]
)
"""Methods that ask for the data itself: they compute, but nothing falls back."""

_MACHINERY = frozenset(("raylab.frame.support", "contextlib"))
_WRAPPERS = frozenset(
    (
        "method",
        "printed",
        "written",
        "indexer",
        "adopted",
        "_mgr",
        "_materialise",
        "__getattribute__",
    )
)
"""Functions around pandas' methods, which do not tell what the user called."""

_fallbacks: dict[tuple[str, str, str], Fallback] = {}
_warned: set[tuple[str, str]] = set()
_lock = threading.Lock()
_active = threading.local()


@contextmanager
def falling_back(operation: str, reason: str) -> Iterator[None]:
    """Marks the pandas code inside as a fallback of this operation.

    Raises:
        FallbackError: ``pd.options.raylab.fallback`` is "raise".
    """
    outer = getattr(_active, "operation", None)
    if outer is None:
        asking = _asking_method()
        if asking is not None and asking != operation:
            operation, reason = asking, f"{operation}: {reason}"
        _refuse(operation, reason)
    _active.operation = outer or (operation, reason)
    try:
        yield
    finally:
        _active.operation = outer


@contextmanager
def materialising() -> Iterator[Callable[[int], None]]:
    """Counts the computation inside if a fallback asked for it; yields a setter of the rows."""
    asked = getattr(_active, "operation", None)
    operation, reason = asked or (_asking_method() or "_materialise", "no native form")
    rows = 0

    def set_rows(value: int) -> None:
        nonlocal rows
        rows = value

    is_fallback = operation.rpartition(".")[2] not in TRIGGERS
    if is_fallback and asked is None:
        _refuse(operation, reason)
    start = time.perf_counter()
    yield set_rows
    if is_fallback:
        record(operation, reason, rows, time.perf_counter() - start)


def record(operation: str, reason: str, rows: int, seconds: float) -> None:
    """Counts a fallback and warns once per place when it was not small."""
    site = user_site()
    with _lock:
        key = (operation, reason, site)
        entry = _fallbacks.setdefault(key, Fallback(operation, reason, site))
        entry.count += 1
        entry.rows += rows
        entry.seconds += seconds
        first = (operation, site) not in _warned
        _warned.add((operation, site))
    publish("", "frame", {"frame_fallbacks": 1})
    if first and settings.get("fallback") == "warn" and rows >= settings.get("lazy_threshold_rows"):
        warnings.warn(
            f"{operation} ran on pandas ({reason}); pd.fallback_report() tells what it cost.",
            FallbackWarning,
            stacklevel=user_depth(),
        )


def fallbacks() -> list[Fallback]:
    """All fallbacks since the start, or since they were last cleared."""
    with _lock:
        return list(_fallbacks.values())


def clear_fallbacks() -> None:
    """Forgets the fallbacks counted so far."""
    with _lock:
        _fallbacks.clear()
        _warned.clear()


def _refuse(operation: str, reason: str) -> None:
    if settings.get("fallback") == "raise" and operation.rpartition(".")[2] not in TRIGGERS:
        raise FallbackError(
            f"{operation} is not native ({reason}). Use a native form, call to_pandas() first, "
            f"or set pd.options.raylab.fallback to 'warn'."
        )


def _is_internal(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__", "")
    return module.startswith(("pandas.", "raylab.frame")) or module in ("pandas", "contextlib")


def _asking_method() -> str | None:
    """The method of pandas that the user called, found on the stack: the outermost one."""
    frame: FrameType | None = sys._getframe(1)
    found: FrameType | None = None
    while frame is not None:
        if _is_internal(frame):
            module = frame.f_globals["__name__"]
            if module not in _MACHINERY and frame.f_code.co_name not in _WRAPPERS:
                found = frame
        elif found is not None:
            break
        frame = frame.f_back
    if found is None:
        return None
    owner = found.f_locals.get("self")
    prefix = "" if owner is None else f"{type(owner).__name__.removeprefix('Lazy')}."
    return f"{prefix}{found.f_code.co_name}"


def _user_frame() -> tuple[FrameType | None, int]:
    frame: FrameType | None = sys._getframe(1)
    depth = 1
    while frame is not None and _is_internal(frame):
        frame = frame.f_back
        depth += 1
    return frame, depth


def user_site() -> str:
    """File and line of the innermost frame of the stack that is the user's."""
    frame, _ = _user_frame()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"


def user_depth() -> int:
    """How many frames of the stack are not the user's: the stack level of a warning."""
    return _user_frame()[1]
