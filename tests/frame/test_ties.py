"""Heads of sorts with many equal keys: pandas' rows, though no join or groupby below keeps its order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import raylab.frame as pd
from raylab.frame.execution.lowering import Lowering
from raylab.frame.facade.state import value_node
from raylab.frame.optimizer import optimize

Question = Callable[[Any, Any], Any]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sales of few goods with few prices: nearly all rows are equal in some column."""
    folder = tmp_path_factory.mktemp("ties")
    rng = np.random.default_rng(11)
    sales = {"good": rng.integers(0, 40, 20_000), "price": rng.integers(0, 3, 20_000)}
    sales["amount"] = rng.integers(0, 4, 20_000).astype("float64")
    pandas.DataFrame(sales).to_parquet(folder / "sales.parquet", row_group_size=1_500)
    goods = {"good": rng.integers(0, 50, 120), "kind": rng.choice(["a", "b", None], 120)}
    pandas.DataFrame(goods).astype({"kind": "str"}).to_parquet(folder / "goods.parquet")
    return folder


def _least(sales: Any, goods: Any) -> Any:
    joined = sales.merge(goods, on="good")
    least = joined.groupby("good", as_index=False).agg(amount=("amount", "max"))
    return joined.merge(least, on=["good", "amount"])


QUESTIONS: dict[str, Question] = {
    "join": lambda s, g: s.merge(g, on="good").sort_values("price", kind="stable").head(50),
    "filtered left join": lambda s, g: (
        s[s.price > 0]
        .merge(g, how="left", on="good")
        .sort_values("price", kind="stable")
        .head(5_000)
    ),
    "two keys, descending": lambda s, g: (
        s.merge(g, on="good").sort_values(["kind", "price"], ascending=[False, True]).head(700)
    ),
    "missing keys first": lambda s, g: (
        s.merge(g, on="good").sort_values("kind", na_position="first", kind="stable").head(300)
    ),
    "groups": lambda s, g: (
        s.groupby(["good", "price"], as_index=False)
        .amount.max()
        .sort_values("amount", kind="stable")
        .head(60)
    ),
    "groups as they appear": lambda s, g: (
        s.groupby(["good", "price"], sort=False).amount.max().sort_values(kind="stable").head(60)
    ),
    "groups with a missing key": lambda s, g: (
        g.groupby("kind", dropna=False, as_index=False)
        .good.size()
        .sort_values("size", kind="stable")
        .head(2)
    ),
    "a join read twice": lambda s, g: _least(s, g).sort_values("price", kind="stable").head(200),
    "rows that are members": lambda s, g: (
        s[s.good.isin(g[g.kind == "a"].good)].merge(g, on="good").nlargest(90, "price")
    ),
}


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("name", QUESTIONS)
def test_rows_with_equal_keys_come_as_in_pandas(files: Path, name: str, partitions: int) -> None:
    pd.set_option("raylab.npartitions", partitions)
    tables = [files / "sales.parquet", files / "goods.parquet"]

    found = QUESTIONS[name](*map(pd.read_parquet, tables)).to_pandas()

    expected = QUESTIONS[name](*map(pandas.read_parquet, tables))
    same = pandas.testing.assert_frame_equal if expected.ndim == 2 else None
    (same or pandas.testing.assert_series_equal)(found, expected)


def test_a_head_of_a_sorted_join_that_is_read_twice_keeps_no_order(files: Path) -> None:
    sales, goods = (pd.read_parquet(files / f"{name}.parquet") for name in ("sales", "goods"))
    top = _least(sales, goods).sort_values("price", kind="stable").head(10).reset_index(drop=True)
    node, _ = value_node(top.__dict__["_lazy"])

    plan = Lowering().root(optimize(node), ordered=True).explain(engine="streaming")

    assert "MAINTAIN_ORDER" not in plan.upper().replace("MAINTAIN_ORDER: FALSE", "")
    assert plan.count("sales.parquet") == 1
