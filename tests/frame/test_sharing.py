"""What is computed once: reductions of the same rows, joins that are read twice, float sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars as pl
import pytest

import raylab.frame as pd
from raylab.frame.execution import engine, uses
from raylab.frame.execution.lowering import Lowering
from raylab.frame.facade.state import value_node
from raylab.frame.optimizer import optimize
from raylab.frame.optimizer.rewriting import walk_distinct
from raylab.frame.plan.nodes import Join


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
def joins(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notes how many joins each run of the engine has."""
    noted: list[int] = []
    root: Any = Lowering.root

    def noting(self: Lowering, node: Any, *, ordered: bool) -> pl.LazyFrame:
        noted.append(sum(isinstance(below, Join) for below in walk_distinct(node)))
        frame: pl.LazyFrame = root(self, node, ordered=ordered)
        return frame

    monkeypatch.setattr(Lowering, "root", noting)
    return noted


def _joined(module: Any, files: Path) -> Any:
    orders = module.read_parquet(files / "orders.parquet")
    rows = orders.merge(module.read_parquet(files / "customers.parquet"), on="customer")
    return rows[rows["amount"] > 1.0]


def test_reductions_of_one_column_of_a_join_take_one_run(files: Path, joins: list[int]) -> None:
    expected = _joined(pandas, files)["amount"]
    amount = _joined(pd, files)["amount"]

    results = [amount.sum(), amount.mean(), amount.min(), amount.max(), amount.std(), amount.var()]

    wanted = [expected.sum(), expected.mean(), expected.min()]
    wanted += [expected.max(), expected.std(), expected.var()]
    np.testing.assert_allclose(results, wanted, rtol=1e-12)
    assert amount.count() == expected.count()
    assert sum(joins) == 1


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


def _reductions(rows: Any) -> list[float]:
    """Ten questions about two columns."""
    functions = ["sum", "mean", "min", "max", "median"]
    return [getattr(rows[c], f)() for c in ("amount", "city") for f in functions]


def test_a_join_that_partitions_read_twice_is_computed_once(files: Path, joins: list[int]) -> None:
    def best(module: Any) -> Any:
        rows = _joined(module, files)
        most = rows.groupby("customer", as_index=False).agg(most=("amount", "max"))
        return rows.merge(most, left_on=["customer", "amount"], right_on=["customer", "most"])

    pd.set_option("raylab.npartitions", 3)
    result = best(pd).to_pandas()

    pandas.testing.assert_frame_equal(result, best(pandas))
    assert max(joins) == 1


@pytest.mark.parametrize("partitions", [1, 3])
def test_ten_reductions_of_a_join_compute_it_twice(
    files: Path, joins: list[int], partitions: int
) -> None:
    pd.set_option("raylab.npartitions", partitions)

    results = _reductions(_joined(pd, files))

    np.testing.assert_allclose(results, _reductions(_joined(pandas, files)), rtol=1e-12)
    assert sum(joins) <= 2 * partitions  # by the first question, and by the one that keeps it


def test_columns_that_are_held_are_reduced_in_one_run(files: Path, joins: list[int]) -> None:
    rows = _joined(pd, files)
    amount, city = rows["amount"], rows["city"]

    results = [amount.sum(), amount.mean(), city.sum(), city.max(), amount.max(), city.std()]

    expected = _joined(pandas, files)
    amounts, cities = expected["amount"], expected["city"]
    wanted = [amounts.sum(), amounts.mean(), cities.sum(), cities.max(), amounts.max()]
    np.testing.assert_allclose(results, [*wanted, cities.std()], rtol=1e-12)
    assert sum(joins) == 1


def test_a_part_of_rows_that_are_held_is_reduced_beside_the_whole(
    files: Path, joins: list[int]
) -> None:
    rows, expected = _joined(pd, files), _joined(pandas, files)
    for frame in (rows, expected):
        frame["twice"] = frame["amount"] * 2

    part = rows[rows["city"] > 4]["twice"].sum()
    runs = len(joins)
    whole = [rows["twice"].sum(), rows["twice"].max(), rows["twice"].mean()]

    assert len(joins) == runs
    np.testing.assert_allclose(part, expected[expected["city"] > 4]["twice"].sum(), rtol=1e-12)
    twice = expected["twice"]
    np.testing.assert_allclose(whole, [twice.sum(), twice.max(), twice.mean()], rtol=1e-12)


