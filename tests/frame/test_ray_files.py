"""Files and datasets on the Ray runner: rows go from where they are to where they stay."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas
import pyarrow as pa
import pytest
import ray.data

import raylab.frame as pd
from raylab.frame.execution import remote
from raylab.frame.facade.persistence import stored_partitions

pytestmark = [
    pytest.mark.usefixtures("cluster"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # Ray Data sets its own defaults
]


@pytest.fixture(autouse=True)
def on_ray() -> None:
    ray.data.DataContext.get_current().enable_progress_bars = False
    pd.set_option("raylab.execution", "ray")
    pd.set_option("raylab.npartitions", 2)
    pd.set_option("raylab.target_partition_bytes", 1000)
    pd.set_option("raylab.lazy_threshold_rows", 0)


@pytest.fixture
def parquet(table: pandas.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    table.to_parquet(path, row_group_size=50)
    return path


def test_parts_do_not_pass_this_process(
    table: pandas.DataFrame, parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []
    own_memory = remote.own_memory
    monkeypatch.setattr(remote, "own_memory", lambda f: (fetched.append(f.width), own_memory(f))[1])
    df = pd.read_parquet(parquet)

    df[df["x"] > 0].to_parquet(tmp_path / "parts", parts=True)

    expected = table[table["x"] > 0]
    pandas.testing.assert_frame_equal(pandas.read_parquet(tmp_path / "parts"), expected)
    assert sorted(os.listdir(tmp_path / "parts")) == ["part-00000.parquet", "part-00001.parquet"]
    assert fetched == [1, 1]  # the names of the files


def test_a_failing_part_leaves_nothing(parquet: Path, tmp_path: Path) -> None:
    df = pd.read_parquet(parquet)
    (tmp_path / "parts").mkdir()

    with pytest.raises(Exception, match="no such codec"):
        df.to_parquet(tmp_path / "parts", parts=True, compression="no such codec")

    assert os.listdir(tmp_path / "parts") == []
    assert sorted(os.listdir(tmp_path)) == ["parts", "table.parquet"]


def test_files_are_written_and_read_in_partitions(
    table: pandas.DataFrame, parquet: Path, tmp_path: Path
) -> None:
    pd.set_option("raylab.cache_bytes", 0)  # written partition by partition

    pd.read_parquet(parquet).to_csv(tmp_path / "table.csv", index=False)
    df = pd.read_csv(tmp_path / "table.csv", parse_dates=["day", "when"])

    assert (tmp_path / "table.csv").read_bytes() == table.to_csv(index=False).encode()
    expected = pandas.read_csv(tmp_path / "table.csv", parse_dates=["day", "when"])
    kept = expected[expected["key"] > 2]
    pandas.testing.assert_frame_equal(df[df["key"] > 2].to_pandas(), kept)


def test_json_lines_are_read_in_partitions(table: pandas.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    table.drop(columns=["day", "when"]).to_json(path, orient="records", lines=True)

    df = pd.read_json(path, lines=True)

    assert len(df.__dict__["_lazy"].rows.source.pieces) > 2
    expected = pandas.read_json(path, lines=True)
    kept = expected[expected["key"] > 2]
    pandas.testing.assert_frame_equal(df[df["key"] > 2].to_pandas(), kept, check_exact=True)


def test_memory_urls_are_read_here(table: pandas.DataFrame) -> None:
    table.to_parquet("memory://only/here.parquet")
    df = pd.read_parquet("memory://only/here.parquet")

    pandas.testing.assert_frame_equal(df[df["x"] > 0].to_pandas(), table[table["x"] > 0])


def test_datasets(table: pandas.DataFrame) -> None:
    dataset = ray.data.from_arrow(
        [pa.Table.from_pandas(part, preserve_index=False) for part in (table[:90], table[90:])]
    )

    df = pd.from_ray_dataset(dataset)

    assert len(stored_partitions(df.__dict__["_lazy"])) == 2
    pandas.testing.assert_frame_equal(df[df["key"] > 3].to_pandas(), table[table["key"] > 3])
    back = df.assign(x=df["x"] * 2).to_ray_dataset()
    pandas.testing.assert_frame_equal(
        pd.from_ray_dataset(back).to_pandas(), table.assign(x=table["x"] * 2)
    )
    assert back.count() == len(table)


def test_dtypes_of_a_dataset_are_those_of_all_blocks() -> None:
    blocks = [
        pa.table({"i": [1, 2], "b": [True, False]}),
        pa.table({"i": [None, 3], "b": [None, True]}),
    ]

    result = pd.from_ray_dataset(ray.data.from_arrow(blocks)).to_pandas()

    expected = pandas.DataFrame(
        {"i": [1.0, 2.0, np.nan, 3.0], "b": np.array([True, False, None, True], dtype=object)}
    )
    pandas.testing.assert_frame_equal(result, expected)


def test_datasets_without_a_native_form_are_refused() -> None:
    nested = ray.data.from_arrow([pa.table({"x": [[1], [2]]})])

    with pytest.raises(TypeError, match="column 'x'"):
        pd.from_ray_dataset(nested)
    with pytest.raises(TypeError, match="native dtypes"):
        pd.DataFrame({"x": [object()]}).to_ray_dataset()
