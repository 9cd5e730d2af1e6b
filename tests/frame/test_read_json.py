"""read_json: JSON lines with pandas' dtypes, bits and errors, however the file is cut."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import raylab.frame as pd
from raylab.errors import FallbackError, SourceChangedError
from raylab.frame import support

PIECE = 700
"""Bytes of a piece: some records, so that a file of the tests has several."""


@pytest.fixture(params=[1, 2, 3, 7])
def cut(request: pytest.FixtureRequest) -> int:
    """In how many partitions the pieces are read."""
    pd.set_option("raylab.target_partition_bytes", PIECE)
    pd.set_option("raylab.npartitions", request.param)
    return int(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """All native kinds of columns; gaps as null and as missing keys, and a column that begins late."""
    rng = np.random.default_rng(3)
    rows = 120
    words = [
        'say "hi"',
        "two\nlines",
        "back\\slash/",
        "zo\u00eb",
        "\u4e2d\U0001f600",
        "",
        "nul\x00",
    ]
    flags = rng.random(rows) > 0.5
    records: list[dict[str, Any]] = []
    for n in range(rows):
        record: dict[str, Any] = {
            "key": int(rng.integers(0, 7)),
            "large": (1 << 62) + n,
            "x": float(rng.normal() * 10.0 ** rng.integers(-20, 20)),
            "price": float(rng.integers(0, 100_000) / 100),
            "whole": float(n),
            "word": words[n % len(words)],
            "flag": bool(flags[n]),
            "gap": None if n % 3 == 0 else (1 << 55) + n,
            "y": None if n % 7 == 0 else float(rng.random()),
            "note": None if n % 5 == 0 else words[n % len(words)],
            "nothing": None,
        }
        if n % 4:
            record["maybe"] = n % 4 == 1
        if n > rows // 2:
            record["late"] = n / 3
        records.append(record)
    file = tmp_path / "table.json"
    file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return file


def assert_same(result: pandas.DataFrame, expected: pandas.DataFrame) -> None:
    """Equality to the last bit, also of zeros."""
    pandas.testing.assert_frame_equal(result, expected, check_exact=True)
    for name in expected.columns[expected.dtypes == "float64"]:
        present = expected[name].notna()
        ours, theirs = result[name][present].to_numpy(), expected[name][present].to_numpy()
        np.testing.assert_array_equal(ours.view("int64"), theirs.view("int64"))


def assert_native(result: Any, expected: pandas.DataFrame) -> None:
    assert "_lazy" in result.__dict__, support.fallbacks()
    assert_same(result.to_pandas(), expected)
    assert support.fallbacks() == []


def test_all_kinds(path: Path, cut: int) -> None:
    expected = pandas.read_json(path, lines=True)

    result = pd.read_json(path, lines=True)

    assert list(result.columns) == list(expected.columns)
    assert len(result.__dict__["_lazy"].rows.source.pieces) > 7
    assert_native(result, expected)
    assert [str(dtype) for dtype in expected.dtypes] == [
        *("int64", "int64", "float64", "float64", "int64", "str", "bool"),
        *("float64", "float64", "str", "float64", "float64", "float64"),
    ]


def test_plans_read_what_they_need(path: Path, cut: int) -> None:
    expected = pandas.read_json(path, lines=True)
    df = pd.read_json(path, lines=True)

    assert_native(df[df["x"] > 0.5][["word", "x"]], expected[expected["x"] > 0.5][["word", "x"]])
    assert_native(df.head(5), expected.head(5))
    assert_native(df.tail(90).head(80), expected.tail(90).head(80))
    assert_native(df[["late", "maybe"]], expected[["late", "maybe"]])
    grouped = pd.read_json(path, lines=True).groupby("key")["gap"].max()
    pandas.testing.assert_series_equal(grouped.to_pandas(), expected.groupby("key")["gap"].max())
    assert len(pd.read_json(path, lines=True)) == len(expected)
    assert support.fallbacks() == []


def test_what_pandas_writes(table: pandas.DataFrame, tmp_path: Path, cut: int) -> None:
    file = tmp_path / "table.json"
    written = table.drop(columns=["day", "when"])
    written.to_json(file, orient="records", lines=True, double_precision=15)

    result = pd.read_json(file, lines=True, orient="records")

    assert_native(result, pandas.read_json(file, lines=True, orient="records"))


@pytest.mark.parametrize("form", ["r", ".3f", ".17e", ".25g"])
def test_random_doubles(tmp_path: Path, form: str, cut: int) -> None:
    rng = np.random.default_rng(11)
    powers = rng.integers(-300, 300 if form in ("r", ".17e") else 15, 400)
    numbers = [*(rng.normal(size=400) * 10.0**powers), *rng.normal(size=400)]
    file = tmp_path / "x.json"
    texts = [repr(float(number)) if form == "r" else format(number, form) for number in numbers]
    file.write_text("\n".join(f'{{"x": {text}, "n": 1}}' for text in texts))

    assert_native(pd.read_json(file, lines=True), pandas.read_json(file, lines=True))


@pytest.mark.parametrize("piece", [1, 40, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\n\n   \n{"a": 2}\n\n',
        '\n\n\n{"a": 1}',
        '{"a": 1}\r\n{"a": 2}\r\n',
        '\u00a0 {"a": 1}\u2003\n{"a": 2}\x1c\n',
        '{"a": 1}, {"a": 2}\n{"a": 3}\n',
        '{"a": 1}\n{}\n{"b": 2.5}\n',
        '{}\n{}\n{"a": true}\n',
        '{"a": 1, "a": 2}\n{"a": 3}\n',
        '{"b": 1, "a": "x"}\n{"a": "y", "c": null, "b": 2}\n',
        '{"a": 1.0}\n{"a": 2.0}\n',
        '{"a": 1.0}\n{"a": 2.5}\n',
        '{"a": -0.0}\n{"a": -0.5}\n',
        '{"a": 9223372036854775807}\n{"a": -9223372036854775808}\n',
        '{"a": 9223372036854775807}\n{"a": null}\n{"a": 0.5}\n',
        '{"a": NaN}\n{"a": Infinity}\n{"a": -Infinity}\n{"a": 1}\n',
        '{"a": NaN}\n{"a": "x"}\n{"a": null}\n',
        '{"a": "1"}\n{"a": "2"}\n{"a": "x"}\n',
        '{"a": null}\n{"a": null}\n',
        '{"a": true}\n{"a": null}\n{"a": false}\n',
        '{"a": "\\ud83d\\ude00\\u0000\\/"}\n{"a": "\u0301"}\n',
        '{"at": "x", "updated": 1, "a*$": 2, "index": 3, "A b": 4.5}\n',
        '{"1": "x", "a": 1}\n',
    ],
    ids=ascii,
)
def test_unusual_but_certain_texts(tmp_path: Path, text: str, piece: int) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(text.encode())
    pd.set_option("raylab.target_partition_bytes", piece)
    expected = pandas.read_json(file, lines=True)

    if file.stat().st_size < piece:
        assert_same(pd.read_json(file, lines=True).to_pandas(), expected)
    else:
        assert_native(pd.read_json(file, lines=True), expected)


REFUSED: dict[str, tuple[str, str]] = {
    "nested dict": ('{"a": {"b": 1}}', "nested"),
    "nested list": ('{"a": [1, 2]}', "nested"),
    "text and number": ('{"a": "x"}\n{"a": 1}', "another kind"),
    "bool and number": ('{"a": true}\n{"a": 2}', "another kind"),
    "whole numbers in two spellings": ('{"a": 1}\n{"a": 2.0}', "another kind"),
    "texts of numbers": ('{"a": "1"}\n{"a": "2"}', "another kind"),
    "texts of odd numbers": ('{"a": "1_0"}\n{"a": "nan"}\n{"a": " 2e5 "}', "another kind"),
    "beyond int64": ('{"a": 9223372036854775808}', "beyond int64"),
    "beyond int64, with a gap": ('{"a": 9223372036854775808, "b": 1}\n{"b": 2}', "beyond int64"),
    "2**63": ('{"a": 9223372036854775808.0}', "2\\*\\*63"),
    "moments": ('{"created_at": "2024-01-02T03:04:05Z"}', "named like dates"),
    "epochs": ('{"timestamp_ms": 1700000000000}', "named like dates"),
    "small numbers": ('{"Modified": 1}', "named like dates"),
    "labels of numbers": ('{"1": 1, "2": 2}', "labels"),
    "a label of a year": ('{"2020": 1}', "labels"),
    "a label of a moment": ('{"2020-01-02": 1}', "labels"),
    "a pattern": ('{"^a$": 1, "b": 2}', "labels"),
    "every column": ('{"*": 1, "b": 2}', "labels"),
    "a mark": ('{"\\u0001": 1, "b": 2}', "labels"),
    "an empty label beside others": ('{"": 1, "b": 2}', "labels"),
    "an empty label": ('{"": 1}', "labels"),
    "half of a pair in a text": ('{"a": "\\udc00"}', "surrogate"),
    "lists": ("[1, 2]\n[3, 4]", "no records"),
    "numbers": ("1\n2", "no records"),
    "a record on two lines": ('{"a": 1\n"b": 2}', "no JSON"),
    "empty": ("\n", "without records"),
    "no columns": ("{}\n{}", "without columns"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_rest_is_read_by_pandas(tmp_path: Path, name: str) -> None:
    text, reason = REFUSED[name]
    file = tmp_path / "x.json"
    file.write_bytes(text.encode())
    pd.set_option("raylab.target_partition_bytes", 1)

    result, expected = outcome(pd.read_json, file), outcome(pandas.read_json, file)

    assert_same_outcome(result, expected)
    pd.set_option("raylab.fallback", "raise")
    with pytest.raises(FallbackError, match=reason):
        pd.read_json(file, lines=True)


ARGUMENTS: dict[str, dict[str, Any]] = {
    "lines": {"lines": False, "orient": "split"},
    "nrows": {"lines": True, "nrows": 2},
    "dtype": {"lines": True, "dtype": {"key": "float64"}},
    "dtype of none": {"lines": True, "dtype": False},
    "dtype_backend": {"lines": True, "dtype_backend": "pyarrow"},
    "precise_float": {"lines": True, "precise_float": True},
    "encoding": {"lines": True, "encoding": "latin-1"},
    "engine": {"lines": True, "engine": "pyarrow"},
    "orient": {"lines": True, "orient": "index"},
    "storage_options": {"lines": True, "storage_options": {"a": 1}},
    "refuses": {"lines": True, "sep": ","},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_other_arguments_are_left_to_pandas(path: Path, name: str, cut: int) -> None:
    arguments = ARGUMENTS[name]

    result = outcome(lambda file, **_: pd.read_json(file, **arguments), path)
    expected = outcome(lambda file, **_: pandas.read_json(file, **arguments), path)

    assert_same_outcome(result, expected)
    pd.set_option("raylab.fallback", "raise")
    with pytest.raises(FallbackError, match=name.split()[0]):
        pd.read_json(path, **arguments)


def test_chunks_are_those_of_pandas(path: Path, cut: int) -> None:
    with pd.read_json(path, lines=True, chunksize=50) as ours:
        lengths = [len(chunk) for chunk in ours]

    assert lengths == [50, 50, 20]


def test_errors_are_those_of_pandas(path: Path, tmp_path: Path, cut: int) -> None:
    bad, latin = tmp_path / "bad.json", tmp_path / "latin.json"
    bad.write_text(path.read_text() + '{"key": 1, "x": \n')
    latin.write_bytes(path.read_bytes() + b'{"word": "\xe9"}\n')

    for file in (bad, latin, tmp_path / "nothing.json", tmp_path):
        with pytest.raises((ValueError, OSError)) as theirs:
            pandas.read_json(file, lines=True)
        with pytest.raises((ValueError, OSError)) as ours:
            pd.read_json(file, lines=True)
        assert (type(ours.value), str(ours.value)) == (type(theirs.value), str(theirs.value))


def test_a_frame_is_written_onto_its_own_source(path: Path, cut: int) -> None:
    expected = pandas.read_json(path, lines=True)[["key", "word", "x"]]
    df = pd.read_json(path, lines=True)[["key", "word", "x"]]

    df.to_json(path, orient="records", lines=True)

    assert_same(df.to_pandas(), expected)
    assert path.read_text() == expected.to_json(orient="records", lines=True)


def test_a_changed_file_raises(path: Path, cut: int) -> None:
    df = pd.read_json(path, lines=True)
    path.write_text(path.read_text().replace("word", "WORD"))

    with pytest.raises(SourceChangedError, match="has changed since read_json"):
        df["x"].sum()


def test_a_small_file_is_read_by_pandas(path: Path) -> None:
    expected = pandas.read_json(path, lines=True, nrows=7)
    df = pd.read_json(path, lines=True, nrows=7)
    path.unlink()

    assert_same(df.to_pandas(), expected)
    assert support.fallbacks() == []


def test_urls_buffers_and_compressed_files(path: Path, tmp_path: Path, cut: int) -> None:
    import fsspec

    expected = pandas.read_json(path, lines=True)
    fsspec.filesystem("memory").pipe("/table.json", path.read_bytes())
    expected.to_json(tmp_path / "x.json.gz", orient="records", lines=True, double_precision=15)

    assert_native(pd.read_json("memory://table.json", lines=True), expected)
    assert_native(pd.read_json(f"file://{path}", lines=True), expected)
    assert_same(pd.read_json(io.StringIO(path.read_text()), lines=True).to_pandas(), expected)
    assert_same(
        pd.read_json(tmp_path / "x.json.gz", lines=True).to_pandas(),
        pandas.read_json(tmp_path / "x.json.gz", lines=True),
    )
    assert len(support.fallbacks()) == 2


def outcome(read: Any, file: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frame = read(file, lines=True)
            return frame.to_pandas() if hasattr(frame, "to_pandas") else frame
        except Exception as error:  # noqa: BLE001  compared with pandas'
            return error


def assert_same_outcome(result: Any, expected: Any) -> None:
    if isinstance(expected, Exception):
        assert type(result) is type(expected)
        assert str(result) == str(expected)
    else:
        assert not isinstance(result, Exception), result
        assert_same(result, expected)


FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number != 2.0**63)
WORDS = st.text(max_size=4, alphabet=st.characters(exclude_categories=["Cs"]))
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "small": st.integers(-2, 2),
    "float": FLOATS,
    "short": st.decimals(-1000, 1000, places=2).map(float),
    "bool": st.booleans(),
    "text": WORDS.map("t{}".format),
}


@st.composite
def columns_of_a_kind(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Records whose columns have one kind each, with gaps of both sorts."""
    rows = draw(st.integers(1, 8))
    records: list[dict[str, Any]] = [{} for _ in range(rows)]
    for name in draw(st.permutations(["a", "zo\u00eb", "the third"])):
        values = KINDS[draw(st.sampled_from(sorted(KINDS)))]
        gaps = draw(st.sampled_from(["", "null", "key", "both"]))
        for record in records:
            gap = draw(st.integers(0, 3)) if gaps else 9
            if gap == 0 and gaps in ("null", "both"):
                record[name] = None
            elif gap != 1 or gaps not in ("key", "both"):
                record[name] = draw(values)
    return records


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(records=columns_of_a_kind(), piece=st.sampled_from([1, 50]), ascii_only=st.booleans())
def test_columns_of_a_kind_are_native(
    tmp_path: Path, records: list[dict[str, Any]], piece: int, ascii_only: bool
) -> None:
    file = tmp_path / "x.json"
    lines = [json.dumps(record, ensure_ascii=ascii_only) for record in records]
    file.write_text("\n".join(lines), encoding="utf-8")
    pd.set_option("raylab.target_partition_bytes", piece)
    expected = pandas.read_json(file, lines=True)

    result = pd.read_json(file, lines=True)

    assert_same(result.to_pandas(), expected)
    if file.stat().st_size >= piece and any(records):
        assert support.fallbacks() == []


