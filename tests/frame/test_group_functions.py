"""groupby with Python functions: pandas' results in any number of partitions, each group once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest

import raylab.frame as pd
from raylab.frame import support


def spread(values: Any) -> Any:
    return values.max() - values.min()


def width(group: Any) -> float:
    return float(group.x.max() - group.y.min())


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "scalars": lambda g: g.apply(width),
    "names": lambda g: g.apply(lambda f: f"{f.name}"),
    "series": lambda g: g.apply(lambda f: f[["x", "y"]].mean()),
    "frames": lambda g: g.apply(lambda f: f.head(2)),
    "same rows": lambda g: g[["x", "y"]].apply(lambda f: f - f.mean()),
    "nothing for some": lambda g: g.apply(lambda f: None if len(f) < 6 else f.x),
    "arguments": lambda g: g.apply(lambda f, a, b=1: f.x.sum() * a + b, 2, b=3),
    "of a column": lambda g: g.x.apply(spread),
    "several labels": lambda g: g.x.apply(lambda s: s.describe()),
    "aggregation": lambda g: g.x.agg(spread),
    "aggregations": lambda g: g.x.agg([spread, "sum", lambda s: s.iloc[0]]),
    "named": lambda g: g.agg(a=("x", spread), b=("y", "sum"), c=("i", lambda s: s.iloc[-1])),
    "of each column": lambda g: g[["x", "y", "i"]].agg(spread),
    "dictionary": lambda g: g.agg({"x": spread, "y": "sum"}),
    "dictionary of lists": lambda g: g.agg({"x": [spread, "max"], "y": "sum"}),
    "transform": lambda g: g.x.transform(lambda s: s - s.mean()),
    "filter": lambda g: g.filter(lambda f: f.x.mean() > 0),
    "filter a column": lambda g: g.x.filter(lambda s: s.mean() > 0),
    "filter and keep": lambda g: g[["x", "y"]].filter(lambda f: f.x.mean() > 0, dropna=False),
}
GROUPINGS: list[tuple[Any, dict[str, bool]]] = [
    ("k", {}),
    ("m", {}),
    ("m", {"dropna": False}),
    (["m", "s"], {}),
    ("s", {"sort": False}),
    ("k", {"as_index": False}),
]


@pytest.fixture(scope="module")
def data() -> pandas.DataFrame:
    rng = np.random.default_rng(3)
    rows = 60
    return pandas.DataFrame(
        {
            "k": rng.integers(0, 5, rows),
            "m": rng.choice([1.0, 2.0, np.nan], rows),
            "s": pandas.array(rng.choice(["a", "b", None], rows), dtype="str"),
            "x": rng.normal(size=rows),
            "y": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
            "i": rng.integers(-50, 50, rows),
        }
    )


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_groups(
    name: str, partitions: int, data: pandas.DataFrame, lazy: None
) -> None:
    pd.set_option("raylab.npartitions", partitions)

    for keys, how in GROUPINGS:
        expected = FUNCTIONS[name](data.groupby(keys, **how))
        result = FUNCTIONS[name](pd.from_pandas(data).groupby(keys, **how))
        compare: Any = pandas.testing.assert_frame_equal
        if isinstance(expected, pandas.Series):
            compare = pandas.testing.assert_series_equal
        compare(result.to_pandas(), expected)
    assert support.fallbacks() == []


def test_each_group_is_computed_once(data: pandas.DataFrame, lazy: None) -> None:
    seen: list[Any] = []

    def collect(group: Any) -> int:
        seen.append(group.name)
        return len(group)

    result = pd.from_pandas(data).groupby("k").apply(collect)

    assert sorted(seen) == [0, 1, 2, 3, 4]
    assert result.sum() == len(data)


@pytest.mark.parametrize("partitions", [1, 3])
def test_an_error_names_the_group(partitions: int, data: pandas.DataFrame, lazy: None) -> None:
    pd.set_option("raylab.npartitions", partitions)

    def fail(group: Any) -> float:
        if group.name == 3:
            raise KeyError("no such thing")
        return 0.0

    with pytest.raises(KeyError, match="no such thing") as raised:
        pd.from_pandas(data).groupby("k").apply(fail)

    (note,) = raised.value.__notes__
    assert "in group 3" in note
    assert f"of {partitions})" in note
    assert "fail" in note


def test_groups_can_be_walked(data: pandas.DataFrame, lazy: None) -> None:
    expected = [(key, len(group)) for key, group in data.groupby("k")]

    groups = pd.from_pandas(data).groupby("k")

    assert [(key, len(group)) for key, group in groups] == expected
    assert len(groups.get_group(1)) == dict(expected)[1]
    assert support.fallbacks() == []
