"""Results are of raylab's classes, also where pandas' code names its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest

import raylab.frame as pd

FRAME = pandas.DataFrame(
    {
        "k": ["a", "b", "a", "b"],
        "x": [1.0, 2.0, 4.0, 3.0],
        "y": [2.0, 1.0, 1.0, 3.0],
        "s": ["a1|b", "b2", "c3", "d|a1"],
        "t": pandas.date_range("2024", periods=4),
    }
)
NUMBERS = ["x", "y"]

RESULTS: dict[str, Callable[[Any], Any]] = {
    "rolling cov": lambda d: d[NUMBERS].rolling(2).cov(),
    "rolling corr": lambda d: d["x"].rolling(2).corr(d["y"]),
    "column of rolling": lambda d: d.rolling(2)["x"].cov(),
    "expanding": lambda d: d[NUMBERS].expanding().corr(pairwise=True),
    "ewm": lambda d: d["x"].ewm(com=1).cov(d["y"]),
    "groups": lambda d: d.groupby("k")[NUMBERS].rolling(2).cov(),
    "column of groups": lambda d: d.groupby("k")["x"].expanding().corr(),
    "ewm of groups": lambda d: d.groupby("k")["x"].ewm(com=1).cov(),
    "extract": lambda d: d["s"].str.extract(r"([a-z])(\d)"),
    "extract one": lambda d: d["s"].str.extract(r"(\d)", expand=False),
    "extractall": lambda d: d["s"].str.extractall(r"([a-z])(\d)"),
    "dummies": lambda d: d["s"].str.get_dummies(dtype=bool),
    "cat": lambda d: d["s"].str.cat(d["k"]),
    "split": lambda d: d["s"].str.split("|", expand=True),
    "components": lambda d: (d["t"] - d["t"].min()).dt.components,
    "isocalendar": lambda d: d["t"].dt.isocalendar(),
    "codes": lambda d: d["k"].astype("category").cat.codes,
    "describe": lambda d: d.groupby("k")["x"].describe(),
    "resample": lambda d: d.set_index("t")["x"].resample("2D").quantile(0.5),
}


@pytest.mark.parametrize("threshold", [0, 100])
@pytest.mark.parametrize("name", RESULTS)
def test_results_are_raylabs(name: str, threshold: int) -> None:
    pd.set_option("raylab.lazy_threshold_rows", threshold)
    pd.set_option("raylab.fallback", "silent")
    expected = RESULTS[name](FRAME)

    result = RESULTS[name](pd.DataFrame(FRAME))

    assert type(result) in (pd.DataFrame, pd.Series)
    same: Any = pandas.testing.assert_frame_equal
    if expected.ndim == 1:
        same = pandas.testing.assert_series_equal
    same(result.to_pandas(), expected)


def test_what_comes_from_arrow_is_raylabs() -> None:
    table = pd.DataFrame({"x": [1, 2]}).to_arrow()

    assert type(pd.DataFrame.from_arrow(table)) is pd.DataFrame
    assert type(pd.Series.from_arrow(table["x"])) is pd.Series


def test_equals_takes_pandas_own_classes_and_their_subclasses() -> None:
    class Named(pandas.Series):
        pass

    assert pd.Series([1, 2]).equals(Named([1, 2]))
    assert pd.DataFrame({"x": [1]}).equals(pandas.DataFrame({"x": [1]}))
    assert not pd.Series([1, 2]).equals(Named([1, 3]))


@pytest.mark.parametrize("threshold", [0, 1000])
@pytest.mark.parametrize("name", ["reset_index", "sort_values", "rename", "drop_duplicates"])
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_an_inplace_that_is_no_bool_is_refused(name: str, threshold: int) -> None:
    pd.set_option("raylab.lazy_threshold_rows", threshold)
    pd.set_option("raylab.fallback", "silent")
    series = pd.Series([2, 1])

    with pytest.raises(ValueError, match="expected type bool"):
        getattr(series, name)(inplace=1)
    with pytest.raises(TypeError, match="Cannot reset_index inplace on a Series"):
        series.reset_index(inplace=True)
    assert series.tolist() == [2, 1]


def test_a_flag_that_is_no_bool_is_refused() -> None:
    deprecated: Any = pandas.errors
    with (
        pytest.warns(deprecated.Pandas4Warning),
        pytest.raises(ValueError, match="expected type bool"),
    ):
        pd.Series([2, 1]).sort_values(inplace="True")


def test_a_ufunc_of_a_frame_and_a_series_is_refused() -> None:
    add3 = np.frompyfunc(lambda x, y, z: x + y + z, 3, 1)

    with pytest.raises(NotImplementedError, match="mixed DataFrame and Series"):
        add3(pd.Series([1]), pd.Series([1]), pd.DataFrame([[1]]))


@pytest.mark.parametrize("name", ["add", "equal", "arctan2"])
def test_a_ufunc_of_a_series_and_then_a_frame_is_refused(name: str) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})

    with pytest.raises(NotImplementedError, match="mixed DataFrame and Series"):
        getattr(np, name)(frame["a"], frame)


def test_a_ufunc_of_a_frame_and_then_a_series_is_the_operator() -> None:
    frame, row = pd.DataFrame({"a": [1, 2], "b": [3, 4]}), pd.Series([1, 2], index=["a", "b"])

    pandas.testing.assert_frame_equal(np.add(frame, row).to_pandas(), (frame + row).to_pandas())


@pytest.mark.parametrize("threshold", [0, 1000])
@pytest.mark.parametrize("npartitions", [1, 3])
def test_functions_see_objects_of_the_module_they_were_written_for(
    npartitions: int, threshold: int
) -> None:
    pd.set_option("raylab.lazy_threshold_rows", threshold)
    pd.set_option("raylab.npartitions", npartitions)
    pd.set_option("raylab.fallback", "silent")
    frame = pd.DataFrame(FRAME)

    rows = frame[NUMBERS].apply(lambda row: isinstance(row, pd.Series), axis=1)
    frames = frame.groupby("k")[NUMBERS].apply(lambda part: isinstance(part, pd.DataFrame))
    series = frame.groupby("k")["x"].apply(lambda part: isinstance(part, pd.Series))

    assert rows.all()
    assert frames.all()
    assert series.all()


def test_only_pandas_own_classes_pass_for_lazy_ones() -> None:
    class Named(pd.Series):
        pass

    assert isinstance(pandas.Series([1]), pd.Series)
    assert not isinstance(pandas.Series([1]), pd.DataFrame)
    assert not isinstance(pandas.Series([1]), Named)
    assert not isinstance(pandas.Index([1]), pd.Series)
    assert isinstance(Named([1]), pd.Series)


def test_merging_frames_of_pandas_gives_raylabs() -> None:
    merged = pd.merge(pandas.DataFrame({"a": [1]}), pandas.DataFrame({"a": [1], "b": [2]}))

    assert type(merged) is pd.DataFrame
