"""The native operations that were promised, one by one: native, fallen back, or wrong.

``python -m tests.frame.audit`` prints the table; ``test_audit.py`` holds it to what is known.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pandas

import raylab.frame as pd
from raylab.frame import support
from tests.frame.promised_rows import (
    ARITHMETIC,
    GROUPBY,
    MERGE,
    ORDER,
    REDUCTIONS,
    SELECTION,
    Operation,
)
from tests.frame.promised_values import CATEGORIES, FUNCTIONS, MOMENTS, RESHAPING, TEXT, WINDOWS

"""From pandas or raylab.frame, and a frame, to a result."""


def random_frame(seed: int, rows: int = 60) -> pandas.DataFrame:
    """Keys, numbers, text, moments and spans; most of them with missing values."""
    rng = np.random.default_rng(seed)

    def missing(values: Any, share: float = 0.15) -> pandas.Series:
        return pandas.Series(values).mask(pandas.Series(rng.random(rows) < share))

    words = np.array(["apple", "Banana", "cherry pie", "", "zo\u00eb", "a.b", " x "], dtype=object)
    start = pandas.Timestamp("2024-01-01").as_unit("us")
    hours = pandas.to_timedelta(pandas.Series(np.sort(rng.integers(0, 24 * 60, rows))), unit="h")
    times = start + hours.astype("timedelta64[us]")
    return pandas.DataFrame(
        {
            "k": rng.integers(0, 5, rows),
            "g": missing(words[rng.integers(0, 4, rows)]).astype("str"),
            "i": rng.integers(-50, 50, rows),
            "n": rng.integers(-100, 100, rows).astype("int32"),
            "x": rng.normal(size=rows).round(2),
            "y": missing(rng.normal(size=rows).round(1)),
            "b": rng.random(rows) < 0.5,
            "s": missing(words[rng.integers(0, len(words), rows)]).astype("str"),
            "u": words[rng.integers(0, len(words), rows)],
            "t": missing(start + pandas.to_timedelta(rng.integers(0, 5_000_000, rows), unit="s")),
            "o": times,
            "d": missing(pandas.to_timedelta(rng.integers(-9_000, 9_000, rows), unit="s")),
            "w": rng.integers(0, 9, rows).astype(str),
        }
    ).astype({"u": "str", "t": "datetime64[us]", "d": "timedelta64[us]", "w": "str"})


TOPICS: dict[str, dict[str, Operation]] = {
    "selection": SELECTION,
    "arithmetic": ARITHMETIC,
    "reductions": REDUCTIONS,
    "groupby": GROUPBY,
    "merge": MERGE,
    "order": ORDER,
    "text": TEXT,
    "moments": MOMENTS,
    "categories": CATEGORIES,
    "windows": WINDOWS,
    "reshaping": RESHAPING,
    "functions": FUNCTIONS,
}


FALLS_BACK: dict[str, frozenset[str]] = {
    "selection": frozenset(("map dict floats", "factorize")),
    "arithmetic": frozenset(("frame other columns", "subset of rows")),
    "reductions": frozenset(
        (
            "mode of frame",
            "any of frame",
            "all of frame",
            "min of all",
            "max of text",
            "idxmax by row",
            "mean of dates",
            "mean of spans",
            "std of dates",
            "value_counts bins",
            "value_counts frame normalize",
            "agg named",
            "describe text",
            "describe dates",
            "describe all",
            "corr spearman",
            "corrwith",
            "is_monotonic",
            "hasnans",
        )
    ),
    "groupby": frozenset(
        (
            "transform frame lambda",
            "ngroups",
            "groups",
            "nth dropna",
            "sum of text",
            "mean of dates",
            "value_counts",
            "value_counts frame",
            "describe",
            "corr",
            "unique",
            "by Grouper",
            "by category unobserved",
            "resample",
            "sample",
        )
    ),
    "merge": frozenset(("by level names", "merge_asof nearest", "merge_ordered")),
    "order": frozenset(("concat aligned columns",)),
    "text": frozenset(
        (
            "replace callable",
            "split expand",
            "partition",
            "extract numbered",
            "extractall",
            "findall",
            "cat",
            "get_dummies",
            "encode",
            "translate",
        )
    ),
    "moments": frozenset(
        (
            "dt.date",
            "dt.time",
            "to_period",
            "isocalendar",
            "isocalendar week",
            "to_datetime coerce",
            "to_datetime unit",
            "to_datetime parts",
            "to_timedelta",
            "to_numeric downcast",
        )
    ),
    "categories": frozenset(
        ("value_counts", "text", "rename", "remove_unused", "set", "add", "as_ordered", "fillna")
    ),
    "windows": frozenset(
        (
            "rolling apply",
            "rolling corr",
            "rolling cov",
            "rolling triangular",
            "rolling step",
            "shift freq",
            "interpolate",
            "resample ffill",
            "asfreq",
        )
    ),
    "reshaping": frozenset(
        (
            "top melt",
            "pivot_table several",
            "pivot_table margins",
            "cut",
            "cut intervals number",
            "qcut intervals",
            "wide_to_long",
        )
    ),
    "functions": frozenset(
        (
            "apply columns",
            "apply columns series",
            "apply ufunc",
            "map frame",
            "transform",
            "transform name",
        )
    ),
}
"""What is known to run on pandas."""


def value(operation: Operation, library: Any, frame: Any) -> Any:
    """The computed result, or what was raised."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = operation(library, frame)
            return result.to_pandas() if hasattr(result, "to_pandas") else result
        except Exception as error:  # noqa: BLE001  compared with what pandas raises
            return error


