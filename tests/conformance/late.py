"""Errors that depend on values: raised where the lazy result is computed, not where it is written.

pandas' tests expect them inside ``with pytest.raises(...)``. Such a test fails here, and is told
apart from one in which the error never comes: what was made lazily inside the block is computed
at its end.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

_open_blocks: list[list[Any]] = []
_late: list[str] = []


def watch() -> None:
    """Makes ``pytest.raises`` look for errors that come late."""
    for name in ("dataframe", "series"):
        module = importlib.import_module(f"raylab.frame.facade.{name}")
        vars(module)["become"] = _noting(vars(module)["become"])
    vars(pytest)["raises"] = _watched(pytest.raises)


def take_late_errors() -> list[str]:
    """The types of the errors that came late since the last call."""
    found = list(_late)
    _late.clear()
    return found


def _noting(become: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        made = become(*args, **kwargs)
        if _open_blocks:
            _open_blocks[-1].append(made)
        return made

    return noted


def _watched(raises: Callable[..., Any]) -> Callable[..., Any]:
    def watching(expected: Any, *args: Any, **kwargs: Any) -> Any:
        block = raises(expected, *args, **kwargs)
        return block if args else _Block(block, expected)

    return watching


class _Block:
    def __init__(self, block: Any, expected: Any) -> None:
        self._block = block
        self._expected = expected

    def __enter__(self) -> Any:
        _open_blocks.append([])
        return self._block.__enter__()

    def __exit__(self, *raised: object) -> Any:
        made = _open_blocks.pop()
        if raised[0] is None:
            for lazy in made:
                try:
                    _ = lazy._mgr
                except self._expected as error:
                    _late.append(type(error).__name__)
                    break
        return self._block.__exit__(*raised)
