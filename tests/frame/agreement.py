"""What the tests of the breadth share: random frames, and the comparison with pandas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
from hypothesis import strategies as st

import raylab.frame as pd
from raylab.frame import support

Operation = Callable[[Any, Any], Any]

WORDS = ["", "a", "Ab", "ab c", "x.y", "\u00df\u01c6", "\u0391\u03a3", "\u0663", "\u00bd", " t\t", "12", "-5", "i\u0307"]  # fmt: skip
NUMBERS = [0.0, -0.0, 1.5, -2.25, 0.3, 1e300, 7.0, float("inf"), float("nan")]


@st.composite
def frames(draw: st.DrawFn, *, smallest: int = 0) -> pandas.DataFrame:
    """Numbers of several widths, text, bools, moments with and without a zone, spans."""
    rows = draw(st.integers(smallest, 12))

    def values(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    seconds = st.one_of(st.none(), st.integers(-(10**8), 10**8))
    moments = pandas.Series(
        pandas.to_timedelta(pandas.Series(values(seconds), dtype="float64"), unit="s")
    ).astype("timedelta64[us]") + pandas.Timestamp("2024-02-29 12:00").as_unit("us")
    return pandas.DataFrame(
        {
            "k": np.array(values(st.integers(-2, 3)), dtype="int64"),
            "i": np.array(values(st.integers(-(2**40), 2**40)), dtype="int64"),
            "small": np.array(values(st.integers(-128, 127)), dtype="int8"),
            "f": np.array(values(st.sampled_from(NUMBERS)), dtype="float64"),
            "g": np.array(values(st.sampled_from(NUMBERS)), dtype="float64"),
            "half": np.array(values(st.sampled_from(NUMBERS[:5])), dtype="float32"),
            "b": np.array(values(st.booleans()), dtype="bool"),
            "s": pandas.Series(values(st.one_of(st.none(), st.sampled_from(WORDS))), dtype="str"),
            "u": pandas.Series(values(st.sampled_from(WORDS)), dtype="str"),
            "t": moments,
            "z": moments.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
            "d": moments - pandas.Timestamp("2024-01-01").as_unit("us"),
        }
    )


def outcome(operation: Operation, library: Any, frame: Any) -> Any:
    """The computed result, or the exception."""
    try:
        result = operation(library, frame)
        return result.to_pandas() if hasattr(result, "to_pandas") else result
    except Exception as error:  # noqa: BLE001  compared with what pandas raises
        return error


def check(
    operation: Operation, table: pandas.DataFrame, *, native: bool = True, exact: bool = True
) -> None:
    """Asserts that pandas and raylab, in one and in three partitions, give the same.

    Args:
        operation: from the library and a frame to a result.
        table: the frame.
        native: nothing may fall back, unless pandas raises.
        exact: to the last bit; else to a relative 1e-12.
    """
    with np.errstate(all="ignore"):
        expected = outcome(operation, pandas, table.copy())
    pd.set_option("raylab.lazy_threshold_rows", 0)
    pd.set_option("raylab.fallback", "silent")
    for partitions in (1, 3):
        pd.set_option("raylab.npartitions", partitions)
        support.clear_fallbacks()
        lazy = pd.from_pandas(table)[list(table.columns)]
        result = outcome(operation, pd, lazy)
        assert_same(result, expected, exact=exact)
        if native and not isinstance(expected, Exception):
            assert support.fallbacks() == []


def assert_same(result: Any, expected: Any, *, exact: bool) -> None:
    """Equal values, dtypes, order, index and names; or an exception of the same type."""
    tolerance: dict[str, Any] = {"check_exact": True} if exact else {"rtol": 1e-12}
    if isinstance(result, Exception) and not isinstance(expected, Exception):
        raise result
    if isinstance(expected, pandas.DataFrame):
        pandas.testing.assert_frame_equal(result, expected, check_freq=False, **tolerance)
    elif isinstance(expected, pandas.Series):
        pandas.testing.assert_series_equal(result, expected, check_freq=False, **tolerance)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(result, expected)
    elif isinstance(expected, pandas.api.extensions.ExtensionArray):
        pandas.testing.assert_extension_array_equal(result, expected)
    else:
        assert type(result) is type(expected)
        if not isinstance(expected, Exception):
            both_missing = result != result and expected != expected
            assert result == expected or both_missing
