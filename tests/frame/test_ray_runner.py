"""The Ray runner gives what the runner in this process gives; workers may die meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars as pl
import pyarrow.parquet as pq
import pytest
import ray

import raylab.frame as pd
from raylab.errors import ExecutionError
from raylab.frame.execution.blocks import Block, compact

pytestmark = pytest.mark.usefixtures("cluster")

MOVING = 1
"""So small a target size makes the planner move rows by hash and range instead of gathering."""


@pytest.fixture
def on_ray() -> None:
    pd.set_option("raylab.execution", "ray")
    pd.set_option("raylab.npartitions", 2)
    pd.set_option("raylab.target_partition_bytes", MOVING)
    pd.set_option("raylab.lazy_threshold_rows", 0)


@pytest.fixture(scope="module")
def parquet(table: pandas.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ray") / "table.parquet"
    table.to_parquet(path, row_group_size=50)
    return path


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "join and sort": lambda p, d: d.merge(d, on="key").sort_values(["x_x", "y_y"], kind="stable"),
    "outer join": lambda p, d: d.merge(d[d.x > 0][["key", "name"]], on=["key", "name"], how="outer"),
    "groups": lambda p, d: d.groupby(["name", "key"], sort=False).agg({"x": "sum", "y": "mean"}),
    "semi-join": lambda p, d: d[d.key.isin(d[d.x > 1].key)],
    "members": lambda p, d: d.assign(found=d.key.isin(d[d.x > 1].key)),
    "distinct": lambda p, d: d.drop_duplicates(["key", "name"], keep="last"),
    "numbers after a filter": lambda p, d: (lambda f: f[f.y > 0])(d[d.x > 0].reset_index(drop=True)),
    "concat": lambda p, d: p.concat([d, d[d.x > 0]]).sort_values("when", kind="stable"),
    "window": lambda p, d: d.assign(n=d.groupby("name").cumcount()),
    "text": lambda p, d: d.assign(name=d.name.str.title())[d.name.str.len() > 3],
    "nothing": lambda p, d: d[d.x > 99].merge(d, on="key"),
}  # fmt: skip


@pytest.mark.parametrize("place", ["parquet", "memory"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_result_is_the_one_of_pandas(
    name: str, place: str, table: pandas.DataFrame, parquet: Path, on_ray: None
) -> None:
    expected = OPERATIONS[name](pandas, table)
    frame = pd.read_parquet(parquet) if place == "parquet" else pd.from_pandas(table)

    result = OPERATIONS[name](pd, frame).to_pandas()

    pandas.testing.assert_frame_equal(result, expected, rtol=1e-12)


def test_scalars_are_those_of_pandas(table: pandas.DataFrame, parquet: Path, on_ray: None) -> None:
    frame = pd.read_parquet(parquet)

    assert frame.x.sum() == pytest.approx(table.x.sum(), rel=1e-12)
    assert frame.y.median() == table.y.median()
    assert len(frame[frame.x > 0]) == len(table[table.x > 0])
