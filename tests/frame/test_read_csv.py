"""read_csv: pandas' dtypes, values and errors, however the file is cut."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import raylab.frame as pd
from raylab.errors import SourceChangedError
from raylab.frame import support


@pytest.fixture(params=["pieces", "partitions"])
def cut(request: pytest.FixtureRequest) -> str:
    """How the file is read: in pieces of some records, and these in one partition or several."""
    pd.set_option("raylab.target_partition_bytes", 1000)
    if request.param == "partitions":
        pd.set_option("raylab.npartitions", 3)
    return request.param


@pytest.fixture
def path(table: pandas.DataFrame, tmp_path: Path) -> Path:
    """All kinds of columns; text with separators, quotes and line breaks."""
    frame = table.copy()
    frame["text"] = pandas.Series(
        ['a, "b"', "two\nlines", "plain", None, "\u00e9\u4e2d"] * 40
    ).astype("str")
    frame["gaps"] = frame["key"].where(frame["key"] > 1)
    frame["moment"] = frame["day"] + pandas.Timedelta("1h 2min 3s")
    file = tmp_path / "table.csv"
    frame.to_csv(file, index=False)
    return file


def assert_native(result: Any, expected: pandas.DataFrame) -> None:
    assert "_lazy" in result.__dict__, support.fallbacks()
    pandas.testing.assert_frame_equal(result.to_pandas(), expected)
    assert support.fallbacks() == []


ARGUMENTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dates": {"parse_dates": ["day", "moment"]},
    "dates with gaps": {"parse_dates": ["when"]},
    "some columns": {"usecols": ["text", "x", "key"]},
    "dtypes": {"dtype": {"key": "float64", "small": str, "flag": bool, "x": float}},
    "one dtype": {"dtype": str},
    "index": {"index_col": "key"},
    "index by position": {"index_col": 4, "parse_dates": ["day"]},
    "levels": {"index_col": ["flag", "day"]},
    "missing": {"na_values": ["apple", "a.b"]},
    "few rows": {"nrows": 37},
    "other labels": {"header": 0, "names": list("abcdefghijk")},
    "no header": {"header": None, "names": list("abcdefghijk"), "skiprows": 1},
    "one block": {"low_memory": False},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments(path: Path, name: str, cut: str) -> None:
    arguments = ARGUMENTS[name]

    result = pd.read_csv(path, **arguments)

    assert_native(result, pandas.read_csv(path, **arguments))


def test_what_is_written_comes_back(path: Path, tmp_path: Path, cut: str) -> None:
    df = pd.read_csv(path)
    kept = df[df["x"] > 0]
    kept.to_csv(tmp_path / "kept.csv")

    back = pd.read_csv(tmp_path / "kept.csv", index_col=0)

    assert_native(back, pandas.read_csv(tmp_path / "kept.csv", index_col=0))
    assert back.index.name is None


def test_plans_read_what_they_need(path: Path, cut: str) -> None:
    expected = pandas.read_csv(path)
    df = pd.read_csv(path)

    assert_native(df[df["x"] > 0.5][["text", "x"]], expected[expected["x"] > 0.5][["text", "x"]])
    assert_native(df.head(5), expected.head(5))
    assert_native(df.tail(90).head(80), expected.tail(90).head(80))
    grouped = pd.read_csv(path).groupby("key")["gaps"].max()
    pandas.testing.assert_series_equal(grouped.to_pandas(), expected.groupby("key")["gaps"].max())
    assert len(pd.read_csv(path)) == len(expected)
    assert support.fallbacks() == []


@pytest.mark.parametrize("separator", [";", "\t", "|", " "])
def test_separators(tmp_path: Path, separator: str, cut: str) -> None:
    file = tmp_path / "x.csv"
    frame = pandas.DataFrame({"a": [1, 2] * 50, "b": ["x", None] * 50, "c": ["p q", "r;s"] * 50})
    frame.to_csv(file, sep=separator, index=False)
    pd.set_option("raylab.target_partition_bytes", 300)

    assert_native(pd.read_csv(file, sep=separator), pandas.read_csv(file, sep=separator))


@pytest.mark.parametrize(
    "text",
    [
        'a,b\r\n1,x\r\n2,"y\r\nz"\r\n',
        "a,b\n1,x\n2,y",
        "a,b\n1,x\n2,y\n\n\n",
        "\ufeffa,b\n1,x\n2,y\n",
        'a,b\n1,""\n2,"""q"""\n',
        "a,b\n1\n2,y\n",
        'a,"b\n"\n1,2\n',
        "a,a,\n1,2,3\n",
    ],
    ids=repr,
)
def test_unusual_but_certain_texts(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.csv"
    pd.set_option("raylab.target_partition_bytes", 1)
    file.write_bytes(text.encode())

    result = pd.read_csv(file)

    pandas.testing.assert_frame_equal(result.to_pandas(), pandas.read_csv(file))


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("a,b\n\n1,x\n", {}),
        ("a,b\n1,x\n   \n2,y\n", {}),
        ('a,b\n1,x"y\n', {}),
        ("a,b\r1,x\r", {}),
        ("a,b\n1,2,3\n4,5,6\n", {}),
        ("a,b\n 1,2\n", {}),
        ("a,b\n1,99999999999999999999\n", {}),
        ("a,b\n1,9223372036854775808\n", {}),
        ("a,b\n1,NAN\n", {}),
        ("a,b\n1,tin\n", {}),
        ("a;b\n1,5;2\n", {"sep": ";", "decimal": ","}),
        ("a,b\n1,2\n", {"converters": {"a": str}}),
        ("a,b\n1,2\n#x\n", {"comment": "#"}),
        ("a,b\n1,2\n", {"dtype": {"a": "Int64"}}),
        ("a,b\n1,2\n", {"usecols": lambda label: label == "b"}),
        ("a,b\n1,2\n3,4\n", {"skipfooter": 1, "engine": "python"}),
        ("a,b\n1,2\n", {"header": None}),
        ("a,b\n1,2\n", {"index_col": False}),
        ("a,b\n1,True\n2,\n", {"index_col": "b"}),
        ("a,b\n1,2024-01-02\n2,soon\n", {"parse_dates": ["b"]}),
    ],
    ids=lambda part: re.sub(r" at 0x[0-9a-f]+", "", repr(part)),  # the same in every process
)
def test_the_rest_is_read_by_pandas(tmp_path: Path, text: str, arguments: dict[str, Any]) -> None:
    file = tmp_path / "x.csv"
    pd.set_option("raylab.target_partition_bytes", 1)
    file.write_bytes(text.encode())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result, expected = pd.read_csv(file, **arguments), pandas.read_csv(file, **arguments)

    pandas.testing.assert_frame_equal(result.to_pandas(), expected)
    assert [entry.operation for entry in support.fallbacks()] == ["read_csv"]


def test_blocks_of_different_kinds_are_left_to_pandas(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    columns = ",".join(f"c{i}" for i in range(64))
    row = ",".join(["1"] * 64)
    lines = [columns, *[row] * 9000, row.replace("1", "word", 1), *[row] * 10]
    file.write_text("\n".join(lines))

    pd.set_option("raylab.target_partition_bytes", 100_000)
    with pytest.warns(pandas.errors.DtypeWarning):
        result = pd.read_csv(file)
    with pytest.warns(pandas.errors.DtypeWarning):
        expected = pandas.read_csv(file)

    pandas.testing.assert_frame_equal(result.to_pandas(), expected)
    assert result["c0"].dtype == object


def test_a_bad_line_is_an_error_of_pandas_with_line_and_file(path: Path, cut: str) -> None:
    lines = path.read_text().splitlines()
    lines.insert(2, "1,2,3,4,5,6,7,8,9,10,11,12,13")
    path.write_text("\n".join(lines))

    with pytest.raises(pandas.errors.ParserError, match=r"line 3, saw 13.*table\.csv"):
        pd.read_csv(path)
    assert len(pd.read_csv(path, on_bad_lines="skip")) == 200


def test_other_errors_are_those_of_pandas(tmp_path: Path) -> None:
    empty, latin = tmp_path / "empty.csv", tmp_path / "latin.csv"
    empty.touch()
    pd.set_option("raylab.target_partition_bytes", 1)
    latin.write_bytes("a\n\u00e9\n".encode("latin-1"))

    with pytest.raises(FileNotFoundError):
        pd.read_csv(tmp_path / "nothing.csv")
    with pytest.raises(pandas.errors.EmptyDataError):
        pd.read_csv(empty)
    with pytest.raises(UnicodeDecodeError):
        pd.read_csv(latin)
    with pytest.raises(ValueError, match="Usecols"):
        pd.read_csv(latin, usecols=["b"], encoding="latin-1")
    assert pd.read_csv(latin, encoding="latin-1")["a"].tolist() == ["\u00e9"]


def test_rows_beyond_those_asked_for_need_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\n1,2\n3,4\nfive,six\n")
    pd.set_option("raylab.target_partition_bytes", 20)

    assert_native(pd.read_csv(file, nrows=2), pandas.read_csv(file, nrows=2))


def test_a_changed_file_raises(path: Path) -> None:
    pd.set_option("raylab.target_partition_bytes", 1000)
    df = pd.read_csv(path)
    path.write_text(path.read_text().replace("apple", "APPLE"))

    with pytest.raises(SourceChangedError, match="has changed since read_csv"):
        df["x"].sum()


def test_a_small_file_is_read_by_pandas(path: Path) -> None:
    expected = pandas.read_csv(path, dtype={"key": "Int64"})
    df = pd.read_csv(path, dtype={"key": "Int64"})
    path.unlink()

    pandas.testing.assert_frame_equal(df.to_pandas(), expected)
    assert support.fallbacks() == []


def test_urls_buffers_and_compressed_files(path: Path, tmp_path: Path, cut: str) -> None:
    import fsspec

    expected = pandas.read_csv(path)
    fsspec.filesystem("memory").pipe("/table.csv", path.read_bytes())
    expected.to_csv(tmp_path / "table.csv.gz", index=False)

    assert_native(pd.read_csv("memory://table.csv"), expected)
    assert_native(pd.read_csv(f"file://{path}"), expected)
    for other in (io.StringIO(path.read_text()), tmp_path / "table.csv.gz"):
        pandas.testing.assert_frame_equal(pd.read_csv(other).to_pandas(), expected)
    assert len(support.fallbacks()) == 2


TOKENS = [
    "", "NA", "nan", "NAN", "None", "1", "-2", "+3", "007", "-0", " 4", "5 ", "1.5", ".5", "2.", "1e5", "1E-3",
    "0.1234567890123456789", "179769313486231570000", "9223372036854775807", "9223372036854775808", "inf", "-Inf",
    "True", "true", "FALSE", "t", "tin", "a", "zo\u00eb", "2024-01-02", "2024-01-02 03:04:05", "1.2.3", "1_0", "0x1",
    '"q"', '"a,b"', '"two\nlines"', '"say ""hi"""', '""', "1,2", "#", "'x'", "1-1", "--1", "1e", "e5", "\t",
]  # fmt: skip
HARMLESS = ["", "NA", "1", "-2", "1.5", "1e5", "0.1234567890123456789", "True", "FALSE", "a", "x y", "2024-01-02", '"q"', '"a,b"', '"two\nlines"']  # fmt: skip


