"""Columns of categories against pandas."""

from __future__ import annotations

import pandas
import pytest

from tests.frame.agreement import Operation, check

ORDERED = pandas.CategoricalDtype(["b", "a"], ordered=True)
NATIVE: dict[str, Operation] = {
    "column": lambda p, d: d.c,
    "frame": lambda p, d: d[d.x > 0],
    "equal": lambda p, d: d.c == "a",
    "not equal": lambda p, d: d.c != "a",
    "equal to no category": lambda p, d: d.c == "nope",
    "in a mask": lambda p, d: d[d.c == "a"],
    "codes": lambda p, d: d.c.cat.codes,
    "categories": lambda p, d: d.c.cat.categories.tolist(),
    "ordered": lambda p, d: d.o.cat.ordered,
    "isin": lambda p, d: d.c.isin(["a", "nope"]),
    "isin missing": lambda p, d: d.c.isin(["a", None]),
    "isna": lambda p, d: d.c.isna(),
    "count": lambda p, d: int(d.c.count()),
    "sort": lambda p, d: d.sort_values(["o", "x"], ascending=[False, True]),
    "group": lambda p, d: d.groupby("c", observed=True).x.sum(),
    "group few": lambda p, d: d[d.x > 1].groupby("c", observed=True).x.max(),
    "group by two": lambda p, d: d.groupby(["o", "b"], observed=True).x.sum(),
    "group missing": lambda p, d: d.groupby("c", observed=True, dropna=False).x.sum(),
    "group to columns": lambda p, d: d.groupby("o", as_index=False, observed=True).x.mean(),
    "from text": lambda p, d: d.s.astype("category"),
    "from text, given": lambda p, d: d.s.astype(ORDERED),
    "from text, grouped": lambda p, d: d.assign(q=d.s.astype("category")).groupby("q").x.sum(),
    "to text": lambda p, d: d.c.astype("str"),
    "left merge": lambda p, d: d[["k"]].merge(d[["k", "c"]].head(2), on="k", how="left"),
    "concat": lambda p, d: p.concat([d, d.head(2)]),
    "query": lambda p, d: d.query("c == 'a'"),
    "index": lambda p, d: d.set_index("c"),
}  # fmt: skip
FALLING_BACK: dict[str, Operation] = {
    "order": lambda p, d: d.o < "a",
    "unobserved": lambda p, d: d.groupby("c", observed=False).x.sum(),
    "as found": lambda p, d: d.groupby("c", sort=False, observed=True).x.sum(),
    "key": lambda p, d: d.merge(d[["c", "k"]].head(3), on="c"),
    "other categories": lambda p, d: p.concat([d.c.to_frame(), d[["o"]].rename(columns={"o": "c"})]),
    "same in other order": lambda p, d: p.concat(
        [d[["c"]], d[["c"]].assign(c=d.c.cat.reorder_categories(["b", "unused", "a"]))]
    ),
    "smallest": lambda p, d: d.o.min(),
    "renamed": lambda p, d: d.c.cat.rename_categories({"a": "A"}),
    "numbers": lambda p, d: d.k.astype("category"),
    "fillna": lambda p, d: d.c.fillna("a"),
}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pandas.DataFrame:
    texts = ["a", "b", None, "a", "b", "b", None, "a"]
    return pandas.DataFrame(
        {
            "c": pandas.Categorical(texts, categories=["a", "b", "unused"]),
            "o": pandas.Categorical(texts[::-1], categories=["b", "a"], ordered=True),
            "s": pandas.Series(texts, dtype="str"),
            "k": [0, 1, 2, 3] * 2,
            "x": [1.5, -2.0, 3.0, 0.5, 2.5, -1.0, 4.0, 0.25],
            "b": [True, False] * 4,
        }
    )


@pytest.mark.parametrize("name", NATIVE)
def test_categories_are_native(name: str, table: pandas.DataFrame) -> None:
    check(NATIVE[name], table)


@pytest.mark.parametrize("name", FALLING_BACK)
def test_other_uses_of_categories_fall_back(name: str, table: pandas.DataFrame) -> None:
    check(FALLING_BACK[name], table, native=False)
