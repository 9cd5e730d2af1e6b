"""Warnings that pandas raises inside raylab's wrappers name the user's line."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import raylab.frame as pd


def frame() -> Any:
    """Keys out of order, and a dtype that a fallback is needed for."""
    return pd.DataFrame({"k": [2, 1, 2], "t": pd.to_timedelta([1, None, 3], unit="s")})


WARNING: dict[str, Callable[[], Any]] = {
    "method": lambda: frame().sort_values("k", inplace=True),
    "method of a series": lambda: frame()["k"].rename("n", inplace=False),
    "pandas' own method": lambda: frame().set_axis([3, 4, 5], copy=False),
    "method that falls back": lambda: frame().sort_values(["k"], kind="heapsort", inplace=True),
    "function of the module": lambda: pd.concat([frame()], copy=False),
    "chained assignment": lambda: _assign_to_a_copy(),
}


def _assign_to_a_copy() -> None:
    frame()["k"] = 1


@pytest.mark.parametrize("threshold", [0, 100_000])
@pytest.mark.parametrize("name", WARNING)
def test_a_warning_of_pandas_names_the_users_line(name: str, threshold: int) -> None:
    pd.set_option("raylab.lazy_threshold_rows", threshold)
    pd.set_option("raylab.fallback", "silent")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WARNING[name]()

    assert caught
    assert {w.filename for w in caught} == {__file__}
