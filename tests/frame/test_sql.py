"""read_sql and to_sql: pandas' frames, read in ranges or at once."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pandas
import pytest
import sqlalchemy

import raylab.frame as pd
from raylab.errors import SourceChangedError

QUERY = "SELECT * FROM sales WHERE x > -1.0"


@pytest.fixture
def url(table: pandas.DataFrame, tmp_path: Path) -> str:
    file = tmp_path / "sales.db"
    frame = table.assign(id=range(len(table)), part=table["key"].where(table["key"] > 1))
    with sqlite3.connect(file) as connection:
        frame.to_sql("sales", connection, index=False)
    connection.close()
    return f"sqlite:///{file}"


@pytest.mark.parametrize("column", ["id", "part", "x"])
@pytest.mark.parametrize("partitions", [1, 3])
def test_ranges_give_all_rows_with_the_dtypes_of_pandas(
    url: str, column: str, partitions: int
) -> None:
    pd.set_option("raylab.npartitions", partitions)
    arguments: dict[str, Any] = {"parse_dates": ["day"], "dtype": {"small": "int16"}}
    expected = pandas.read_sql(QUERY, url, **arguments)

    result = pd.read_sql(QUERY, url, partition_on=column, **arguments)

    assert isinstance(result, pd.DataFrame)
    assert result[column].isna().sum() == expected[column].isna().sum()
    pandas.testing.assert_frame_equal(
        result.to_pandas().sort_values("id", ignore_index=True), expected
    )


def test_an_engine_and_a_column_that_needs_quotes(tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    frame = pandas.DataFrame({"order": range(10), "t": ["12:30"] * 10})
    frame.to_sql("x", engine, index=False)

    result = pd.read_sql_query("SELECT * FROM x WHERE t = '12:30';", engine, partition_on="order")

    pandas.testing.assert_frame_equal(result.to_pandas(), frame)
    engine.dispose()


def test_nothing_and_only_missing_values(url: str) -> None:
    for query in (f"{QUERY} AND id < 0", f"{QUERY} AND part IS NULL"):
        pandas.testing.assert_frame_equal(
            pd.read_sql(query, url, partition_on="part").to_pandas(), pandas.read_sql(query, url)
        )


def test_what_ranges_do_not_allow(url: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a query of all its rows"):
        pd.read_sql("sales", url, partition_on="id")
    with pytest.raises(TypeError, match="got chunksize"):
        pd.read_sql(QUERY, url, partition_on="id", chunksize=3)
    with pytest.raises(TypeError, match="column of finite numbers"):
        pd.read_sql(QUERY, url, partition_on="name")
    connection = sqlite3.connect(tmp_path / "sales.db")
    with pytest.raises(TypeError, match="give a URL"):
        pd.read_sql(QUERY, connection, partition_on="id")
    connection.close()


def test_without_ranges_as_pandas(url: str) -> None:
    expected = pandas.read_sql(QUERY, url)

    for result in (
        pd.read_sql(QUERY, url),
        pd.read_sql_query(QUERY, url),
        pd.concat(list(pd.read_sql(QUERY, url, chunksize=50)), ignore_index=True),
    ):
        pandas.testing.assert_frame_equal(result.to_pandas(), expected)
    whole = pd.read_sql_table("sales", url)
    pandas.testing.assert_frame_equal(whole.to_pandas(), pandas.read_sql_table("sales", url))


def test_a_lazy_frame_is_computed_before_its_table_is_replaced(
    table: pandas.DataFrame, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.parquet"
    table.to_parquet(path)
    kept, broken = pd.read_parquet(path), pd.read_parquet(path)
    kept[kept["x"] > 0].to_sql("kept", url, index=False)
    table.head().to_parquet(path)

    with pytest.raises(SourceChangedError):
        broken.to_sql("sales", url, if_exists="replace", index=False)

    assert len(pandas.read_sql("kept", url)) == (table["x"] > 0).sum()
    assert len(pandas.read_sql("sales", url)) == len(table)
