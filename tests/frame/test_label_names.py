"""Names given to the labels of a lazy frame: ``df.index.name = "id"``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal

import raylab.frame as pd
from raylab.frame import support


@pytest.fixture(params=["memory", "file"])
def made(request: pytest.FixtureRequest, lazy: None, tmp_path: Path) -> Callable[[], Any]:
    frame = pandas.DataFrame({"k": ["a", "b", "a"], "x": [1, 2, 3]})
    if request.param == "memory":
        return lambda: pd.DataFrame(frame).assign(x=lambda d: d["x"])
    frame.to_parquet(tmp_path / "frame.parquet")
    return lambda: pd.read_parquet(tmp_path / "frame.parquet")


def _named(df: Any) -> Any:
    df.index.name = "id"
    df.columns.name = "what"
    return df


def test_names_stay(made: Callable[[], Any]) -> None:
    df, expected = _named(made()), _named(made().to_pandas())

    assert df.index is df.index
    assert df.columns is df.columns
    assert_index_equal(df.columns, expected.columns)
    assert_frame_equal(df.reset_index().to_pandas(), expected.reset_index())
    assert_frame_equal(df[df["x"] > 1].to_pandas(), expected[expected["x"] > 1])
    assert support.fallbacks() == []
    assert_frame_equal(df.to_pandas(), expected)
    assert (df.index.name, df.columns.name) == ("id", "what")


def test_names_given_in_place_stay(made: Callable[[], Any]) -> None:
    df, expected = made(), made().to_pandas()
    for each in (df, expected):
        each.index.rename("id", inplace=True)
        each["y"] = each["x"] + 1

    assert_frame_equal(df.to_pandas(), expected)


def test_names_given_to_labels_after_computing_stay(made: Callable[[], Any]) -> None:
    df = made()
    index, columns = df.index, df.columns
    df.to_numpy()

    index.name = "id"
    columns.name = "what"

    assert (df.index.name, df.columns.name) == ("id", "what")


def test_a_copy_has_names_of_its_own(made: Callable[[], Any]) -> None:
    df = made()
    child = df[["x"]]

    df.columns.name = "what"

    assert child.columns.name is None


def test_names_of_a_series_stay(made: Callable[[], Any]) -> None:
    series, expected = made()["x"] + 1, made().to_pandas()["x"] + 1
    for each in (series, expected):
        each.index.name = "id"

    assert_series_equal(series.to_pandas(), expected)
    assert_frame_equal(series.reset_index().to_pandas(), expected.reset_index())


@pytest.mark.parametrize("dtype", ["object", "string[pyarrow]"])
def test_labels_of_another_dtype_stay(dtype: str, made: Callable[[], Any]) -> None:
    pd.set_option("raylab.fallback", "silent")  # such labels are pandas' own
    df, expected = made(), made().to_pandas()
    for each in (df, expected):
        each.columns = each.columns.astype(dtype)

    assert_frame_equal(df.to_pandas(), expected)
    assert df.columns.dtype == expected.columns.dtype


@pytest.mark.parametrize("label", ["*", "^k$", "^.*$", "^x", "x$", ""])
def test_labels_that_the_engine_would_take_for_patterns_are_labels(
    made: Callable[[], Any], label: str, tmp_path: Path
) -> None:
    pd.set_option("raylab.fallback", "silent")  # put back by the fixture
    plain = made().to_pandas().rename(columns={"x": label})
    plain.to_parquet(tmp_path / "labels.parquet")
    plain.to_csv(tmp_path / "labels.csv", index=False)
    plain.to_feather(tmp_path / "labels.feather")
    named = made()
    named.columns = ["k", label]
    frames = {
        "frame": pd.DataFrame(plain),
        "renamed": made().rename(columns={"x": label}),
        "named": named,
        "assigned": made().assign(**{label: lambda df: df["x"]}).drop(columns="x"),
        "parquet": pd.read_parquet(tmp_path / "labels.parquet"),
        "feather": pd.read_feather(tmp_path / "labels.feather"),
    }
    if label:
        frames["csv"] = pd.read_csv(tmp_path / "labels.csv")

    for source, df in frames.items():
        assert (df[df[label] > 1][label] + 1).tolist() == [3, 4], source
        assert df.groupby("k")[label].sum().to_dict() == {"a": 4, "b": 2}, source
        assert_frame_equal(df.rename(columns={"k": "key"}).to_pandas()[[label]], plain[[label]])


TITLED: dict[str, Callable[[Any], Any]] = {
    "a sum of groups": lambda d: d.groupby("k")[["x", "y"]].sum(),
    "groups by an array": lambda d: d.groupby([0, 1, 0, 1])[["x", "y"]].sum(),
    "a median of groups": lambda d: d.groupby("k")[["x", "y"]].median(),
    "the last position in groups": lambda d: d.groupby("k")[["x", "y"]].idxmax(),
    "an aggregation by names": lambda d: d.groupby("k").agg({"x": "max"}),
    "several aggregations": lambda d: d.groupby("k")[["x", "y"]].agg(["min", "max"]),
    "a named aggregation": lambda d: d.groupby("k").agg(most=("x", "max")),
    "a named aggregation of a column": lambda d: d.groupby("k")["x"].agg(most="max"),
    "groups as columns": lambda d: d.groupby("k", as_index=False)[["x", "y"]].sum(),
    "a column of groups as columns": lambda d: d.groupby("k", as_index=False)["x"].sum(),
    "sizes as a column": lambda d: d.groupby("k", as_index=False).size(),
    "a function of groups": lambda d: d.groupby("k")[["x", "y"]].apply(lambda g: g.head(1)),
    "a function of rows": lambda d: d[["x", "y"]].apply(lambda row: row * 2, axis=1),
    "a join": lambda d: d[["x"]].join(d[["y"]], how="outer"),
    "a merge": lambda d: d.merge(d, on="k"),
    "a merge with other labels": lambda d: d.merge(d.rename_axis(columns="other"), on="k"),
    "a merge in order": lambda d: d.merge(d, on="k", how="outer", sort=True),
    "sums": lambda d: d[["x", "y"]].sum(),
    "counts": lambda d: d.count(),
    "distinct values": lambda d: d.nunique(),
    "whether any": lambda d: (d[["x", "y"]] > 1).any(),
    "positions of the largest": lambda d: d[["x", "y"]].idxmax(),
    "aggregations": lambda d: d[["x", "y"]].agg(["sum", "max"]),
    "other columns": lambda d: d.reindex(columns=["y", "z"]),
    "columns of another frame": lambda d: d.reindex(columns=d.rename_axis(columns="o").columns),
    "a pivot table": lambda d: d.pivot_table(index="k", values=["x", "y"]),
    "resampled rows": lambda d: d.set_index("t")[["x", "y"]].resample("2D").sum(),
}


@pytest.mark.parametrize("npartitions", [1, 3])
@pytest.mark.parametrize("name", TITLED)
def test_the_name_of_the_column_labels_is_pandas(name: str, npartitions: int, lazy: None) -> None:
    pd.set_option("raylab.npartitions", npartitions)
    pd.set_option("raylab.fallback", "silent")
    frame = pandas.DataFrame(
        {
            "k": ["a", "b", "a", "b"],
            "x": [1, 2, 4, 3],
            "y": [2.0, 1.0, None, 3.0],
            "t": pandas.date_range("2024", periods=4),
        }
    ).rename_axis(columns="what")
    expected, result = TITLED[name](frame), TITLED[name](pd.from_pandas(frame)).to_pandas()

    assert result.index.names == expected.index.names
    if expected.ndim == 2:
        assert result.columns.names == expected.columns.names
