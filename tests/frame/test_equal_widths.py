"""Strings of one width as numbers: the order and the strings come back, others are told apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import raylab.frame as pd
from raylab.frame.execution import equal_widths
from raylab.frame.execution.equal_widths import EqualWidths, numbered

MANY = 1 << 54
POOL = ThreadPoolExecutor(2)


def found(texts: Any, most: int = MANY) -> tuple[EqualWidths, np.ndarray[Any, Any]]:
    numbering = numbered(texts, most, POOL)
    assert numbering is not None
    return numbering


@given(
    st.integers(1, 8).flatmap(
        lambda width: st.lists(
            st.text("09AZaz-/", min_size=width, max_size=width), min_size=1, max_size=700
        )
    ),
    st.sampled_from([pa.large_string(), pa.string()]),
    st.integers(0, 40),
)
def test_codes_have_the_order_of_the_strings_and_give_them_back(
    texts: list[str], kind: Any, cut: int
) -> None:
    whole = pa.array(texts, kind)
    chunked = pa.chunked_array([whole[:cut], whole[cut:]], kind)

    for given_texts in (whole, chunked):
        numbering, codes = found(given_texts)

        assert numbering.texts(codes).to_list() == texts
        assert np.array_equal(np.argsort(codes, kind="stable"), _order(texts))
        assert codes.min() >= 0
        assert codes.max() < numbering.size
        assert np.array_equal(numbering.codes(given_texts), codes)


def _order(texts: list[str]) -> list[int]:
    return sorted(range(len(texts)), key=lambda i: texts[i])


def test_codes_are_dense_for_numbered_names() -> None:
    numbering, codes = found(pa.array([f"run-{n:06d}" for n in range(1000)], pa.large_string()))

    assert numbering.size == 1000
    assert codes.tolist() == list(range(1000))


def test_bytes_of_several_make_a_letter() -> None:
    texts = ["é1", "ü2", "é2", "zz1"]  # all of three bytes
    numbering, codes = found(pa.array(texts, pa.large_string()))

    assert numbering.texts(codes).to_list() == texts
    assert [texts[i] for i in np.argsort(codes)] == sorted(texts)


def test_pieces_of_a_long_column_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equal_widths, "_PIECE", 300)
    texts = [f"{n * 7919 % 10_000:05d}" for n in range(2_000)]

    numbering, codes = found(pa.array(texts, pa.large_string())[1:])

    assert numbering.texts(codes).to_list() == texts[1:]


@pytest.mark.parametrize(
    "texts",
    [
        ["a", "bc"],
        ["ab", "c", "def"],  # as many bytes as three strings of two
        ["a", None],
        [None, "a"],
        ["", ""],
        [],
        ["x" * 65, "y" * 65],
        ["a", "z"],  # 26 codes, and 25 are allowed
    ],
)
def test_others_have_no_numbering(texts: list[str | None]) -> None:
    assert numbered(pa.array(texts, pa.large_string()), 25, POOL) is None


def test_strings_that_are_not_known_have_no_code() -> None:
    numbering, _ = found(pa.array(["b2", "c4"], pa.large_string()))

    others = pa.array(
        ["b2", "a2", "d2", "b1", "b5", "b", "b22", None, "c3", "é"], pa.large_string()
    )

    assert numbering.codes(others).tolist() == [0, -1, -1, -1, -1, -1, -1, -1, 4, -1]
    assert numbering.codes(others[:0]).tolist() == []


def test_joins_by_such_strings_are_as_in_pandas(lazy: None) -> None:
    rng = np.random.default_rng(1)
    left = pandas.DataFrame({"k": [f"k{n:03d}" for n in rng.integers(0, 120, 500)]}).astype("str")
    left["x"] = rng.normal(size=500)
    right = pandas.DataFrame({"k": [f"k{n:03d}" for n in rng.permutation(100)] + ["other", "k1"]})
    right["y"] = rng.normal(size=102)

    for how in ("inner", "left"):
        joined = pd.from_pandas(left).merge(pd.from_pandas(right), on="k", how=how)
        pandas.testing.assert_frame_equal(joined.to_pandas(), left.merge(right, on="k", how=how))
