"""``map`` and ``apply`` with Python functions against pandas."""

from __future__ import annotations

from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import raylab.frame as pd
from tests.frame.agreement import Operation, check, frames

OPERATIONS: dict[str, Operation] = {
    "map": lambda p, d: d.k.map(lambda v: v * 2),
    "map to several kinds": lambda p, d: d.k.map(lambda v: 1 if v > 1 else 2.5),
    "map to none": lambda p, d: d.k.map(lambda v: None if v > 1 else v),
    "map ignoring": lambda p, d: d.s.map(len, na_action="ignore"),
    "map moments": lambda p, d: d.z.map(lambda v: v.year if v == v else None),
    "apply": lambda p, d: d.k.apply(lambda v, a, b=0: v + a + b, args=(1,), b=2),
    "apply to series": lambda p, d: d.k.apply(lambda v: pandas.Series({"a": v, "b": v * 2})),
    "apply type": lambda p, d: d.k.apply(str),
    "rows": lambda p, d: d[["k", "f"]].apply(lambda r: r.k + r.f, axis=1),
    "rows of all kinds": lambda p, d: d.apply(lambda r: f"{r.s}{r.k}{r.t}", axis=1),
    "rows to series": lambda p, d: d[["k", "f"]].apply(lambda r: r * 2, axis=1),
    "rows to lists": lambda p, d: d[["k"]].apply(lambda r: [r.k, r.k], axis=1),
    "rows expanded": lambda p, d: d[["k"]].apply(
        lambda r: [r.k, 1], axis=1, result_type="expand"
    ),
    "labels": lambda p, d: d[d.b].apply(lambda r: r.name, axis=1),
    "labels of an index": lambda p, d: d.set_index("u")[["k"]].apply(lambda r: r.name, axis=1),
    "arguments": lambda p, d: d[["k"]].apply(lambda r, a, b: r.k + a + b, axis=1, args=(1,), b=2),
}  # fmt: skip


def _fail_at_three(value: Any) -> Any:
    if value == 3:
        raise KeyError("three")
    return value


@settings(deadline=None, max_examples=60)
@given(frames(smallest=1), st.sampled_from(sorted(OPERATIONS)))
def test_functions_agree_on_random_frames(table: pandas.DataFrame, name: str) -> None:
    check(OPERATIONS[name], table, native=False)


def test_nothing_falls_back() -> None:
    table = pandas.DataFrame({"k": [1, 2, 3], "f": [0.5, 1.5, 2.5]})

    check(OPERATIONS["map"], table)
    check(OPERATIONS["rows"], table)


@pytest.mark.parametrize("partitions", [1, 3])
def test_function_runs_once_for_each_row(lazy: None, partitions: int) -> None:
    pd.set_option("raylab.npartitions", partitions)
    seen: list[int] = []

    result = pd.Series(range(10)).map(lambda v: seen.append(v) or v)

    assert seen == list(range(10))
    assert result.tolist() == seen


def test_error_names_row_and_partition(lazy: None) -> None:
    pd.set_option("raylab.npartitions", 3)
    df = pd.DataFrame({"k": range(6)}, index=list("abcdef"))

    with pytest.raises(KeyError, match="three") as caught:
        df.apply(lambda row: _fail_at_three(row.k), axis=1)

    note = caught.value.__notes__[0]
    assert "row 'd' (row 1 of partition 2 of 3)" in note
    assert "_fail_at_three" in note
