"""Labels that are not there: pandas' own KeyError, on that line, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest

import raylab.frame as pd
from raylab.frame.execution import engine

UNKNOWN: dict[str, Callable[[Any, Any], Any]] = {
    "column": lambda p, d: d["nope"],
    "columns": lambda p, d: d[["x", "nope"]],
    "loc": lambda p, d: d.loc[:, ["nope"]],
    "drop": lambda p, d: d.drop(columns=["nope"]),
    "groupby": lambda p, d: d.groupby("nope"),
    "groupby two": lambda p, d: d.groupby(["k", "nope"]),
    "group column": lambda p, d: d.groupby("k")["nope"],
    "group columns": lambda p, d: d.groupby("k")[["nope"]],
    "agg": lambda p, d: d.groupby("k").agg({"nope": "sum"}),
    "named agg": lambda p, d: d.groupby("k").agg(a=("nope", "sum")),
    "sort": lambda p, d: d.sort_values("nope"),
    "merge": lambda p, d: d.merge(d, on="nope"),
    "merge one side": lambda p, d: d.merge(d, left_on="nope", right_on="k"),
    "join": lambda p, d: d.join(d[["x"]].add_suffix("_r"), on="nope"),
    "set_index": lambda p, d: d.set_index("nope"),
    "dropna": lambda p, d: d.dropna(subset=["nope"]),
    "duplicates": lambda p, d: d.drop_duplicates(["nope"]),
    "nlargest": lambda p, d: d.nlargest(2, "nope"),
    "pivot": lambda p, d: d.pivot(index="nope", columns="s", values="x"),
    "pivot_table": lambda p, d: d.pivot_table(index="nope", values="x"),
    "melt": lambda p, d: d.melt("nope"),
    "explode": lambda p, d: d.explode("nope"),
    "rolling": lambda p, d: d.rolling(2)["nope"],
    "value_counts": lambda p, d: d.value_counts(["nope"]),
    "dummies": lambda p, d: p.get_dummies(d, columns=["nope"]),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_label_raises_at_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pandas.DataFrame({"k": [1, 2, 1], "x": [1.0, 2.0, 3.0], "s": ["a", "b", "c"]})
    table.to_parquet(tmp_path / "table.parquet")
    with pytest.raises(KeyError) as expected:
        UNKNOWN[name](pandas, table)
    lazy = pd.read_parquet(tmp_path / "table.parquet")
    monkeypatch.setattr(engine, "_prepared", lambda *_, **__: pytest.fail("it was computed"))

    with pytest.raises(KeyError) as raised:
        UNKNOWN[name](pd, lazy)

    assert str(raised.value) == str(expected.value)


def test_unknown_row_label_raises_at_once() -> None:
    pd.set_option("raylab.lazy_threshold_rows", 0)
    lazy = pd.DataFrame({"x": [1, 2]}, index=["a", "b"])

    with pytest.raises(KeyError, match="nope"):
        lazy.loc["nope"]
    with pytest.raises(KeyError, match="nope"):
        lazy.loc[["a", "nope"]]
    with pytest.raises(KeyError, match="nope"):
        lazy.drop(index=["nope"])
