"""``.str`` against pandas, with letters whose rules differ between Unicode libraries."""

from __future__ import annotations

from typing import Any

import pandas
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import raylab.frame as pd
from tests.frame.agreement import WORDS, Operation, check, frames

PLAIN = (
    *("lower", "upper", "title", "capitalize", "swapcase", "casefold", "len", "strip", "lstrip"),
    *("rstrip", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric"),
    *("isspace", "istitle", "isupper"),
)


def _plain(name: str) -> Operation:
    return lambda p, d: getattr(d.s.str, name)()


OPERATIONS: dict[str, Operation] = {
    **{name: _plain(name) for name in PLAIN},
    "contains": lambda p, d: d.s.str.contains("a"),
    "contains any case": lambda p, d: d.s.str.contains("A", case=False),
    "contains flags": lambda p, d: d.s.str.contains("A", flags=2),
    "contains missing": lambda p, d: d.s.str.contains("a", na=True),
    "contains digit": lambda p, d: d.s.str.contains(r"\d"),
    "contains word": lambda p, d: d.s.str.contains(r"\w\s"),
    "contains ahead": lambda p, d: d.s.str.contains("a(?=b)"),
    "match": lambda p, d: d.s.str.match("a", case=False),
    "fullmatch": lambda p, d: d.s.str.fullmatch(r"\w+"),
    "startswith": lambda p, d: d.s.str.startswith(("a", "x"), na=True),
    "endswith": lambda p, d: d.u.str.endswith("b"),
    "replace": lambda p, d: d.s.str.replace("a", "b"),
    "replace once": lambda p, d: d.s.str.replace("b", "c", n=1),
    "replace pattern": lambda p, d: d.s.str.replace(r"(\w)(\w)", r"\2\1", regex=True),
    "replace any case": lambda p, d: d.s.str.replace("A", "b", case=False, regex=True),
    "split": lambda p, d: d.s.str.split(" "),
    "split part": lambda p, d: d.s.str.split(" ").str[1],
    "split last": lambda p, d: d.s.str.split().str[-1],
    "split once": lambda p, d: d.s.str.split("b", n=1).str.get(0),
    "split count": lambda p, d: d.u.str.split(".").str.len(),
    "rsplit": lambda p, d: d.s.str.rsplit("b", n=1).str[0],
    "get": lambda p, d: d.s.str.get(1),
    "item": lambda p, d: d.s.str[-1],
    "item slice": lambda p, d: d.s.str[::-1],
    "slice": lambda p, d: d.s.str.slice(-3, -1),
    "slice replace": lambda p, d: d.s.str.slice_replace(1, 2, "Q"),
    "pad": lambda p, d: d.s.str.pad(5, side="both", fillchar="*"),
    "ljust": lambda p, d: d.s.str.ljust(4),
    "rjust": lambda p, d: d.s.str.rjust(4, "0"),
    "center": lambda p, d: d.s.str.center(5),
    "zfill": lambda p, d: d.s.str.zfill(4),
    "cat": lambda p, d: d.s.str.cat(d.u, sep="-"),
    "cat missing": lambda p, d: d.s.str.cat([d.u, d.s], na_rep="?"),
    "repeat": lambda p, d: d.s.str.repeat(2),
    "find": lambda p, d: d.s.str.find("b"),
    "rfind": lambda p, d: d.u.str.rfind("a"),
    "index": lambda p, d: d.s.str.index("a"),
    "count": lambda p, d: d.s.str.count("[ab]"),
    "extract": lambda p, d: d.s.str.extract(r"(?P<first>\w)(?P<space>\s)?"),
    "extract one": lambda p, d: d.s.str.extract(r"(\w+)", expand=False),
    "removeprefix": lambda p, d: d.s.str.removeprefix("a"),
    "removesuffix": lambda p, d: d.s.str.removesuffix("b"),
    "normalize": lambda p, d: d.s.str.normalize("NFKC"),
    "wrap": lambda p, d: d.s.str.wrap(2),
    "in a mask": lambda p, d: d[d.s.str.lower().str.contains("a") & d.u.str.isalnum()],
    "after each other": lambda p, d: d.s.str.strip().str.title() + "!",
    "width of the wrong type": lambda p, d: d.s.str.pad("x"),
    "invalid pattern": lambda p, d: d.s.str.contains("("),
}  # fmt: skip
FALLING_BACK: dict[str, Operation] = {
    "split into columns": lambda p, d: d.s.str.split(" ", expand=True),
    "unnamed groups": lambda p, d: d.s.str.extract(r"(\w)(\s)?"),
    "replace by function": lambda p, d: d.s.str.replace("a", lambda m: "q", regex=True),
    "all in one": lambda p, d: d.u.str.cat(sep=","),
    "partition": lambda p, d: d.s.str.partition("a"),
    "findall": lambda p, d: d.s.str.findall("a"),
}


@pytest.fixture(scope="module")
def words() -> pandas.DataFrame:
    texts: list[Any] = [*WORDS, None, "Banana split", "\u0130\ufb01", "\u00a0", "x\ny"]
    return pandas.DataFrame(
        {"s": pandas.Series(texts, dtype="str"), "u": pandas.Series(texts[::-1], dtype="str")}
    ).assign(u=lambda d: d.u.fillna("z"))


@pytest.mark.parametrize("name", OPERATIONS)
def test_string_method_is_native_and_exact(name: str, words: pandas.DataFrame) -> None:
    check(OPERATIONS[name], words)


@pytest.mark.parametrize("name", FALLING_BACK)
def test_other_string_methods_fall_back(name: str, words: pandas.DataFrame) -> None:
    check(FALLING_BACK[name], words, native=False)


@settings(deadline=None, max_examples=40)
@given(frames(), st.sampled_from(sorted(OPERATIONS)))
def test_string_methods_agree_on_random_frames(table: pandas.DataFrame, name: str) -> None:
    # Where all strings are missing, pandas' lists are floats, without string methods.
    assume("split" not in name or table.s.notna().any())

    check(OPERATIONS[name], table, native=False)


def test_results_of_pandas_own_accessors_are_raylabs(words: pandas.DataFrame) -> None:
    pd.set_option("raylab.lazy_threshold_rows", 0)
    pd.set_option("raylab.fallback", "silent")

    result = pd.from_pandas(words).s.str.partition("a")

    assert isinstance(result, pd.DataFrame)


@pytest.mark.parametrize("dtype", ["str", "string", "string[python]"])
def test_extract_of_strings_that_are_stored_otherwise(dtype: str, lazy: None) -> None:
    pd.set_option("raylab.fallback", "silent")
    expected = pandas.Series(["a1", "b2", None], dtype=dtype).str
    result = pd.Series(["a1", "b2", None], dtype=dtype).str

    named = r"(?P<letter>[a-z])(?P<digit>\d)"
    pandas.testing.assert_frame_equal(result.extract(named).to_pandas(), expected.extract(named))
    pandas.testing.assert_series_equal(
        result.extract(r"(\d)", expand=False).to_pandas(), expected.extract(r"(\d)", expand=False)
    )
