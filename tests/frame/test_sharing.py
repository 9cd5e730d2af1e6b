"""What is computed once: reductions of the same rows, joins that are read twice, float sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars as pl
import pytest

import raylab.frame as pd
from raylab.frame.execution import engine
from raylab.frame.execution.lowering import Lowering
from raylab.frame.facade.state import value_node
from raylab.frame.optimizer import optimize


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders of many customers, with amounts whose sums depend on the order of addition."""
    folder = tmp_path_factory.mktemp("orders")
    rng = np.random.default_rng(5)
    orders = {"customer": rng.integers(0, 2000, 400_000), "amount": rng.lognormal(3, 4, 400_000)}
    pandas.DataFrame(orders).to_parquet(folder / "orders.parquet", row_group_size=20_000)
    customers = {"customer": np.arange(2000), "city": rng.integers(0, 9, 2000).astype("float64")}
    pandas.DataFrame(customers).to_parquet(folder / "customers.parquet")
    return folder


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes each plan that the engine is given."""
    noted: list[str] = []
    run: Any = engine.run

    def noting(node: Any, *, ordered: bool) -> pl.DataFrame:
        noted.append(node.describe())
        frame: pl.DataFrame = run(node, ordered=ordered)
        return frame

    monkeypatch.setattr(engine, "run", noting)
    return noted


def _joined(module: Any, files: Path) -> Any:
    orders = module.read_parquet(files / "orders.parquet")
    rows = orders.merge(module.read_parquet(files / "customers.parquet"), on="customer")
    return rows[rows["amount"] > 1.0]


def test_reductions_of_one_column_of_a_join_take_one_run(files: Path, runs: list[str]) -> None:
    expected = _joined(pandas, files)["amount"]
    amount = _joined(pd, files)["amount"]

    results = [amount.sum(), amount.mean(), amount.min(), amount.max(), amount.std(), amount.var()]

    wanted = [expected.sum(), expected.mean(), expected.min()]
    wanted += [expected.max(), expected.std(), expected.var()]
    np.testing.assert_allclose(results, wanted, rtol=1e-12)
    assert amount.count() == expected.count()
    assert len(runs) == 1


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_group_with_the_largest_sum_is_found_each_time(files: Path, partitions: int) -> None:
    pd.set_option("raylab.npartitions", partitions)
    sizes = []
    for _ in range(50 if partitions == 1 else 10):
        pd.clear_cache()
        orders = pd.read_parquet(files / "orders.parquet")
        orders["amount"] = orders["amount"] * 0.9
        sums = orders.groupby("customer", as_index=False)["amount"].sum()
        sizes.append(len(sums[sums["amount"] == sums["amount"].max()].to_pandas()))

    assert sizes == [1] * len(sizes)


def test_a_join_that_is_read_twice_is_computed_once(files: Path) -> None:
    joined = _joined(pd, files)
    most = joined.groupby("city", as_index=False).agg(amount=("amount", "max"))
    best = joined.merge(most, on=["city", "amount"]).sort_values("city", ignore_index=True)
    node, _ = value_node(best.__dict__["_lazy"])

    text = Lowering().root(optimize(node), ordered=True).explain(engine="streaming")

    assert text.count("orders.parquet") == 1
    expected = _joined(pandas, files)
    most_expected = expected.groupby("city", as_index=False).agg(amount=("amount", "max"))
    merged = expected.merge(most_expected, on=["city", "amount"])
    pandas.testing.assert_frame_equal(
        best.to_pandas(), merged.sort_values("city", ignore_index=True)
    )