@st.composite
def texts(draw: st.DrawFn) -> str:
    width = draw(st.integers(1, 3))
    rows = draw(st.integers(0, 8))
    columns = []
    for _ in range(width):
        tokens = draw(st.sampled_from([TOKENS, HARMLESS]))
        some = draw(st.lists(st.sampled_from(tokens), min_size=1, max_size=3))
        columns.append(draw(st.lists(st.sampled_from(some), min_size=rows, max_size=rows)))
    header = ",".join("abc"[:width])
    lines = [header, *(",".join(row) for row in zip(*columns, strict=True))]
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


def outcome(read: Any, file: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frame = read(file)
            return frame.to_pandas() if hasattr(frame, "to_pandas") else frame
        except Exception as error:  # noqa: BLE001  compared with pandas'
            return type(error)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=texts(), piece=st.sampled_from([1, 12]))
def test_any_text_is_read_as_by_pandas(tmp_path: Path, text: str, piece: int) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(text.encode())
    pd.set_option("raylab.target_partition_bytes", piece)

    result, expected = outcome(pd.read_csv, file), outcome(pandas.read_csv, file)

    if isinstance(expected, type):
        assert result == expected
    else:
        assert not isinstance(result, type), result
        pandas.testing.assert_frame_equal(result, expected, check_exact=True)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    numbers=st.lists(st.floats(allow_nan=True), min_size=1, max_size=20),
    words=st.lists(st.text(alphabet='ab,"\n \u00e9', max_size=4), min_size=20, max_size=20),
    piece=st.sampled_from([1, 16]),
)
def test_frames_come_back_from_both_readers(
    tmp_path: Path, numbers: list[float], words: list[str], piece: int
) -> None:
    file = tmp_path / "x.csv"
    frame = pandas.DataFrame({"x": numbers, "word": words[: len(numbers)]})
    frame["word"] = frame["word"].astype("str")
    pd.set_option("raylab.lazy_threshold_rows", 0)
    pd.set_option("raylab.target_partition_bytes", piece)

    pd.from_pandas(frame).to_csv(file, index=False)

    assert file.read_bytes() == frame.to_csv(index=False).encode()
    result, expected = outcome(pd.read_csv, file), outcome(pandas.read_csv, file)
    pandas.testing.assert_frame_equal(result, expected, check_exact=True)
    written, read = np.array(numbers), expected["x"].to_numpy()
    np.testing.assert_array_equal(read, written)
