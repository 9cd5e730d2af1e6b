"""read_parquet: what belongs to a path, what is read of it, and pandas' answer for all of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet
import pytest

import raylab.frame as pd
from raylab.errors import ExecutionError, SourceChangedError
from raylab.frame import support


@pytest.fixture(params=[1, 3])
def partitions(request: pytest.FixtureRequest) -> int:
    pd.set_option("raylab.npartitions", request.param)
    return request.param


@pytest.fixture
def folder(table: pandas.DataFrame, tmp_path: Path) -> Path:
    """The table in files below ``year=`` and ``shop=``, two row groups in each."""
    keyed = table.assign(year=2020 + table.key % 3, shop=np.where(table.flag, "a b", "zo\u00eb"))
    for (year, shop), part in keyed.groupby(["year", "shop"]):
        place = tmp_path / "keyed" / f"year={year}" / f"shop={shop}"
        place.mkdir(parents=True)
        part.drop(columns=["year", "shop"]).reset_index(drop=True).to_parquet(
            place / "part.parquet", row_group_size=20
        )
    return tmp_path / "keyed"


@pytest.fixture
def memory(folder: Path) -> Iterator[str]:
    """The same files in fsspec's memory."""
    system = fsspec.filesystem("memory")
    system.put(str(folder), "/keyed", recursive=True)
    yield "memory://keyed"
    system.rm("/keyed", recursive=True)


def assert_native(result: Any, expected: pandas.DataFrame) -> None:
    assert "_lazy" in result.__dict__, support.fallbacks()
    pandas.testing.assert_frame_equal(result.to_pandas(), expected)
    assert support.fallbacks() == []


def test_a_folder_with_keys(folder: Path, partitions: int) -> None:
    expected = pandas.read_parquet(folder)

    assert_native(pd.read_parquet(folder), expected)
    assert_native(pd.read_parquet(folder, columns=["shop", "x"]), expected[["shop", "x"]])
    assert_native(pd.read_parquet(f"file://{folder}"), expected)


def test_conditions_on_keys_choose_files(folder: Path, partitions: int) -> None:
    expected = pandas.read_parquet(folder)
    df = pd.read_parquet(folder)

    result = df[(df["shop"] == "a b") & (df["x"] > 0)]

    assert_native(result, expected[(expected["shop"] == "a b") & (expected["x"] > 0)])


@pytest.mark.parametrize(
    "filters",
    [
        [("year", "==", 2021)],
        [("year", ">", 2020), ("shop", "in", ["a b"]), ("x", ">", 0.0)],
        [("shop", "not in", ["a b"]), ("name", "!=", "apple")],
        [("x", "<", -0.5), ("key", "in", [1, 2, 3])],
        [[("x", "<", -1.0)], [("key", "==", 3), ("flag", "==", True)]],
        [("day", ">=", pandas.Timestamp("2025-01-01"))],
    ],
    ids=str,
)
def test_filters(folder: Path, memory: str, filters: Any, partitions: int) -> None:
    expected = pandas.read_parquet(folder, filters=filters)

    assert_native(pd.read_parquet(folder, filters=filters), expected)
    assert_native(pd.read_parquet(memory, filters=filters), expected)


def test_filters_leave_out_files(folder: Path) -> None:
    for file in folder.glob("year=2020/*/*"):
        file.write_bytes(b"PAR1 no more PAR1")
    kept = pandas.read_parquet(folder / "year=2021", columns=["x"])

    with pytest.raises(pa.ArrowInvalid, match=r"year=2020/.*part.parquet"):
        pd.read_parquet(folder)
    assert len(pd.read_parquet(folder / "year=2021")) == len(kept)


CHOICES = {
    "equal": lambda df: df["year"] == 2021,
    "unequal": lambda df: df["year"] != 2021,
    "equal to none": lambda df: df["year"] == 1,
    "unequal to all": lambda df: df["year"] != 1,
    "some": lambda df: df["year"].isin([2020, 2022, 7]),
    "none": lambda df: df["year"].isin([]),
    "with others": lambda df: (df["year"] == 2021) & (df["shop"] == "a b") & (df["x"] > 0),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_whole_numbers_in_folder_names_choose_rows(
    folder: Path, choice: str, partitions: int
) -> None:
    chosen = CHOICES[choice]
    expected = pandas.read_parquet(folder)
    df = pd.read_parquet(folder)

    assert_native(df[chosen(df)], expected[chosen(expected)])


def test_only_the_files_of_a_chosen_key_are_read(folder: Path, partitions: int) -> None:
    expected = pandas.read_parquet(folder)
    df = pd.read_parquet(folder)
    for file in folder.glob("year=202[02]/*/*"):
        told, content = file.stat(), bytearray(file.read_bytes())
        content[4:400] = b"\xff" * 396  # pages that nobody could read
        file.write_bytes(content)
        os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))

    with pytest.raises(ExecutionError):
        pd.read_parquet(folder)["x"].sum()
    assert_native(df[df["year"] == 2021][["x"]], expected[expected["year"] == 2021][["x"]])


@pytest.mark.parametrize(
    "filters",
    [[("y", "!=", 1.0)], [[("year", "==", 2021)], [("x", ">", 0.0)]], [("year", "==", 1)]],
    ids=str,
)
def test_other_filters_are_left_to_pandas(folder: Path, filters: Any) -> None:
    result = pd.read_parquet(folder, filters=filters)

    pandas.testing.assert_frame_equal(
        result.to_pandas(), pandas.read_parquet(folder, filters=filters)
    )
    assert [entry.operation for entry in support.fallbacks()] == ["read_parquet"]


