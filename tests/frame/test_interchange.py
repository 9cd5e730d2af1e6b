"""Frames of other libraries, straight from the engine and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import polars as pl
import pyarrow as pa
import pytest

import raylab.frame as pd
from raylab.frame import support


@pytest.fixture
def parquet(table: pandas.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    table.to_parquet(path, row_group_size=50)
    return path


def test_arrow_streams_come_straight_from_the_engine(
    table: pandas.DataFrame, parquet: Path
) -> None:
    df = pd.read_parquet(parquet)
    df = df[df["x"] > 0]

    stream = pa.RecordBatchReader.from_stream(df).read_all()

    expected = pa.Table.from_pandas(table[table["x"] > 0], preserve_index=False)
    assert "_lazy" in df.__dict__
    assert stream.equals(expected.replace_schema_metadata())
    assert stream["y"].null_count == table.loc[table["x"] > 0, "y"].isna().sum()
    assert support.fallbacks() == []


def test_frames_in_memory_stream_as_in_pandas(table: pandas.DataFrame) -> None:
    stream = pa.RecordBatchReader.from_stream(pd.from_pandas(table)).read_all()

    assert stream.equals(pa.RecordBatchReader.from_stream(table).read_all())


def test_there_and_back(table: pandas.DataFrame, parquet: Path) -> None:
    df = pd.read_parquet(parquet)

    pandas.testing.assert_frame_equal(pd.from_arrow(df.to_arrow()).to_pandas(), table)
    pandas.testing.assert_frame_equal(pd.from_polars(df.to_polars()).to_pandas(), table)
    pandas.testing.assert_frame_equal(pd.from_pandas(df.to_pandas()).to_pandas(), table)
    pandas.testing.assert_frame_equal(
        pd.from_polars(df.to_polars().lazy().filter(pl.col("key") > 2)).to_pandas(),
        table[table["key"] > 2].reset_index(drop=True),
    )


def test_what_is_none_of_them_is_refused() -> None:
    with pytest.raises(TypeError, match="from_polars takes a Polars frame, not dict"):
        pd.from_polars({})
    with pytest.raises(TypeError, match="from_pandas takes a DataFrame or a Series, not list"):
        pd.from_pandas([])
    with pytest.raises(TypeError, match=r"from_ray_dataset takes a ray.data.Dataset, not dict"):
        pd.from_ray_dataset({})


def test_dtypes_of_data(tmp_path: Path) -> None:
    frame = pl.DataFrame({"i": [1, None], "b": [True, None], "s": ["a", None], "f": [1.0, np.nan]})

    result = pd.from_polars(frame).to_pandas()

    assert list(result.dtypes.astype(str)) == ["float64", "object", "str", "float64"]
    assert result["b"].tolist()[0] is True
