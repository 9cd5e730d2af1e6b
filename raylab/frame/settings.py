"""The options ``pd.options.raylab.*``, registered in pandas' own option system."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pandas as pd

_GIB = 1 << 30


def _one_of(*choices: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if value not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(map(repr, choices))}")

    return check


def _at_least(smallest: int) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            raise ValueError(f"{value!r} is not an integer of at least {smallest}")

    return check


def _optional(check: Callable[[Any], None]) -> Callable[[Any], None]:
    def checked(value: Any) -> None:
        if value is not None:
            check(value)

    return checked


_OPTIONS: dict[str, tuple[Any, str, Callable[[Any], None]]] = {
    "execution": (
        "auto",
        'Where plans run: "local" in this process, "ray" on the cluster, "auto" by their size.',
        _one_of("auto", "local", "ray"),
    ),
    "npartitions": (
        None,
        "The number of partitions of a plan; None leaves it to the planner.",
        _optional(_at_least(1)),
    ),
    "target_partition_bytes": (
        128 << 20,
        "The size of a partition that the planner aims at, in bytes.",
        _at_least(1),
    ),
    "lazy_threshold_rows": (
        100_000,
        "Frames in memory with fewer rows run on pandas itself; scanned files are always lazy.",
        _at_least(0),
    ),
    "cache_bytes": (
        2 * _GIB,
        "How much of computed results is kept for later plans, in bytes.",
        _at_least(0),
    ),
    "fallback": (
        "warn",
        'What a fallback of many rows does beside being counted: "warn", "silent" or "raise".',
        _one_of("warn", "silent", "raise"),
    ),
    "memory_budget": (
        None,
        "The largest result that becomes a pandas frame, in bytes; None means no limit.",
        _optional(_at_least(1)),
    ),
}

_cached: dict[str, Any] = {}


def _register() -> None:
    # The registry of pandas' own options, which its stubs leave out.
    register: Any = importlib.import_module("pandas._config.config").register_option
    for name, (default, text, check) in _OPTIONS.items():
        register(f"raylab.{name}", default, text, validator=check, cb=_forget)


def _forget(key: str) -> None:
    _cached.pop(key.rpartition(".")[2], None)


def get(name: str) -> Any:
    """The value of an option, by its name without the prefix ``raylab``."""
    try:
        return _cached[name]
    except KeyError:
        return _cached.setdefault(name, pd.get_option(f"raylab.{name}"))


_register()
