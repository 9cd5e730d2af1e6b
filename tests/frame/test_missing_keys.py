"""Missing values among groups and counts: where pandas puts them."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from tests.frame.agreement import Operation, check

TABLE = pandas.DataFrame(
    {
        "s": ["b", None, "a", None, "b", "a"],
        "k": [2.0, 1.0, np.nan, np.nan, 2.0, 1.0],
        "n": pandas.array([7, None, 2, 2, None, 7], dtype="Int64"),
        "t": pandas.to_datetime(["2021", None, "2020", "2020", None, "2021"]),
        "f": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
    }
)

GROUPED: dict[str, Operation] = {
    "groups": lambda p, d: d.groupby(["s", "k"], dropna=False).f.sum(),
    "as found": lambda p, d: d.groupby(["s", "k"], dropna=False, sort=False).f.sum(),
    "sorted": lambda p, d: d.groupby(["s", "n"], dropna=False).f.sum().sort_index(),
    "sorted down": lambda p, d: (
        d.groupby(["s", "k"], dropna=False).f.sum().sort_index(ascending=False)
    ),
    "sorted down first": lambda p, d: (
        d.groupby(["s", "t"], dropna=False).f.sum().sort_index(ascending=False, na_position="first")
    ),
    "sorted up first": lambda p, d: (
        d.groupby(["s", "t"], dropna=False).f.sum().sort_index(na_position="first")
    ),
    "sorted by a level": lambda p, d: (
        d.groupby(["s", "n"], dropna=False)[["f"]].sum().sort_index(level="n", ascending=False)
    ),
    "as found, sorted": lambda p, d: (
        d.groupby(["s", "n"], dropna=False, sort=False).f.sum().sort_index(ascending=False)
    ),
    "filtered, sorted": lambda p, d: (lambda r: r[r > 2].sort_index(ascending=False))(
        d.groupby(["s", "k"], dropna=False).f.sum()
    ),
    "set, sorted": lambda p, d: d.set_index(["s", "k"]).sort_index(ascending=False),
    "one key": lambda p, d: d.groupby("s", dropna=False).f.sum().sort_index(ascending=False),
    "level dropped": lambda p, d: (
        d.groupby(["s", "k"], dropna=False).f.sum().droplevel("s").sort_index(ascending=False)
    ),
}

SPREAD: dict[str, Operation] = {
    "unstack": lambda p, d: d.groupby(["s", "k"], dropna=False).f.sum().unstack(),
    "unstack nullable": lambda p, d: d.groupby(["n", "s"], dropna=False).f.sum().unstack(),
    "unstack moments": lambda p, d: d.groupby(["s", "t"], dropna=False).f.sum().unstack("s"),
    "unstack as found": lambda p, d: (
        d.groupby(["s", "k"], dropna=False, sort=False).f.sum().unstack()
    ),
    "unstack set": lambda p, d: d.drop_duplicates(["s", "k"]).set_index(["s", "k"]).f.unstack(),
    "unstack counts": lambda p, d: d[["s", "k"]].value_counts(dropna=False).unstack(),
    "sorted both ways": lambda p, d: (
        d.groupby(["s", "k"], dropna=False).f.sum().sort_index(ascending=[True, False])
    ),
    "pivot_table": lambda p, d: d.pivot_table(
        index="s", columns="k", values="f", aggfunc="sum", dropna=False
    ),
}

COUNTED: dict[str, Operation] = {
    "counts": lambda p, d: d.v.value_counts(dropna=False),
    "counts rising": lambda p, d: d.v.value_counts(dropna=False, ascending=True),
    "counts unsorted": lambda p, d: d.v.value_counts(dropna=False, sort=False),
    "counts present": lambda p, d: d.v.value_counts(),
}


@pytest.mark.parametrize("name", GROUPED)
def test_groups_with_missing_keys(name: str) -> None:
    check(GROUPED[name], TABLE)


@pytest.mark.parametrize("name", SPREAD)
def test_labels_that_are_missing(name: str) -> None:
    check(SPREAD[name], TABLE, native=False)


@pytest.mark.parametrize("sort", [True, False])
def test_an_index_from_memory_keeps_its_missing_values(sort: bool) -> None:
    table = TABLE.groupby(["s", "k"], dropna=False, sort=sort)[["f"]].sum()
    table = table.sort_values("f", ascending=False)

    check(lambda p, d: d, table)
    check(lambda p, d: d.sort_index(), table)
    check(lambda p, d: d.sort_index(ascending=False), table)
    if sort:  # else the order of the stored levels is not known
        check(lambda p, d: d.f.unstack(), table, native=False)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "string", "str", "float64"])
@pytest.mark.parametrize("name", COUNTED)
def test_counts_of_missing_values(name: str, dtype: str) -> None:
    values = [1, None, 1, None, 0] if dtype == "boolean" else [5, None, 3, None, 3, 7, 5, 7, 9]
    if dtype in ("string", "str"):
        values = [None if v is None else str(v) for v in values]
    check(COUNTED[name], pandas.DataFrame({"v": pandas.array(values, dtype=dtype)}))