def test_what_the_second_trigger_needed_is_kept_in_order(files: Path, joins: list[int]) -> None:
    rows, expected = _joined(pd, files), _joined(pandas, files)

    assert rows["amount"].max() == expected["amount"].max()
    assert rows["city"].median() == expected["city"].median()
    found = rows[["amount", "city"]].to_pandas()

    pandas.testing.assert_frame_equal(found, expected[["amount", "city"]])


def test_a_column_that_was_not_kept_costs_one_run_for_all_columns(
    files: Path, joins: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "_LITTLE", 0)
    rows = _joined(pd, files).assign(a=1, b=2)
    for column in ("amount", "city", "customer", "amount", "customer"):
        rows[column].median()
        rows[column].nunique()

    assert sum(joins) == 3


def test_one_trigger_keeps_nothing(files: Path) -> None:
    rows = _joined(pd, files)
    rows["amount"].sum()

    assert [frame.height for frame in engine.CACHE._frames.values()] == [1]


def test_rows_beyond_the_budget_are_not_kept(files: Path, joins: list[int]) -> None:
    pd.set_option("raylab.cache_bytes", 1_000_000)
    rows, expected = _joined(pd, files), _joined(pandas, files)

    assert [rows["city"].median(), rows["city"].nunique()] == [expected["city"].median(), 9]
    np.testing.assert_allclose(rows["amount"].median(), expected["amount"].median())
    assert sum(joins) == 3
    assert engine.CACHE.nbytes < 1_000_000


def test_rows_that_were_guessed_to_fit_are_dropped_when_they_do_not(
    tmp_path: Path, joins: list[int]
) -> None:
    pandas.DataFrame({"k": np.zeros(1_000), "x": np.arange(1_000.0)}).to_parquet(tmp_path / "a")
    pandas.DataFrame({"k": np.zeros(1_000), "y": np.arange(1_000.0)}).to_parquet(tmp_path / "b")
    pd.set_option("raylab.cache_bytes", 8_000_000)  # the product of the two has 1,000,000 rows
    rows = pd.read_parquet(tmp_path / "a").merge(pd.read_parquet(tmp_path / "b"), on="k")

    results = [rows["x"].median(), rows["y"].median(), rows["x"].nunique(), rows["y"].nunique()]

    assert results == [499.5, 499.5, 1_000, 1_000]
    assert sum(joins) == 4
    assert engine.CACHE.nbytes < 1_000


def test_kept_rows_outlive_their_file_and_new_files_give_new_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pandas.DataFrame({"k": [1, 1, 2], "x": [1.0, 2.0, 3.0]}).to_parquet(path)

    def rows() -> Any:
        df = pd.read_parquet(path)
        return df.merge(df.groupby("k", as_index=False).agg(most=("x", "max")), on="k")

    old = rows()
    assert [old["x"].sum(), old["most"].sum()] == [6.0, 7.0]
    pandas.DataFrame({"k": [1, 1], "x": [10.0, 20.0]}).to_parquet(path)

    assert rows()["x"].sum() == 30.0
    assert old["most"].median() == 2.0


def test_rows_that_were_only_counted_are_kept_with_a_column(files: Path, joins: list[int]) -> None:
    rows, expected = _joined(pd, files), len(_joined(pandas, files))

    assert [len(rows), len(rows[["city"]]), int(rows["city"].count())] == [expected] * 3
    assert rows.assign(z=1.5)["z"].sum() == 1.5 * expected
    assert sum(joins) <= 2


def test_a_head_does_not_compute_the_whole_join(files: Path) -> None:
    rows = _joined(pd, files)
    rows["amount"].sum()

    assert len(rows.head(3).to_pandas()) == 3
    assert all(frame.height <= 3 for frame in engine.CACHE._frames.values())