def verdict(operation: Operation, table: pandas.DataFrame) -> str:
    """``native``, ``falls back: why`` or ``wrong: how`` at threshold 0; the options are the caller's."""
    expected = value(operation, pandas, table.copy())
    support.clear_fallbacks()
    result = value(operation, pd, pd.from_pandas(table)[list(table.columns)])
    try:
        assert_equal(result, expected)
    except AssertionError as difference:
        return f"wrong: {' '.join(str(difference).split())[:300]}"
    except Exception as error:  # noqa: BLE001  a verdict, too
        return f"wrong: {type(error).__name__} {error}"
    fallen = support.fallbacks()
    if fallen and not isinstance(expected, Exception):
        return f"falls back: {fallen[0].operation} ({fallen[0].reason})"
    return "native"


def assert_equal(result: Any, expected: Any) -> None:
    """Equal values, dtypes, order, index and names; or exceptions of the same type."""
    if isinstance(result, Exception) and not isinstance(expected, Exception):
        raise result
    if isinstance(expected, pandas.DataFrame):
        pandas.testing.assert_frame_equal(result, expected, rtol=1e-12)
    elif isinstance(expected, pandas.Series):
        pandas.testing.assert_series_equal(result, expected, rtol=1e-12)
    elif isinstance(expected, pandas.Index):
        pandas.testing.assert_index_equal(result, expected)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(result, expected)
    elif isinstance(expected, pandas.api.extensions.ExtensionArray):
        pandas.testing.assert_extension_array_equal(result, expected)
    else:
        assert type(result) is type(expected), f"{type(result)} is not {type(expected)}: {result!r}"
        if isinstance(expected, float):
            np.testing.assert_allclose(result, expected, rtol=1e-12)
        elif not isinstance(expected, Exception):
            assert result == expected or result is expected


def main(topics: list[str]) -> None:
    """Prints a line for each operation that is not native, and a count for each topic."""
    pd.set_option("raylab.lazy_threshold_rows", 0)
    pd.set_option("raylab.fallback", "silent")
    table = random_frame(1)
    for topic, operations in TOPICS.items():
        if topics and topic not in topics:
            continue
        native = 0
        for name, operation in operations.items():
            found = verdict(operation, table)
            native += found == "native"
            if found != "native":
                print(f"{topic:12} {name:28} {found}", flush=True)
        print(f"{topic:12} {native} of {len(operations)} native\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