def test_lists_globs_and_files(table: pandas.DataFrame, tmp_path: Path, partitions: int) -> None:
    names = [str(tmp_path / f"{letter}.parquet") for letter in "cab"]
    for number, name in enumerate(names):
        table.iloc[number * 50 : number * 50 + 50].to_parquet(name, index=False)

    assert_native(pd.read_parquet(names), pandas.read_parquet(names))
    assert_native(pd.read_parquet(tmp_path), pandas.read_parquet(tmp_path))
    assert_native(pd.read_parquet(tmp_path / "[ab].parquet"), pandas.read_parquet(names[1:]))
    with pytest.raises(FileNotFoundError, match="nothing"):
        pd.read_parquet(tmp_path / "nothing.parquet")


def test_urls(folder: Path, memory: str, partitions: int) -> None:
    expected = pandas.read_parquet(folder)
    df = pd.read_parquet(memory)

    assert_native(df[df["x"] > 0.5], expected[expected["x"] > 0.5])
    assert_native(df.head(7), expected.head(7))
    assert_native(df.tail(60).head(50), expected.tail(60).head(50))
    assert_native(df, expected)
    file = "year=2021/shop=a b/part.parquet"
    assert_native(pd.read_parquet(f"{memory}/{file}"), pandas.read_parquet(folder / file))
    df = pd.read_parquet(memory)
    assert df[df["y"].notna()]["y"].sum() == pytest.approx(expected["y"].sum())


def test_a_changed_url_raises(table: pandas.DataFrame) -> None:
    table.to_parquet("memory://changing.parquet")
    df = pd.read_parquet("memory://changing.parquet")
    table.assign(x=1.0).to_parquet("memory://changing.parquet")

    with pytest.raises(SourceChangedError, match="changing.parquet has changed"):
        df["x"].sum()


def test_one_changed_file_of_many_raises(folder: Path) -> None:
    df = pd.read_parquet(folder)
    changed = next(folder.glob("year=2022/*/*"))
    pandas.DataFrame({"x": [1.0]}).to_parquet(changed)

    with pytest.raises(SourceChangedError, match="year=2022"):
        len(df[df["x"] > 0])


def test_damaged_data_is_told_with_the_name_of_the_file(
    table: pandas.DataFrame, tmp_path: Path, partitions: int
) -> None:
    path = tmp_path / "damaged.parquet"
    table.to_parquet(path, compression="gzip")
    data = bytearray(path.read_bytes())
    data[8 : len(data) // 2] = bytes(len(data) // 2 - 8)
    path.write_bytes(data)

    with pytest.raises(ExecutionError, match=r"damaged\.parquet"):
        (pd.read_parquet(path)["x"] + 1).sum()


def test_what_is_no_parquet_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.parquet"
    path.write_text("no footer, but long enough")

    with pytest.raises(pa.ArrowInvalid, match=r"text\.parquet"):
        pd.read_parquet(path)


@pytest.mark.parametrize(
    "arguments",
    [{"dtype_backend": "pyarrow"}, {"to_pandas_kwargs": {"split_blocks": True}}],
    ids=str,
)
def test_options_that_only_pandas_has(
    table: pandas.DataFrame, tmp_path: Path, arguments: dict[str, Any]
) -> None:
    path = tmp_path / "table.parquet"
    table.to_parquet(path)

    result = pd.read_parquet(path, **arguments)

    pandas.testing.assert_frame_equal(result.to_pandas(), pandas.read_parquet(path, **arguments))
    with path.open("rb") as file:
        pandas.testing.assert_frame_equal(pd.read_parquet(file).to_pandas(), table)
    assert {entry.operation for entry in support.fallbacks()} == {"read_parquet"}


def test_missing_numbers_and_bools_are_what_pandas_makes_of_them(
    tmp_path: Path, partitions: int
) -> None:
    path = tmp_path / "gaps.parquet"
    pa.parquet.write_table(
        pa.table({"b": [True, None, False], "i": [1, None, 3], "n": [None, None, None]}), path
    )
    expected = pandas.read_parquet(path)

    result = pd.read_parquet(path).to_pandas()

    pandas.testing.assert_frame_equal(result, expected)
    assert result["b"].tolist() == [True, None, False]


def test_storage_options_of_any_kind(table: pandas.DataFrame) -> None:
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": {"not": "hashed"}}
    table.to_parquet("memory://with/options.parquet")

    result = pd.read_parquet("memory://with/options.parquet", storage_options=options)

    assert "not" not in repr(result.__dict__["_lazy"])
    assert_native(result, table)


@pytest.mark.parametrize("columns", [None, ["b"]])
def test_the_name_of_the_columns_is_kept(
    columns: list[str] | None, partitions: int, tmp_path: Path
) -> None:
    path = tmp_path / "named.parquet"
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]}).rename_axis(columns="zz")
    frame.to_parquet(path)

    result = pd.read_parquet(path, columns=columns)

    assert "_lazy" in result.__dict__
    assert result.columns.name == "zz"
    pandas.testing.assert_frame_equal(
        result.to_pandas(), pandas.read_parquet(path, columns=columns)
    )
