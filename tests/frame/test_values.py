"""Values, dtypes and labels that a second review found other than pandas'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

from tests.frame.agreement import Operation, check

DAYS = pandas.to_datetime(["2024-03-01", None, "2024-03-03", "2024-03-01", None, "2024-03-02"])
TABLE = pandas.DataFrame(
    {
        "k": [2, 1, 2, 3, 1, 2],
        "g": ["b", None, "a", "c", "a", "b"],
        "x": [1.0, 2.0, -1.0, 4.0, 0.5, 3.0],
        "y": [np.nan, 1.0, np.inf, np.inf, np.nan, -np.inf],
        "i": [1, 2, 3, 4, 5, 6],
        "n": np.array([9, 8, 7, 6, 5, 4], dtype="uint64"),
        "h": np.array([0.1, 0.2, np.nan, 1.0, 2.0, 3.0], dtype="float32"),
        "b": [True, False, True, True, False, False],
        "s": ["a b", "", None, "b", "a  c", "  "],
        "t": DAYS.as_unit("us"),
        "c": pandas.Categorical(["v", "u", None, "u", "v", "v"]),
        "N": pandas.array([3, None, 1, 1, None, 2], dtype="Int64"),
        "W": pandas.array(["q", None, "p", "q", "p", "p"], dtype="string"),
    }
).astype({"g": "str", "s": "str"})


def levels(labels: Any) -> list[list[str]]:
    """What the levels of an index store, in the order in which unstack shows it."""
    return [[str(value) for value in level] for level in labels.levels]


def twice_named(d: Any) -> Any:
    """A frame whose key is a column and the name of the index, too."""
    return d.set_index("k", drop=False)


LEVELS: dict[str, Operation] = {
    "pairs counted": lambda p, d: levels(d[["k", "g"]].value_counts().index),
    "pairs counted, missing ones too": lambda p, d: levels(
        d[["g", "k"]].value_counts(dropna=False).index
    ),
    "counts in groups": lambda p, d: levels(d.groupby(["k", "b"]).g.value_counts().index),
    "counts in groups as found": lambda p, d: levels(
        d.groupby(["k", "b"], sort=False).g.value_counts().index
    ),
    "groups as found": lambda p, d: levels(d.groupby(["k", "g"], sort=False).x.sum().index),
    "groups as found, some without a key": lambda p, d: levels(
        d.groupby(["g", "N"], sort=False).x.sum().index
    ),
    "columns of a pivot": lambda p, d: levels(
        d.drop_duplicates(["k", "b"])[["k", "b", "x", "i"]].pivot(index="k", columns="b").columns
    ),
    "columns of aggregations": lambda p, d: levels(
        d.groupby("k")[["x", "i"]].agg(["sum", "min"]).columns
    ),
    "columns of other aggregations": lambda p, d: levels(
        d.groupby("k").agg({"x": "median", "i": ["min", "max"]}).columns
    ),
    "stacked": lambda p, d: levels(d.set_index("g")[["x", "h"]].stack().index),
    "stacked below levels": lambda p, d: levels(d.set_index(["k", "i"])[["x", "h"]].stack().index),
    "stacked nothing": lambda p, d: levels(d[["x", "h"]].head(0).stack().index),
    "largest in groups": lambda p, d: levels(d.groupby("k").x.nlargest(2).index),
    "windows in groups": lambda p, d: levels(d.groupby("k").x.rolling(2).sum().index),
    "levels of a filtered frame": lambda p, d: levels(
        d.set_index(p.MultiIndex.from_product([["z", "a"], [3, 1, 2]]))[["x"]][
            lambda f: f.x < 3
        ].index
    ),
    "unstacked counts": lambda p, d: d[["k", "b"]].value_counts().unstack(),
    "unstacked groups as found": lambda p, d: d.groupby(["b", "g"], sort=False).x.sum().unstack(),
    "sorted counts": lambda p, d: levels(d[["k", "b"]].value_counts().sort_index().index),
}

VALUES: dict[str, Operation] = {
    "quantile between infinities": lambda p, d: d.y.quantile(0.5),
    "quantiles beside infinities": lambda p, d: d.y.quantile([0.1, 0.75, 0.9]),
    "quantiles of infinities in groups": lambda p, d: d.groupby("b").y.quantile(0.4),
    "infinities described": lambda p, d: d.y.describe(),
    "quantile of nullable": lambda p, d: d.N.quantile(0.5),
    "quantiles of nullable": lambda p, d: d.N.quantile([0.1, 0.9]),
    "bins of infinities": lambda p, d: p.qcut(d.y, 2, labels=False),
    "ranks of nullable": lambda p, d: d.N.rank(method="min"),
    "ranks of numbers": lambda p, d: d.rank(numeric_only=True),
    "all repeated, nullable": lambda p, d: d.N.duplicated(keep=False),
    "sizes of nullable": lambda p, d: d.groupby("b").N.transform("size"),
    "indicators of nullable strings": lambda p, d: p.get_dummies(d[["k", "W"]]),
    "more labels than calls may nest": lambda p, d: (
        d.assign(x=1.0)
        .merge(p.DataFrame({"l": range(250)}), how="cross")
        .drop_duplicates(["k", "l"])
        .pivot(index="k", columns="l", values="x")
    ),
    "no words": lambda p, d: d.s.str.split().explode(ignore_index=True),
    "float32 beside a NumPy number": lambda p, d: d.h.where(d.b, np.float64(0.1)),
    "None among bools": lambda p, d: d.b.where(d.b, None),
    "filled on both sides": lambda p, d: d.x.shift(1).eq(d.x.shift(1), fill_value=0),
    "bools for strings that are none": lambda p, d: d.g.map({"no": True, "yes": False}),
    "bools for strings": lambda p, d: d.g.map({"a": True, "b": False}),
    "spread of one value": lambda p, d: d.x.head(1).std(),
    "covariance of one pair": lambda p, d: d.x.head(1).cov(d.h.head(1)),
    "sizes by name": lambda p, d: d.groupby("k").agg("size"),
    "pivot of sizes": lambda p, d: d.pivot_table(index="k", columns="b", aggfunc="size"),
    "category totals without an index": lambda p, d: d.groupby("c", as_index=False).x.transform(
        "sum"
    ),
}

ERRORS: dict[str, Operation] = {
    "keys beside ignore_index": lambda p, d: p.concat([d, d], keys=["a", "b"], ignore_index=True),
    "sorted by a column and level": lambda p, d: twice_named(d).sort_values("k"),
    "merged by a column and level": lambda p, d: twice_named(d).merge(twice_named(d), on="k"),
}

NAMED: dict[str, Operation] = {
    "sums by an own column": lambda p, d: (lambda f: f.groupby(f["k"]).x.sum())(twice_named(d)),
    "all sums by an own column": lambda p, d: (
        lambda f: f.groupby([f["k"], f["b"]]).sum(numeric_only=True)
    )(twice_named(d)),
    "sums by the level of a column": lambda p, d: (
        twice_named(d).groupby(level="k").sum(numeric_only=True)
    ),
    "joined by signed and unsigned labels": lambda p, d: (
        d[["i", "x"]].set_index("i").join(d[["n", "h"]].set_index("n"))
    ),
}

ATTRS: dict[str, Operation] = {
    "groups": lambda p, d: d.groupby("k").x.sum(),
    "rows of groups": lambda p, d: d.groupby("k")[["x"]].cumsum(),
    "strings": lambda p, d: d.s.str.upper(),
    "moments": lambda p, d: d.t.dt.year,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*LEVELS, *VALUES, *NAMED])
def test_answer_is_the_one_of_pandas(name: str) -> None:
    check({**LEVELS, **VALUES, **NAMED}[name], TABLE, native=False)


@pytest.mark.parametrize("name", ERRORS)
def test_error_is_the_one_of_pandas(name: str) -> None:
    check(ERRORS[name], TABLE)


@pytest.mark.parametrize("name", ATTRS)
def test_attrs_are_kept(name: str) -> None:
    def attrs(library: Any, frame: Any) -> Any:
        frame.attrs["unit"] = "m"
        return ATTRS[name](library, frame).attrs

    check(attrs, TABLE, native=False)


FAR: dict[str, Operation] = {
    "deviation": lambda p, d: p.Series([d.x.std()]),
    "variances": lambda p, d: d[["x", "i"]].var(),
    "errors": lambda p, d: d[["x", "i"]].sem(),
    "described": lambda p, d: d.describe(),
}


@pytest.mark.parametrize("name", FAR)
def test_spreads_far_from_0_keep_their_digits(name: str) -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    table = pandas.DataFrame({"x": 1e9 + values, "i": (1e15 + 1e6 * values).astype("int64")})

    check(FAR[name], table, exact=False)