VALUES = [
    *("null", "0", "-0", "1", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808"),
    *("9223372036854775808", "18446744073709551615", "18446744073709551616", "31536001", "1700000000"),
    *("0.0", "-0.0", "1.0", "1.5", "0.1234567890123456789", "1e5", "1E-400", "1e400", "9223372036854775808.0"),
    *("NaN", "Infinity", "-Infinity", "true", "false", '""', '"x"', '"1"', '"1.5"', '"nan"', '"1_0"', '" 2 "'),
    *('"2024-01-02"', '"2024-01-02T03:04:05Z"', '"Jan"', '"true"', '"\\ud83d\\ude00"', '"\\udc00"'),
    *('"\\u0000"', '"\u0663"', '"\\n"', "{}", "[]", "[1]", '{"b": 1}', "-", "01", "nul", '"open'),
]  # fmt: skip
NAMES = ["a", "b", "c", "x_at", "Date", "1", "2020", "", "^b", "timestamps"]
SEPARATORS = ["\n", "\n\n", "\r\n", " \n", ",", "\n,", " "]


@st.composite
def texts(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
    choices = {
        name: draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=3)) for name in names
    }
    records = []
    for _ in range(draw(st.integers(0, 6))):
        chosen = draw(st.lists(st.sampled_from(names), min_size=0, max_size=3))
        items = [f"{json.dumps(name)}: {draw(st.sampled_from(choices[name]))}" for name in chosen]
        records.append(f"{{{', '.join(items)}}}")
    separator = draw(st.sampled_from(SEPARATORS)) if draw(st.booleans()) else "\n"
    return separator.join(records) + draw(st.sampled_from(["", "\n", "\n \n"]))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=texts(), piece=st.sampled_from([1, 25]))
def test_any_text_is_read_as_by_pandas(tmp_path: Path, text: str, piece: int) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(text.encode())
    pd.set_option("raylab.target_partition_bytes", piece)

    result, expected = outcome(pd.read_json, file), outcome(pandas.read_json, file)

    assert_same_outcome(result, expected)
