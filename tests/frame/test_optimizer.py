"""What the optimizer makes of plans, and that the answers stay pandas'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import raylab.frame as pd
from raylab.frame.execution.lowering import Lowering


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines of many orders, some without a value, and the few orders that are looked for."""
    folder = tmp_path_factory.mktemp("orders")
    rng = np.random.default_rng(3)
    lines = pandas.DataFrame(
        {
            "order": rng.integers(0, 4000, 60_000),
            "seller": rng.integers(0, 6, 60_000),
            "price": rng.integers(1, 90, 60_000) / 4,
            "weight": np.where(rng.random(60_000) < 0.1, np.nan, rng.integers(0, 40, 60_000)),
        }
    )
    lines.to_parquet(folder / "lines.parquet")
    orders = pandas.DataFrame(
        {
            "order": rng.permutation(5000),
            "status": rng.choice(list("FOPXYZABCD"), 5000),
            "city": rng.choice(["Bern", "Ulm", None], 5000),
        }
    )
    orders.to_parquet(folder / "orders.parquet")
    return folder


def _tables(module: Any, files: Path) -> tuple[Any, Any]:
    return module.read_parquet(files / "lines.parquet"), module.read_parquet(
        files / "orders.parquet"
    )


def _best_of_groups(module: Any, files: Path) -> Any:
    lines, _ = _tables(module, files)
    sums = lines.groupby("order", as_index=False)["price"].sum()
    best = sums.sort_values("price", ascending=False, kind="stable").head(50)
    return best.reset_index(drop=True)


def _best_of_joined(module: Any, files: Path) -> Any:
    lines, orders = _tables(module, files)
    joined = orders.merge(lines, on="order")
    best = joined.sort_values(["price", "status"], ascending=[False, True]).head(300)
    return best.reset_index(drop=True)


def _best_of_missing(module: Any, files: Path) -> Any:
    lines, orders = _tables(module, files)
    joined = lines.merge(orders, on="order", how="left")
    counts = joined.groupby(["city", "weight"], dropna=False, as_index=False).agg(
        n=("order", "size")
    )
    best = counts.sort_values("n", ascending=False, kind="stable").head(40)
    return best.reset_index(drop=True)


def _sorted_groups(module: Any, files: Path) -> Any:
    lines, _ = _tables(module, files)
    means = lines.groupby(["weight", "seller"])["price"].max()
    return means.to_frame().sort_values("price", kind="stable")


def _small_side_with_groups(module: Any, files: Path) -> Any:
    lines, orders = _tables(module, files)
    sellers = lines.groupby("order", as_index=False).agg(sellers=("seller", "nunique"))
    chosen = orders[(orders["status"] == "F") & (orders["city"] == "Ulm")]
    return chosen.merge(sellers[sellers["sellers"] > 3], on="order").sort_values("order")


def _left_side_without_groups(module: Any, files: Path) -> Any:
    lines, orders = _tables(module, files)
    weights = lines.groupby("order", as_index=False).agg(weight=("weight", "sum"))
    chosen = orders[(orders["status"] == "F") & (orders["city"] == "Ulm")]
    return chosen.merge(weights, how="left", on="order").sort_values("order")


def _only_chosen(module: Any, files: Path) -> Any:
    lines, orders = _tables(module, files)
    heavy = lines.groupby("order", as_index=False).agg(weight=("weight", "max"))
    kept = orders.merge(heavy[heavy["weight"] > 30], on="order")
    return kept[["status", "order"]]


def _member_of_members(module: Any, files: Path) -> Any:
    lines, orders = _tables(module, files)
    of_ulm = lines[lines["order"].isin(orders[orders["city"] == "Ulm"]["order"])]
    return orders[orders["order"].isin(of_ulm["order"])]


def _one_side_of_a_choice(module: Any, files: Path) -> Any:
    lines, orders = _tables(module, files)
    joined = lines.merge(orders, on="order")
    first = (joined["status"] == "F") & (joined["price"] > 20)
    second = joined["status"].isin(["O", "P"]) & (joined["seller"] == 2) & (joined["price"] < 9)
    return joined[first | second]


QUERIES = [
    _best_of_groups,
    _best_of_joined,
    _best_of_missing,
    _sorted_groups,
    _small_side_with_groups,
    _left_side_without_groups,
    _only_chosen,
    _member_of_members,
    _one_side_of_a_choice,
]


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.__name__.strip("_"))
def test_answers_are_those_of_pandas(query: Any, partitions: int, files: Path) -> None:
    pd.set_option("raylab.npartitions", partitions)
    pd.set_option("raylab.fallback", "raise")

    result = query(pd, files).to_pandas()

    pandas.testing.assert_frame_equal(result, query(pandas, files))


def test_membership_in_rows_that_were_chosen_by_membership_is_one_plan(files: Path) -> None:
    plan = _member_of_members(pd, files).explain()

    assert plan.count("SemiJoin") == 2
    assert "is_member" not in plan


def test_a_join_that_only_chooses_rows_is_no_join(files: Path) -> None:
    plan = _only_chosen(pd, files).explain()

    assert "SemiJoin" in plan
    assert " Join(" not in plan


