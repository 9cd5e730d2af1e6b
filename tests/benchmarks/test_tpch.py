"""The 22 TPC-H queries agree with DuckDB, and the comparison sees what is wrong."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.tpch.answers import difference
from benchmarks.tpch.check import check
from benchmarks.tpch.data import VARIANTS, Variant, load
from benchmarks.tpch.systems import SYSTEMS


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tpch")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("system", ["pandas", "pandas, columns named", "polars"])
def test_all_queries_agree_with_duckdb(data_dir: Path, system: str, variant: Variant) -> None:
    tables = load(0.01, variant, data_dir)

    problems = check(tables, SYSTEMS[system]())

    assert problems == {}


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (pd.DataFrame({"k": [1, 2], "x": [1.0, 2.00001]}), "x[1]"),
        (pd.DataFrame({"k": [2, 1], "x": [1.0, 2.0]}), "k[0]"),
        (pd.DataFrame({"k": [1], "x": [1.0]}), "1 rows"),
        (pd.DataFrame({"x": [1.0, 2.0], "k": [1, 2]}), "columns"),
    ],
)
def test_a_wrong_answer_is_named(answer: pd.DataFrame, word: str) -> None:
    expected = pd.DataFrame({"k": [1, 2], "x": [1.0, 2.0]})

    problem = difference(answer, expected)

    assert problem is not None
    assert word in problem


def test_floats_may_differ_in_the_last_bits() -> None:
    expected = pd.DataFrame({"x": [1.0, 2.0]})

    problem = difference(expected * (1 + 1e-9), expected)

    assert problem is None


def test_rows_that_tie_may_stand_in_any_order_and_others_may_not() -> None:
    expected = pd.DataFrame({"part": [3, 1, 2, 4], "value": [9.0, 7.0, 7.0, 5.0]})

    def answer(parts: list[int], values: list[float]) -> str | None:
        return difference(pd.DataFrame({"part": parts, "value": values}), expected)

    assert answer([3, 1, 2, 4], [9.0, 7.0, 7.0, 5.0]) is None
    assert answer([3, 2, 1, 4], [9.0, 7.0 + 1e-15, 7.0, 5.0]) is None
    assert answer([3, 2, 2, 4], [9.0, 7.0, 7.0, 5.0]) is not None
    assert answer([3, 4, 2, 1], [9.0, 7.0, 7.0, 5.0]) is not None
    assert answer([1, 3, 2, 4], [9.0, 7.0, 7.0, 5.0]) is not None
    assert difference(expected.iloc[:0], expected.iloc[:0]) is None
    assert difference(expected[["part"]], expected[["part"]][::-1]) is not None
