"""Joins of indexes of two dtypes: the index of the result is pandas'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

import raylab.frame as pd
from tests.frame.agreement import check

PAIRS = (
    ("int64", "float64"),
    ("float64", "int64"),
    ("int8", "int64"),
    ("float32", "int64"),
    ("float32", "float64"),
    ("uint8", "int8"),
)
LEFT = pandas.DataFrame({"i": [1, 2, 5, 5], "j": [1, 1, 2, 3], "v": [1.0, 2.0, 3.0, 4.0]})
RIGHT = pandas.DataFrame({"i": [5, 1, 3], "j": [2, 1, 1], "w": [10, 20, 30]})


def _other(p: Any, frame: pandas.DataFrame) -> Any:
    return pd.from_pandas(frame) if p is pd else frame


@pytest.mark.parametrize("how", ["left", "inner", "right", "outer"])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_index_of_a_join(one: str, other: str, how: str) -> None:
    left, right = LEFT.astype({"i": one}), RIGHT.astype({"i": other})

    def joined(p: Any, d: Any) -> Any:
        return d.set_index("i")[["v"]].join(_other(p, right).set_index("i")[["w"]], how=how)

    def merged(p: Any, d: Any) -> Any:
        other = _other(p, right).set_index("i")[["w"]]
        return d.set_index("i")[["v"]].merge(
            other, left_index=True, right_index=True, how=how, sort=True
        )

    native = how == "left" or (how == "inner" and (one, other) != ("uint8", "int8"))
    check(joined, left, native=native)
    check(merged, left, native=native)


@pytest.mark.parametrize("how", ["left", "inner"])
@pytest.mark.parametrize("names", [["i", "j"], ["i", "q"]])
def test_index_of_several_levels(names: list[str], how: str) -> None:
    right = RIGHT.astype({"i": "float64"})

    def joined(p: Any, d: Any) -> Any:
        other = _other(p, right).set_index(["i", "j"]).rename_axis(names)
        return d.set_index(["i", "j"]).join(other, how=how)

    check(joined, LEFT, native=False)


def test_integers_beyond_floats_stay_in_the_index() -> None:
    big = 2**53 + 1
    left = pandas.DataFrame({"i": [1, 2, big], "v": [1, 2, 3]})
    right = pandas.DataFrame({"f": np.array([1.0, 3.0, 2.0**53]), "w": [10, 20, 30]})

    def joined(p: Any, d: Any) -> Any:
        return d.set_index("i").join(_other(p, right).set_index("f"))

    check(joined, left)
    assert joined(pandas, left).index[2] == big