@pytest.mark.parametrize("query", [_small_side_with_groups, _left_side_without_groups])
def test_groups_that_a_join_does_not_find_are_not_made(query: Any, files: Path) -> None:
    lines = query(pd, files).explain().splitlines()

    below_groups = lines[next(i for i, line in enumerate(lines) if "Aggregate" in line) :]
    assert "SemiJoin" in below_groups[1]


def test_groups_are_made_whole_where_many_are_found(files: Path) -> None:
    lines, orders = _tables(pd, files)
    sums = lines.groupby("order", as_index=False)["price"].sum()

    assert "SemiJoin" not in orders.merge(sums, on="order").explain()


def _stored(path: Path, values: list[float]) -> Path:
    """A file with NaN as a value: from a frame it would be stored as null."""
    keys = [1, 1, 2, 2, 3, 3]
    pq.write_table(pa.table({"k": keys, "x": pa.array(values, pa.float64())}), path)
    return path


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_nan_in_a_file_is_left_out_of_sums(tmp_path: Path, partitions: int) -> None:
    nan, inf = float("nan"), float("inf")
    path = _stored(tmp_path / "values.parquet", [1.0, nan, 2.0, inf, nan, nan])
    pd.set_option("raylab.npartitions", partitions)
    groups, wanted = pd.read_parquet(path).groupby("k"), pandas.read_parquet(path).groupby("k")

    results = [groups.agg(y=("x", name)) for name in ("sum", "mean", "count")]

    for result, name in zip(results, ("sum", "mean", "count"), strict=True):
        expected = wanted.agg(y=("x", name))
        pandas.testing.assert_frame_equal(result.to_pandas(), expected)
        pandas.testing.assert_frame_equal(
            result[result["y"] < 5].to_pandas(), expected[expected["y"] < 5]
        )
        pandas.testing.assert_frame_equal(
            result.sort_values("y").head(2).to_pandas(), expected.sort_values("y").head(2)
        )
    assert pd.read_parquet(path)["x"].sum() == inf


@pytest.mark.parametrize(("last", "runs"), [(4.0, [1, 1]), (float("nan"), [2, 1])])
def test_a_file_in_which_nan_was_found_is_not_trusted_again(
    tmp_path: Path, last: float, runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.read_parquet(_stored(tmp_path / "values.parquet", [1.0, 2.0, 3.0, 5.0, 7.0, last]))
    counted: list[int] = []
    root: Any = Lowering.root

    def counting(*args: Any, **kwargs: Any) -> Any:
        counted.append(1)
        return root(*args, **kwargs)

    monkeypatch.setattr(Lowering, "root", counting)

    seen = []
    for name in ("sum", "mean"):
        frame.groupby("k")["x"].agg(name).to_pandas()
        seen.append(len(counted))
        counted.clear()

    assert seen == runs


@pytest.mark.parametrize("npartitions", [1, 3])
@pytest.mark.parametrize(
    ("cut", "rows"),
    [
        pytest.param(lambda f: f.head(5), "rows=0+5", id="head"),
        pytest.param(lambda f: f.tail(5), "rows=4995+5", id="tail"),
        pytest.param(lambda f: f.head(40).iloc[10:15], "rows=10+5", id="slice-of-a-slice"),
        pytest.param(lambda f: f.iloc[4998:6000], "rows=4998+2", id="beyond-the-end"),
        pytest.param(
            lambda f: f.head(40)[7:].assign(x=lambda d: d["order"] + 1), "rows=7+33", id="computed"
        ),
        pytest.param(lambda f: f.iloc[3:3], "rows=3+0", id="no-rows"),
    ],
)
@pytest.mark.parametrize("source", ["file", "memory"])
def test_a_slice_of_what_is_scanned_is_a_shorter_scan(
    source: str, cut: Any, rows: str, npartitions: int, files: Path
) -> None:
    pd.set_option("raylab.npartitions", npartitions)
    pd.set_option("raylab.lazy_threshold_rows", 0)
    whole = pandas.read_parquet(files / "orders.parquet")
    orders = (
        pd.read_parquet(files / "orders.parquet") if source == "file" else pd.from_pandas(whole)
    )

    assert rows in cut(orders).explain("optimized")
    pandas.testing.assert_frame_equal(cut(orders).to_pandas(), cut(whole))


def test_a_slice_of_computed_rows_stays_one(files: Path) -> None:
    lines, _ = _tables(pd, files)

    cheap = lines[lines["price"] < 4].iloc[3:8]

    assert "Slice" in cheap.explain("optimized")
    expected = _tables(pandas, files)[0]
    pandas.testing.assert_frame_equal(cheap.to_pandas(), expected[expected["price"] < 4].iloc[3:8])


def test_what_is_only_chosen_in_memory_stays_in_this_process(files: Path) -> None:
    pd.set_option("raylab.execution", "ray")
    pd.set_option("raylab.lazy_threshold_rows", 0)
    orders = pd.from_pandas(pandas.read_parquet(files / "orders.parquet"))

    assert "Stage of" not in orders[["city", "order"]].iloc[10:2000].explain("physical")
    assert "Stage of" in orders[orders["order"] < 9].explain("physical")
    assert "Stage of" in pd.read_parquet(files / "orders.parquet").explain("physical")
