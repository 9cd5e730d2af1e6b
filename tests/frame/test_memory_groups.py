"""Groups of rows in memory: pandas' values to the last bit, whatever the keys are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import raylab.frame as pd
from raylab.frame.execution import codes, memory_groups

FUNCTIONS = ["sum", "mean", "min", "max", "count", "std", "var", "median", "size"]
NUMBERS = [0.0, 1.5, -2.25, 0.1, 1e300, float("inf"), float("nan")]


@pytest.fixture(autouse=True)
def small_frames_are_grouped_so(monkeypatch: pytest.MonkeyPatch, lazy: None) -> list[bool]:
    """Notes for each groupby of the engine whether its groups were found in memory."""
    monkeypatch.setattr(memory_groups, "_FEWEST_ROWS", 1)
    monkeypatch.setattr(memory_groups, "_FEW_GROUPS", 0)
    noted: list[bool] = []
    own: Any = memory_groups.groups_in_memory

    def noting(*args: Any, **kwargs: Any) -> Any:
        found = own(*args, **kwargs)
        noted.append(found is not None)
        return found

    monkeypatch.setattr("raylab.frame.execution.lowering.groups_in_memory", noting)
    return noted


@st.composite
def frames(draw: st.DrawFn) -> pandas.DataFrame:
    """Keys of all kinds that have codes, and some that have none, beside numbers."""
    rows = draw(st.integers(1, 40))

    def values(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    text = st.sampled_from(["", "a", "B", "zo\u00eb", "ab"])
    return pandas.DataFrame(
        {
            "i": np.array(values(st.integers(-3, 4)), dtype="int64"),
            "far": np.array(values(st.sampled_from([-(2**62), 7, 2**62])), dtype="int64"),
            "s": pandas.Series(values(st.one_of(st.none(), text)), dtype="str"),
            "t": pandas.Series(values(text), dtype="str"),
            "n": np.array(values(st.integers(-(2**62), 2**62)), dtype="int64"),
            "x": np.array(values(st.sampled_from(NUMBERS)), dtype="float64"),
        }
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames(),
    st.lists(st.sampled_from(["i", "far", "s", "t"]), min_size=1, max_size=4, unique=True),
    st.sampled_from(FUNCTIONS),
    st.booleans(),
    st.booleans(),
)
def test_any_keys_and_functions_are_as_in_pandas(
    frame: pandas.DataFrame, keys: list[str], function: str, dropna: bool, sort: bool
) -> None:
    def question(df: Any) -> Any:
        groups = df.groupby(keys, dropna=dropna, sort=sort)
        return groups.size() if function == "size" else getattr(groups[["n", "x"]], function)()

    with np.errstate(all="ignore"):
        expected = question(frame)

    found = question(pd.from_pandas(frame)).to_pandas()

    if expected.ndim == 1:
        pandas.testing.assert_series_equal(found, expected)
    else:
        pandas.testing.assert_frame_equal(found, expected, rtol=1e-12)


@pytest.mark.parametrize("keys", [["i"], ["s"], ["i", "s"], ["i", "s", "j", "t"]])
def test_sums_have_pandas_last_bits(
    keys: list[str], small_frames_are_grouped_so: list[bool]
) -> None:
    rng = np.random.default_rng(3)
    words = np.array([f"w{n:03d}" for n in range(300)])
    columns: dict[str, Any] = {
        "i": rng.integers(-50, 50, 5_000),
        "j": rng.integers(0, 5_000, 5_000),
        "s": words[rng.integers(0, 300, 5_000)],
        "t": words[rng.integers(0, 300, 5_000)],
        "x": rng.lognormal(3, 4, 5_000),
    }
    frame = pandas.DataFrame(columns).astype({"s": "str", "t": "str"})
    frame.loc[rng.integers(0, 5_000, 40), "s"] = None

    found = pd.from_pandas(frame).groupby(keys).agg(a=("x", "sum"), b=("x", "mean"), n=("i", "max"))

    expected = frame.groupby(keys).agg(a=("x", "sum"), b=("x", "mean"), n=("i", "max"))
    pandas.testing.assert_frame_equal(found.to_pandas(), expected, check_exact=True)
    assert small_frames_are_grouped_so == [True]


def test_rows_that_are_filtered_or_computed_are_the_engines(
    small_frames_are_grouped_so: list[bool],
) -> None:
    frame = pandas.DataFrame({"k": [1, 2, 1, 2], "x": [1.0, 2.0, 3.0, 4.0]})
    df = pd.from_pandas(frame)

    found = df[df.x > 1].groupby("k").x.sum().to_pandas()

    pandas.testing.assert_series_equal(found, frame[frame.x > 1].groupby("k").x.sum())
    assert small_frames_are_grouped_so == [False]


def test_few_groups_by_whole_numbers_are_the_engines(
    monkeypatch: pytest.MonkeyPatch, small_frames_are_grouped_so: list[bool]
) -> None:
    monkeypatch.setattr(memory_groups, "_FEW_GROUPS", 4)
    frame = pandas.DataFrame({"k": [1, 5, 1, 4], "j": [1, 4, 4, 1], "x": [1.0, 2.0, 3.0, 4.0]})
    df = pd.from_pandas(frame)

    for key in ("j", "k"):
        found = df.groupby(key).x.sum().to_pandas()
        pandas.testing.assert_series_equal(found, frame.groupby(key).x.sum())

    assert small_frames_are_grouped_so == [False, True]


def test_many_keys_whose_codes_do_not_fit_are_the_engines() -> None:
    far = codes.Codes(np.arange(3), 1 << 40)

    assert codes.combined([far, far]) is None
    assert codes.combined([far]) is far


def test_codes_that_are_too_large_together_are_counted_anew(
    monkeypatch: pytest.MonkeyPatch, small_frames_are_grouped_so: list[bool]
) -> None:
    monkeypatch.setattr(codes, "_LARGEST", 15)
    keys = [f"k{n:03d}" for n in (5, 105, 905, 5, 105)]  # 10 codes, of which 3 are there
    frame = pandas.DataFrame(
        {"s": pandas.Series(keys, dtype="str"), "t": ["a", "b", "a", "a", "b"]}
    )
    frame["x"] = [1.0, 2.0, 3.0, 4.0, 5.0]

    found = pd.from_pandas(frame).groupby(["s", "t"]).x.sum().to_pandas()

    pandas.testing.assert_series_equal(found, frame.groupby(["s", "t"]).x.sum())
    assert small_frames_are_grouped_so == [True]
