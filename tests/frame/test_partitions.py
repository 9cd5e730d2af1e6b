"""Plans cut into partitions give what one partition gives, whichever exchanges are chosen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars as pl
import pytest

import raylab.frame as pd
from raylab.frame.execution.exchanges import choose_bounds, sample, split_by_hash, split_by_range
from raylab.frame.execution.physical import Order

MOVING = 1
"""So small a target size makes the planner move rows by hash and range instead of gathering."""

Operation = Callable[[Any, Any, Any], Any]

OPERATIONS: dict[str, Operation] = {
    "inner join": lambda p, d, e: d.merge(e, on="key"),
    "left join": lambda p, d, e: d.merge(e, on="key", how="left"),
    "right join": lambda p, d, e: d.merge(e, on="key", how="right"),
    "outer join": lambda p, d, e: d.merge(e, on="key", how="outer"),
    "join of missing keys": lambda p, d, e: d.merge(e, on=["name", "y"]),
    "join of two keys": lambda p, d, e: d.merge(e, on=["key", "name"], how="left"),
    "join, then sum": lambda p, d, e: d.merge(e, on="key").groupby("key").x_x.sum(),
    "small left, then sum": lambda p, d, e: e[e.x > 0].merge(d, on="key").groupby("key").x_y.sum(),
    "join with groups": lambda p, d, e: d.merge(e.groupby("key", as_index=False).x.max(), on="key"),
    "cross join": lambda p, d, e: d.merge(e.tail(5), how="cross"),
    "join of a join": lambda p, d, e: d.merge(e.merge(d[["key"]].drop_duplicates(), on="key"), on="name"),
    "semi-join": lambda p, d, e: d[d.key.isin(e[e.x > 1].key)],
    "anti-join": lambda p, d, e: d[~d.name.isin(e[e.x > 1].name)],
    "sort": lambda p, d, e: d.sort_values(["name", "y"]),
    "sort down": lambda p, d, e: d.sort_values(["y", "key"], ascending=[False, True]),
    "sort missing first": lambda p, d, e: d.sort_values(["name", "x"], na_position="first"),
    "sort of ties": lambda p, d, e: d.sort_values("key", kind="stable"),
    "sort of a join": lambda p, d, e: d.merge(e, on="key").sort_values("x_x", kind="stable"),
    "sort of dates": lambda p, d, e: d.sort_values(["when", "flag"], ascending=[False, True]),
    "sort index": lambda p, d, e: d.set_index("name").sort_index(),
    "largest": lambda p, d, e: d.nlargest(5, "x"),
    "groups": lambda p, d, e: d.groupby(["key", "name"]).agg({"x": "sum", "y": "mean"}),
    "groups as found": lambda p, d, e: d.groupby("name", sort=False).x.max(),
    "groups with missing keys": lambda p, d, e: d.groupby("name", dropna=False).y.count(),
    "groups, first": lambda p, d, e: d.groupby("key").agg({"name": "first", "y": "last"}),
    "groups, first as found": lambda p, d, e: d.groupby("small", sort=False).y.first(),
    "groups, median": lambda p, d, e: d.groupby("name").y.median(),
    "distinct": lambda p, d, e: d.drop_duplicates(["key", "name"]),
    "distinct, last": lambda p, d, e: d.drop_duplicates("y", keep="last"),
    "distinct, none": lambda p, d, e: d.drop_duplicates("small", keep=False),
    "distinct rows": lambda p, d, e: d[["key", "flag"]].drop_duplicates(),
    "distinct, then sum": lambda p, d, e: d.drop_duplicates("small").groupby("key").x.sum(),
    "concat": lambda p, d, e: p.concat([d, e[e.x > 0]]),
    "concat of groups": lambda p, d, e: p.concat([d.groupby("key", as_index=False).x.sum(), e[["key", "x"]]]),
    "concat, then join": lambda p, d, e: p.concat([d, e], ignore_index=True).merge(e, on="small"),
    "window": lambda p, d, e: d.assign(n=d.groupby("name").cumcount(), s=d.groupby("key").x.shift()),
    "number after filter": lambda p, d, e: (lambda f: f[f.y > 0])(d[d.x > 0].reset_index(drop=True)),
    "tail of a filter": lambda p, d, e: d[d.x > 0].tail(7),
    "nothing is left": lambda p, d, e: d[d.x > 99].merge(e, on="key").sort_values("x_x"),
}  # fmt: skip


@pytest.fixture(scope="module")
def other(table: pandas.DataFrame) -> pandas.DataFrame:
    """A second table: other rows, in another order, with the same kinds of keys."""
    return table.sample(frac=0.4, random_state=3).reset_index(drop=True)


@pytest.fixture(scope="module")
def files(
    table: pandas.DataFrame, other: pandas.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("partitions")
    table.to_parquet(folder / "table.parquet", row_group_size=37)
    other.to_parquet(folder / "other.parquet")
    return folder / "table.parquet", folder / "other.parquet"


@pytest.mark.parametrize("target", [MOVING, 128 << 20])
@pytest.mark.parametrize("partitions", [2, 7])
@pytest.mark.parametrize("name", OPERATIONS)
def test_result_does_not_depend_on_partitions(
    name: str,
    partitions: int,
    target: int,
    table: pandas.DataFrame,
    other: pandas.DataFrame,
    files: tuple[Path, Path],
) -> None:
    pd.set_option("raylab.npartitions", partitions)
    pd.set_option("raylab.target_partition_bytes", target)
    expected = OPERATIONS[name](pandas, table, other)

    result = OPERATIONS[name](pd, *(pd.read_parquet(path) for path in files)).to_pandas()

    if isinstance(expected, pandas.Series):
        pandas.testing.assert_series_equal(result, expected, rtol=1e-12)
    else:
        pandas.testing.assert_frame_equal(result, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "exchange"),
    [
        ("inner join", "hash by"),
        ("outer join", "hash by"),
        ("semi-join", "hash by"),
        ("cross join", "broadcast"),
        ("sort", "range by [name, y]"),
        ("groups", "hash by"),
        ("distinct", "hash by [key, name]"),
        ("concat", "keep"),
        ("number after filter", "rows numbered as"),
    ],
)
def test_explain_shows_the_exchange(name: str, exchange: str, files: tuple[Path, Path]) -> None:
    pd.set_option("raylab.npartitions", 3)
    pd.set_option("raylab.target_partition_bytes", MOVING)

    plan = OPERATIONS[name](pd, *(pd.read_parquet(path) for path in files)).explain("physical")

    assert exchange in plan


def test_small_sides_and_results_are_not_moved_by_key(files: tuple[Path, Path]) -> None:
    pd.set_option("raylab.npartitions", 3)
    left, right = (pd.read_parquet(path) for path in files)

    few = right[right["key"] == right["key"].min()]
    plan = left.merge(few, on="key").groupby("key").x_x.sum().explain("physical")

    assert "broadcast" in plan
    assert "hash" not in plan


def test_each_task_reads_the_head_of_a_file_itself(files: tuple[Path, Path]) -> None:
    pd.set_option("raylab.npartitions", 3)
    left, right = (pd.read_parquet(path) for path in files)

    plan = left.merge(right.head(3), on="key").groupby("key").x_x.sum().explain("physical")

    assert "rows=0+3" in plan
    assert "broadcast" not in plan
    assert "hash" not in plan


def test_a_small_left_side_goes_to_the_right_one_and_the_order_is_the_left_ones(
    files: tuple[Path, Path], table: pandas.DataFrame, other: pandas.DataFrame
) -> None:
    pd.set_option("raylab.npartitions", 3)
    pd.set_option("raylab.target_partition_bytes", 4000)  # a side of 1000 bytes is small
    left, right = (pd.read_parquet(path) for path in files)

    joined = left[["key", "x"]].head(5).merge(right, on="key")

    plan = joined.explain("physical")
    assert "broadcast" in plan
    assert "range by [~left place0, ~right place0]" in plan
    expected = table[["key", "x"]].head(5).merge(other, on="key")
    pandas.testing.assert_frame_equal(joined.to_pandas(), expected)


def test_a_scan_is_cut_where_row_groups_begin(files: tuple[Path, Path]) -> None:
    pd.set_option("raylab.npartitions", 3)
    frame = pd.read_parquet(files[0])

    plan = frame.sort_values("x").explain("physical")

    assert "rows=0+74" in plan  # 200 rows in groups of 37


@pytest.mark.parametrize("target", [1 << 30, 4000, 2000])
def test_partitions_on_ray_have_the_size_that_is_aimed_at(target: int, tmp_path: Path) -> None:
    pandas.DataFrame({"x": np.arange(2000)}).to_parquet(tmp_path / "x.parquet", compression=None)
    frame = pd.read_parquet(tmp_path / "x.parquet")
    nbytes = frame._state().rows.source.nbytes
    pd.set_option("raylab.execution", "ray")
    pd.set_option("raylab.target_partition_bytes", target)

    plan = frame[frame.x > 5].explain("physical")

    assert f"Stage of {-(-nbytes // target)} tasks" in plan


def test_ray_is_neither_imported_nor_started_for_small_data() -> None:
    program = (
        "import sys, raylab.frame as pd\n"
        "pd.set_option('raylab.execution', 'ray')\n"
        "frame = pd.DataFrame({'x': [2, 1]})\n"
        "assert frame.sort_values('x').x.to_list() == [1, 2]\n"
        "pd.reset_option('raylab.execution')\n"
        "pd.set_option('raylab.lazy_threshold_rows', 0)\n"
        "assert frame.sort_values('x').x.to_list() == [1, 2]\n"
        "assert 'ray' not in sys.modules\n"
    )

    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)

    assert done.returncode == 0


def test_equal_keys_meet_whatever_form_they_have() -> None:
    frame = pl.DataFrame(
        {"f": [0.0, -0.0, None, float("nan"), 1.5], "s": ["a", "a", None, None, "b"]}
    )

    parts = split_by_hash(frame, ["f", "s"], 5)

    together = [part["f"].to_list() for part in parts if part.height]
    assert sum(part.height for part in parts) == 5
    assert [0.0, -0.0] in together
    assert any(len(values) == 2 and values[0] is None for values in together)


@pytest.mark.parametrize("nulls_last", [True, False])
@pytest.mark.parametrize("descending", [True, False])
def test_ranges_follow_the_order(descending: bool, nulls_last: bool) -> None:
    rng = np.random.default_rng(5)
    values = [None if v > 8 else float(v) for v in rng.integers(0, 11, 500)]
    frame = pl.DataFrame({"a": values, "b": rng.integers(0, 9, 500)})
    order = Order(("a", "b"), (descending, False), nulls_last)
    bounds = choose_bounds([sample(frame[:250], order, 4), sample(frame[250:], order, 4)], order, 4)

    parts = split_by_range(frame, order, bounds)

    options: dict[str, Any] = {"descending": [descending, False], "nulls_last": nulls_last}
    assert pl.concat([part.sort("a", "b", **options) for part in parts]).equals(
        frame.sort("a", "b", **options)
    )
    assert max(part.height for part in parts) < 2 * 500 / 4


def test_ranges_of_nothing_are_empty() -> None:
    order = Order(("a",), (False,))
    nothing = pl.DataFrame({"a": [], "b": []}, schema={"a": pl.Float64, "b": pl.String})

    parts = split_by_range(nothing, order, choose_bounds([sample(nothing, order, 3)], order, 3))

    assert [part.height for part in parts] == [0, 0, 0]
