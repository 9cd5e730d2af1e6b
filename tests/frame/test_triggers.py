"""What computes a lazy frame, and what does not: a golden list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest

import raylab.frame as pd
from raylab.frame.execution import engine

LAZY: dict[str, Callable[[Any], Any]] = {
    "columns": lambda d: d.columns,
    "dtypes": lambda d: d.dtypes,
    "dtype": lambda d: d.x.dtype,
    "ndim": lambda d: d.ndim,
    "length of a scan": len,
    "shape of a scan": lambda d: d.shape,
    "index of a scan": lambda d: d.index,
    "dir": dir,
    "sizeof": lambda d: d.__sizeof__(),
    "missing attribute": lambda d: hasattr(d, "nope"),
    "column": lambda d: d["x"],
    "attribute": lambda d: d.x,
    "name": lambda d: d.x.name,
    "set item": lambda d: d.__setitem__("z", d.x * 2),
    "set columns": lambda d: setattr(d, "columns", ["a", "b", "c"]),
    "copy": lambda d: d.copy(),
    "groupby": lambda d: d.groupby("k"),
    "groupby column": lambda d: d.groupby("k").x,
    "str": lambda d: d.k.str,
    "loc": lambda d: d.loc,
    "attrs": lambda d: d.attrs,
    "in": lambda d: "x" in d,
    "keys": lambda d: d.keys(),
    "get": lambda d: d.get("x"),
    "explain": lambda d: d[d.x > 1].explain("physical"),
}
COMPUTING: dict[str, Callable[[Any], Any]] = {
    "repr": repr,
    "values": lambda d: d.values,
    "iteration": lambda d: list(d.itertuples()),
    "reduction": lambda d: d.x.sum(),
    "length of a filter": lambda d: len(d[d.x > 1]),
    "to_pandas": lambda d: d.to_pandas(),
    "numpy": lambda d: d.x.to_numpy(),
    "set cell": lambda d: d.loc.__setitem__((0, "x"), 5),
    "fallback": lambda d: d.describe(),
}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each plan that was run."""
    counted: list[int] = []
    run = engine._prepared

    def counting(*args: Any, **kwargs: Any) -> Any:
        counted.append(1)
        return run(*args, **kwargs)

    monkeypatch.setattr(engine, "_prepared", counting)
    return counted


@pytest.fixture
def df(tmp_path: Path) -> pd.DataFrame:
    path = tmp_path / "frame.parquet"
    pandas.DataFrame({"k": ["a", "b", "a"], "x": [1, 2, 3], "y": [0.5, None, 2.5]}).to_parquet(path)
    return pd.read_parquet(path)


@pytest.mark.parametrize("name", LAZY)
def test_does_not_compute(name: str, df: pd.DataFrame, runs: list[int]) -> None:
    LAZY[name](df)

    assert runs == []
    assert "_lazy" in df.__dict__


@pytest.mark.parametrize("name", COMPUTING)
def test_computes(name: str, df: pd.DataFrame, runs: list[int]) -> None:
    COMPUTING[name](df)

    assert len(runs) >= 1
