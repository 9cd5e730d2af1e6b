"""A lazy frame has one value: that of the moment when it was written down."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path

import numpy as np
import pandas
import pytest

import raylab.frame as pd
from raylab.errors import FallbackError, MemoryBudgetError, SourceChangedError
from raylab.frame import support
from raylab.frame.execution import engine
from raylab.frame.execution.lowering import Lowering


@pytest.fixture
def frame() -> pandas.DataFrame:
    return pandas.DataFrame({"k": ["a", "b", "a"], "x": [1, 2, 3], "y": [0.5, None, 2.5]})


@pytest.fixture
def path(frame: pandas.DataFrame, tmp_path: Path) -> Path:
    file = tmp_path / "frame.parquet"
    frame.to_parquet(file)
    return file


def test_mutating_the_parent_leaves_the_child(frame: pandas.DataFrame, lazy: None) -> None:
    parent = pd.from_pandas(frame)
    child = parent[parent.x > 1]

    parent.iloc[2, 1] = 100
    parent["new"] = 1
    parent.loc[0, "y"] = -1.0

    assert child.x.tolist() == [2, 3]
    assert parent.x.tolist() == [1, 2, 100]
    assert frame.x.tolist() == [1, 2, 3]


def test_mutating_the_child_leaves_the_parent(path: Path) -> None:
    parent = pd.read_parquet(path)
    child = parent.copy()

    child["x"] = child.x * 10
    child.loc[0, "x"] = -1

    assert child.x.tolist() == [-1, 20, 30]
    assert parent.x.tolist() == [1, 2, 3]


def test_a_mask_written_before_an_assignment_still_applies(path: Path) -> None:
    df = pd.read_parquet(path)
    mask = df.x > 1

    df["x"] = df.x * 10

    assert df[mask].x.tolist() == [20, 30]
    assert support.fallbacks() == []


def test_results_can_be_written_to(path: Path) -> None:
    df = pd.read_parquet(path)
    df = df[df.x > 0]

    values = df.to_pandas()
    values.iloc[0, 1] = 7
    values["y"] += 1

    assert values.x.tolist() == [7, 2, 3]
    assert pd.read_parquet(path).x.tolist() == [1, 2, 3]


def test_an_overwritten_file_raises(path: Path, frame: pandas.DataFrame) -> None:
    df = pd.read_parquet(path)
    frame.assign(x=9).to_parquet(path)

    with pytest.raises(SourceChangedError, match="has changed since read_parquet"):
        df.x.sum()


def test_a_deleted_file_raises(path: Path) -> None:
    df = pd.read_parquet(path)
    path.unlink()

    with pytest.raises(SourceChangedError, match="is gone since read_parquet"):
        repr(df)


def test_a_frame_can_be_written_onto_its_own_source(path: Path) -> None:
    df = pd.read_parquet(path)
    df["x"] = df.x + 1

    df.to_parquet(path)

    assert pd.read_parquet(path).x.tolist() == [2, 3, 4]
    assert df.x.tolist() == [2, 3, 4]


def test_two_threads_compute_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    root = Lowering.root
    monkeypatch.setattr(Lowering, "root", lambda *a, **k: (runs.append(1), root(*a, **k))[1])
    df = pd.read_parquet(path)
    both = [df[df.x > 1], df[df.x > 1]]
    start = threading.Barrier(2)
    results: list[object] = []

    def work(lazy: pd.DataFrame) -> None:
        start.wait(10)
        results.append(lazy.to_pandas())

    threads = [threading.Thread(target=work, args=(lazy,)) for lazy in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(results) == 2
    assert len(runs) == 1


def test_pickle_ships_data_without_the_file(path: Path) -> None:
    df = pd.read_parquet(path)
    df.attrs["unit"] = "s"
    shipped = pickle.dumps(df[df.x > 1])
    path.unlink()

    restored = pickle.loads(shipped)

    assert type(restored) is pd.DataFrame
    assert restored.x.tolist() == [2, 3]
    assert restored.attrs == {"unit": "s"}


def test_attributes_travel_with_native_operations(path: Path) -> None:
    df = pd.read_parquet(path)
    df.attrs["unit"] = {"x": "s"}

    head = df.head(2)
    df.attrs["unit"]["x"] = "h"

    assert "_lazy" in head.__dict__
    assert head.attrs == {"unit": {"x": "s"}}


def test_copies_are_independent(path: Path) -> None:
    df = pd.read_parquet(path)
    deep = copy.deepcopy(df)

    deep["x"] = 0

    assert df.x.tolist() == [1, 2, 3]


def test_a_subclass_keeps_its_class_and_metadata() -> None:
    class Tagged(pd.DataFrame):
        _metadata = ["tag"]  # noqa: RUF012  as pandas documents it

        @property
        def _constructor(self) -> type:
            return Tagged

    tagged = Tagged({"x": [1, 2, 3]})
    tagged.tag = "mine"

    result = tagged[tagged.x > 1]

    assert type(result) is Tagged
    assert result.tag == "mine"


def test_names_are_checked_at_once(path: Path) -> None:
    df = pd.read_parquet(path)

    with pytest.raises(KeyError, match="nope"):
        df["nope"]
    with pytest.raises(KeyError, match="nope"):
        df.sort_values("nope")
    with pytest.raises(AttributeError, match="nope"):
        df.nope  # noqa: B018


def test_a_dtype_that_depends_on_data_is_that_of_pandas(
    path: Path, frame: pandas.DataFrame
) -> None:
    df = pd.read_parquet(path)
    full = df[["k"]].merge(df[["k", "x"]].drop_duplicates("k"), on="k", how="left")
    partial = df[["k"]].merge(df[df.x == 2][["k", "x"]], on="k", how="left")

    assert full.x.dtype == np.int64
    assert partial.x.dtype == np.float64
    assert partial[partial.x.notna()].x.dtype == np.float64
    assert (partial.x + 1).tolist()[1] == 3.0


def test_one_result_is_computed_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    root = Lowering.root
    monkeypatch.setattr(Lowering, "root", lambda *a, **k: (runs.append(1), root(*a, **k))[1])
    df = pd.read_parquet(path)
    sums = df.groupby("k", as_index=False).x.sum()

    best = sums[sums.x == sums.x.max()]
    assert best.k.tolist() == ["a"]
    before = len(runs)
    assert sums.x.tolist() == [4, 2]

    assert before <= 3
    assert len(runs) == before + 1  # the kept groups, put in order of the visible columns


def test_kept_results_stay_within_the_budget(path: Path) -> None:
    pd.set_option("raylab.cache_bytes", 0)
    df = pd.read_parquet(path)

    assert df[df.x > 1].x.tolist() == [2, 3]
    assert len(engine.CACHE) == 0


def test_memory_budget_is_kept(path: Path) -> None:
    pd.set_option("raylab.memory_budget", 10)

    with pytest.raises(MemoryBudgetError, match="memory_budget allows 10"):
        pd.read_parquet(path).to_pandas()


def test_a_fallback_is_counted_with_its_reason_and_place(path: Path) -> None:
    df = pd.read_parquet(path)
    df.merge(df, on="k", how="right_anti")
    pd.read_parquet(path).infer_objects()

    report = pd.fallback_report().set_index("operation")

    assert report.reason["DataFrame.merge"] == "argument how='right_anti'"
    assert "DataFrame.infer_objects" in report.index
    assert report.site.str.contains("test_value_semantics.py").all()


def test_fallback_can_be_refused(path: Path) -> None:
    pd.set_option("raylab.fallback", "raise")
    df = pd.read_parquet(path)

    with pytest.raises(FallbackError, match="DataFrame.infer_objects is not native"):
        df.infer_objects()
    assert df.head(1).x.tolist() == [1]
    assert len(repr(df)) > 0


def test_fallback_warns_once_per_place(path: Path, lazy: None) -> None:
    def call() -> None:
        pd.read_parquet(path).infer_objects()

    with pytest.warns(pd.FallbackWarning, match="infer_objects ran on pandas"):
        call()
    call()


def test_ambiguous_truth_raises_as_in_pandas(path: Path) -> None:
    df = pd.read_parquet(path)

    with pytest.raises(ValueError, match="truth value of a DataFrame is ambiguous"):
        bool(df)


@pytest.mark.parametrize("label", ["name", "index", "columns"])
def test_labels_like_attributes_keep_their_values(label: str) -> None:
    series = pd.Series([1, 2], index=[label, "x"])
    df = pd.DataFrame({label: [1, 2], "x": [3, 4]})

    assert series.tolist() == [1, 2]
    assert df[label].tolist() == [1, 2]
    assert df.dtypes[label] == np.int64


@pytest.mark.filterwarnings("ignore")
def test_rows_of_other_levels_are_not_assigned(lazy: None) -> None:
    index = pandas.MultiIndex.from_tuples([("a", "x", 0), ("a", "y", 1), ("b", "x", 2)])
    frame = pd.from_pandas(pandas.DataFrame({"u": [1.0, 2, 3], "v": [4.0, 5, 6]}, index=index))
    frame = frame.sort_index()

    with pytest.raises(TypeError, match="cannot align on a multi-index"):
        frame.loc["a"] *= 2
    assert frame["u"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.filterwarnings("ignore")
def test_computed_columns_are_written_like_those_of_one_block(path: Path) -> None:
    expected = pandas.DataFrame(np.arange(12).reshape(4, 3), columns=list("abc"))
    frame = pd.from_pandas(expected)
    frame = frame.assign(**{c: frame[c] + 0 for c in "abc"})
    expected.iloc[[0, 2], [0, 1]] = 7
    frame.iloc[[0, 2], [0, 1]] = 7

    pandas.testing.assert_frame_equal(frame.to_pandas(), expected)
