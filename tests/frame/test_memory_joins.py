"""Joins of rows in memory that need no engine, because nothing is built upon them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

import raylab.frame as pd
from raylab.frame.execution import engine


@pytest.fixture(autouse=True)
def engine_runs(monkeypatch: pytest.MonkeyPatch, lazy: None) -> list[int]:
    """Notes every run of the engine."""
    runs: list[int] = []
    own: Any = engine.collect

    def noting(frame: Any) -> Any:
        runs.append(1)
        return own(frame)

    monkeypatch.setattr(engine, "collect", noting)
    return runs


def _sides() -> tuple[pandas.DataFrame, pandas.DataFrame]:
    rng = np.random.default_rng(2)
    left = pandas.DataFrame({"k": rng.integers(0, 30, 500), "x": rng.normal(size=500)})
    right = pandas.DataFrame({"k": rng.permutation(40)[:25], "x": np.arange(25), "s": "text"})
    return left, right.astype({"s": "str"})


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer", "left_anti"])
def test_the_whole_result_is_pandas_own(how: Any, engine_runs: list[int]) -> None:
    left, right = _sides()

    found = pd.from_pandas(left).merge(pd.from_pandas(right), how=how, on="k").to_pandas()

    pandas.testing.assert_frame_equal(found, left.merge(right, how=how, on="k"))
    assert engine_runs == []
    assert not len(pd.fallback_report())


def test_what_is_built_upon_it_is_the_engines(engine_runs: list[int]) -> None:
    left, right = _sides()
    joined = pd.from_pandas(left).merge(pd.from_pandas(right), on="k", suffixes=("", "_y"))

    sums = joined.groupby("s").x.sum().to_pandas()

    expected = left.merge(right, on="k", suffixes=("", "_y"))
    pandas.testing.assert_series_equal(sums, expected.groupby("s").x.sum())
    assert engine_runs == [1]
    assert "joined in memory" in joined.explain("physical")
    assert "joined in memory" not in joined[["x"]].explain("physical")


def test_rows_are_those_of_the_moment_of_the_join() -> None:
    left, right = _sides()
    one, other = pd.from_pandas(left), pd.from_pandas(right)
    joined = one.merge(other, on="k")
    expected = left.merge(right, on="k")

    one.loc[:, "x"] = 0.0
    other.loc[0, "k"] = 99

    pandas.testing.assert_frame_equal(joined.to_pandas(), expected)


def test_columns_that_were_chosen_or_renamed_before() -> None:
    left, right = _sides()
    one = pd.from_pandas(left).rename(columns={"x": "left"})[["left", "k"]]

    found = one.merge(pd.from_pandas(right)[["k", "s"]], on="k").to_pandas()

    expected = left.rename(columns={"x": "left"})[["left", "k"]].merge(right[["k", "s"]], on="k")
    pandas.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("repeated", [False, True])
def test_text_keys_are_looked_up_unless_they_repeat(repeated: bool, engine_runs: list[int]) -> None:
    rng = np.random.default_rng(4)
    words = np.array([f"w{n}" for n in range(60)])
    left = pandas.DataFrame({"s": words[rng.integers(0, 60, 400)], "x": np.arange(400)})
    right = pandas.DataFrame({"s": words[20:], "y": np.arange(40), "b": np.arange(40) % 2 == 0})
    left, right = left.astype({"s": "str"}), right.astype({"s": "str"})
    right = pandas.concat([right, right[:3]], ignore_index=True) if repeated else right

    for how in ("inner", "left"):
        found = pd.from_pandas(left).merge(pd.from_pandas(right), how=how, on="s").to_pandas()
        pandas.testing.assert_frame_equal(found, left.merge(right, how=how, on="s"))

    assert bool(engine_runs) == repeated


def test_changes_of_the_result_reach_neither_side() -> None:
    left = pandas.DataFrame({"k": [0, 1, 2], "x": [1.0, 2.0, 3.0]})
    right = pandas.DataFrame({"k": [2, 1, 0], "y": [4.0, 5.0, 6.0]})
    one, other = pd.from_pandas(left), pd.from_pandas(right)

    for how in ("left", "right"):
        joined = one.merge(other, how=how, on="k")
        joined.loc[:, ["x", "y"]] = 0.0
        joined.iloc[0, 0] = 9

    pandas.testing.assert_frame_equal(one.to_pandas(), left)
    pandas.testing.assert_frame_equal(other.to_pandas(), right)
    assert left.x.tolist() == [1.0, 2.0, 3.0]


def test_partitions_are_the_engines() -> None:
    left, right = _sides()
    joined = pd.from_pandas(left).merge(pd.from_pandas(right), on="k")

    assert "joined in memory" in joined.explain("physical")
    pd.set_option("raylab.npartitions", 3)
    assert "joined in memory" not in joined.explain("physical")


def test_functions_of_groups_are_called_once_in_the_order_of_the_groups() -> None:
    left, _ = _sides()
    seen: list[Any] = []

    def middle(group: Any) -> float:
        seen.append(group.name)
        return float(group["x"].median())

    found = pd.from_pandas(left).groupby("k")[["x"]].apply(middle).to_pandas()

    pandas.testing.assert_series_equal(found, left.groupby("k")[["x"]].apply(middle))
    assert seen == sorted(set(left.k)) * 2


def test_a_function_that_raises_names_its_group() -> None:
    left, _ = _sides()

    def refuse(group: Any) -> Any:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        pd.from_pandas(left).groupby("k")[["x"]].apply(refuse).to_pandas()

    assert any("in group 0" in note for note in caught.value.__notes__)
