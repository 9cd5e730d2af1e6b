"""Fixtures of the frame's tests: clean options, cache and fallback counts for each test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas
import pytest

import raylab.frame as pd
from raylab.frame import support

OPTIONS = (
    "execution",
    "npartitions",
    "target_partition_bytes",
    "lazy_threshold_rows",
    "fallback",
    "memory_budget",
    "cache_bytes",
)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Each test starts without kept results and fallbacks, and leaves the options as they were."""
    pd.clear_cache()
    support.clear_fallbacks()
    yield
    for name in OPTIONS:
        pd.reset_option(f"raylab.{name}")
    pd.clear_cache()


@pytest.fixture
def lazy() -> None:
    """Frames in memory are lazy, whatever their size."""
    pd.set_option("raylab.lazy_threshold_rows", 0)


@pytest.fixture(scope="session")
def table() -> pandas.DataFrame:
    """A frame with all native kinds of columns, repeated keys and missing values."""
    rng = np.random.default_rng(7)
    rows = 200
    words = np.array(["apple", "Banana", "cherry pie", "", "zo\u00eb", "a.b"], dtype=object)
    frame = pandas.DataFrame(
        {
            "key": rng.integers(0, 7, rows),
            "small": rng.integers(-100, 100, rows).astype("int32"),
            "x": rng.normal(size=rows).round(2),
            "y": rng.normal(size=rows),
            "name": words[rng.integers(0, len(words), rows)],
            "flag": rng.integers(0, 2, rows).astype(bool),
            "day": pandas.Timestamp("2024-01-30")
            + pandas.to_timedelta(rng.integers(0, 900, rows), "D"),
        }
    ).astype({"name": "str"})
    frame.loc[rng.integers(0, rows, 30), "y"] = np.nan
    frame.loc[rng.integers(0, rows, 20), "name"] = None
    frame["when"] = frame["day"].where(rng.random(rows) > 0.1)
    return frame
