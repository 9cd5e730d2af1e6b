"""read_feather: lazy over record batches, with pandas' answer."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pandas
import pyarrow as pa
import pytest
from pyarrow import feather

import raylab.frame as pd
from raylab.errors import SourceChangedError
from raylab.frame import support


@pytest.fixture(params=[1, 3])
def path(request: pytest.FixtureRequest, table: pandas.DataFrame, tmp_path: Path) -> Path:
    pd.set_option("raylab.npartitions", request.param)
    file = tmp_path / "table.feather"
    feather.write_feather(table, str(file), chunksize=50)
    return file


def assert_native(result: pd.DataFrame, expected: pandas.DataFrame) -> None:
    assert "_lazy" in result.__dict__, support.fallbacks()
    pandas.testing.assert_frame_equal(result.to_pandas(), expected)
    assert support.fallbacks() == []


def test_frames_and_columns(table: pandas.DataFrame, path: Path) -> None:
    df = pd.read_feather(path)

    assert_native(df[df["x"] > 0], table[table["x"] > 0])
    assert_native(df.tail(70).head(60), table.tail(70).head(60))
    assert_native(pd.read_feather(path, columns=["name", "x"]), table[["name", "x"]])
    assert_native(df, table)


def test_missing_values_widen(tmp_path: Path) -> None:
    file = str(tmp_path / "gaps.feather")
    with pa.OSFile(file, "wb") as sink:
        first = pa.record_batch({"i": [1, 2], "b": [True, False], "s": ["a", "b"]})
        with pa.ipc.new_file(sink, first.schema) as writer:
            writer.write_batch(first)
            writer.write_batch(
                pa.record_batch(
                    {"i": [None, 3], "b": [None, True], "s": [None, "c"]}, schema=first.schema
                )
            )

    assert_native(pd.read_feather(file), pandas.read_feather(file))


def test_the_rest_is_read_by_pandas(table: pandas.DataFrame, path: Path, tmp_path: Path) -> None:
    mixed = pandas.DataFrame({"c": pandas.Categorical([1, 2]), "n": pandas.array([1, None])})
    mixed.to_feather(tmp_path / "mixed.feather")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the first version goes
        feather.write_feather(table, str(tmp_path / "old.feather"), version=1)

    for file in (tmp_path / "mixed.feather", tmp_path / "old.feather"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            result, expected = pd.read_feather(file), pandas.read_feather(file)
        pandas.testing.assert_frame_equal(result.to_pandas(), expected)
    with_types = pd.read_feather(path, dtype_backend="pyarrow").to_pandas()
    pandas.testing.assert_frame_equal(
        with_types, pandas.read_feather(path, dtype_backend="pyarrow")
    )
    pandas.testing.assert_frame_equal(
        pd.read_feather(io.BytesIO(path.read_bytes())).to_pandas(), table
    )


def test_changed_missing_and_wrong_files(table: pandas.DataFrame, path: Path) -> None:
    df = pd.read_feather(path)
    table.head().to_feather(path)

    with pytest.raises(SourceChangedError, match="has changed since read_feather"):
        df["x"].sum()
    path.write_text("no feather")
    with pytest.raises(pa.ArrowInvalid):
        pd.read_feather(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        pd.read_feather(path)


def test_the_name_of_the_columns_is_kept(path: Path, table: pandas.DataFrame) -> None:
    table.rename_axis(columns="zz").to_feather(path)

    assert_native(pd.read_feather(path), pandas.read_feather(path))
    assert pd.read_feather(path).columns.name == "zz"
