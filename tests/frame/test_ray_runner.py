"""The Ray runner gives what the runner in this process gives; workers may die meanwhile."""

from __future__ import annotations

import os
import pickle
import signal
import sys
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
from hypothesis import given, settings
from hypothesis import strategies as st

import raylab.frame as pd
from benchmarks.tpch.data import Tables, load
from benchmarks.tpch.systems import pandas_query
from raylab.errors import ExecutionError
from raylab.frame.execution import planner
from raylab.frame.execution.blocks import Block, compact
from raylab.frame.facade.dataframe import lazy_frame
from raylab.frame.facade.state import FrameState
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import Scan
from raylab.frame.sources.polars import typed_frame
from raylab.runtime.tasks import Flow
from tests.frame.test_properties import LAST, STEPS, frames, run

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


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return load(0.01, "plain", tmp_path_factory.mktemp("tpch"))


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


@pytest.mark.parametrize("number", range(1, 23))
def test_tpch_answers_are_those_of_the_runner_in_this_process(
    number: int, tables: Tables, on_ray: None
) -> None:
    query = pandas_query(number)
    answer = query(pd, tables).to_pandas()
    pd.clear_cache()
    pd.set_option("raylab.execution", "local")
    pd.reset_option("raylab.npartitions")

    expected = query(pd, tables).to_pandas()

    pandas.testing.assert_frame_equal(answer, expected, rtol=1e-12)


@settings(max_examples=12, deadline=None)
@given(frame=frames(), steps=st.lists(STEPS, max_size=4), last=LAST)
def test_pipelines_give_what_pandas_gives(
    frame: pandas.DataFrame, steps: list[tuple[str, Any]], last: tuple[str, Any]
) -> None:
    expected = run(pandas, frame, [*steps, last])
    options = {
        "raylab.execution": "ray",
        "raylab.npartitions": 2,
        "raylab.target_partition_bytes": MOVING,
        "raylab.lazy_threshold_rows": 0,
        "raylab.fallback": "silent",
    }

    with pd.option_context(options):
        result = run(pd, pd.from_pandas(frame), [*steps, last]).to_pandas()

    pandas.testing.assert_frame_equal(result, expected, rtol=1e-12)


def test_scalars_are_those_of_pandas(table: pandas.DataFrame, parquet: Path, on_ray: None) -> None:
    frame = pd.read_parquet(parquet)

    assert frame.x.sum() == pytest.approx(table.x.sum(), rel=1e-12)
    assert frame.y.median() == table.y.median()
    assert len(frame[frame.x > 0]) == len(table[table.x > 0])


@dataclass(frozen=True, eq=False)
class KillingSource:
    """Rows of a frame; the worker that first reads the second half dies while others shuffle."""

    frame: pl.DataFrame
    fields: Any
    marker: str
    fingerprint: str = "killing"

    @property
    def rows(self) -> int:
        return self.frame.height

    @property
    def nbytes(self) -> int:
        return int(self.frame.estimated_size())

    def read(
        self, columns: tuple[str, ...], row_index: str | None, start: int, length: int | None
    ) -> pl.LazyFrame:
        frame = self.frame.lazy().select(columns).slice(start, length)
        return frame.map_batches(self._die_once)

    def _die_once(self, frame: pl.DataFrame) -> pl.DataFrame:
        try:
            os.close(os.open(self.marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return frame
        os.kill(os.getpid(), signal.SIGKILL)
        return frame

    def check(self) -> None:
        pass

    def describe(self) -> str:
        return "killing"


def test_a_function_of_few_rows_of_many_runs_in_several_processes(on_ray: None) -> None:
    pd.set_option("raylab.lazy_threshold_rows", 10_000)
    many = pd.DataFrame({"x": np.arange(20_000)})

    rows = many.head(2_000).apply(lambda row: os.getpid() + 0 * row.x, axis=1)
    values = many.x.head(2_000).map(lambda x: os.getpid() + 0 * x)
    groups = many.head(2_000).groupby("x").apply(lambda group: os.getpid())

    for workers in (rows, values):
        assert workers.groupby(workers).size().tolist() == [1_000, 1_000]
    for workers in (rows, values, groups):
        assert workers.nunique() == 2
        assert os.getpid() not in set(workers)


def test_a_worker_killed_in_a_shuffle_costs_no_row(tmp_path: Path, on_ray: None) -> None:
    keys = np.arange(20_000) % 997
    frame, fields = typed_frame(pl.DataFrame({"k": keys, "x": np.arange(20_000)}))
    source = KillingSource(frame, fields, str(tmp_path / "killed"))
    rows = Scan(source, ("k", "x"))
    lazy = lazy_frame(FrameState(rows, {"k": Column("k"), "x": Column("x")}))
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        result = lazy.merge(lazy, on="k").groupby("k").x_x.sum().to_pandas()
    finally:
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])

    data = pandas.DataFrame({"k": keys, "x": np.arange(20_000)})
    expected = data.merge(data, on="k").groupby("k").x_x.sum()
    assert (tmp_path / "killed").exists()
    pandas.testing.assert_series_equal(result, expected)


def test_an_error_names_the_node_and_the_partition(
    table: pandas.DataFrame, tmp_path: Path, on_ray: None
) -> None:
    path = tmp_path / "broken.parquet"
    table.to_parquet(path, row_group_size=50, compression=None)
    offset = pq.read_metadata(path).row_group(3).column(4).data_page_offset
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 64)
    frame = pd.read_parquet(path)

    with pytest.raises(ExecutionError, match=r"broken\.parquet.*partition 2 of 2"):
        frame.sort_values("name").to_pandas()


def test_an_error_of_pandas_keeps_its_class_and_names_the_partition(on_ray: None) -> None:
    words = pd.DataFrame({"word": ["1"] * 30 + ["one"] + ["2"] * 29})

    with pytest.raises(ValueError, match="one") as raised:
        words.word.astype("int64").sort_values().to_pandas()

    assert "partition 2 of 2" in "".join(raised.value.__notes__)


def test_persisted_rows_stay_in_partitions_on_the_cluster(
    table: pandas.DataFrame, parquet: Path, on_ray: None
) -> None:
    frame = pd.read_parquet(parquet)

    kept = frame[frame.x > 0].sort_values("y").persist()

    expected = table[table.x > 0].sort_values("y")
    assert [p.rows for p in kept.partitions] != [len(expected)]
    assert sum(p.rows for p in kept.partitions) == len(expected)
    assert all(p.nbytes > 0 for p in kept.partitions)
    assert kept[kept.x > 1].partitions == []
    pandas.testing.assert_frame_equal(kept.to_pandas(), expected)
    pandas.testing.assert_frame_equal(
        kept.merge(kept, on="key").to_pandas(), expected.merge(expected, on="key")
    )
    pandas.testing.assert_series_equal(
        kept.groupby("name").y.sum().to_pandas(), expected.groupby("name").y.sum()
    )


def test_persisted_rows_are_read_by_the_runner_in_this_process(
    table: pandas.DataFrame, parquet: Path, on_ray: None
) -> None:
    kept = pd.read_parquet(parquet).persist()
    pd.set_option("raylab.execution", "local")

    result = kept[kept.flag].reset_index().to_pandas()

    pandas.testing.assert_frame_equal(result, table[table.flag].reset_index())


def test_plans_on_the_cluster_submit_tasks_and_small_data_does_not(
    table: pandas.DataFrame, parquet: Path, on_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[str] = []
    submit = Flow.submit

    def counted(self: Flow, *args: Any, label: str, **options: Any) -> list[Any]:
        labels.append(label)
        return submit(self, *args, label=label, **options)

    monkeypatch.setattr(Flow, "submit", counted)
    pd.read_parquet(parquet).sort_values("x").to_pandas()
    on_cluster = len(labels)
    pd.set_option("raylab.lazy_threshold_rows", 1000)

    from_memory = pd.from_polars(pl.DataFrame({"x": [2, 1]})).sort_values("x").to_pandas()

    assert on_cluster == 8  # two scans, two samples, two cuts, two sorts
    assert len(labels) == on_cluster
    assert from_memory.x.to_list() == [1, 2]


def test_what_turns_out_to_be_little_is_put_into_order_by_one_task(
    table: pandas.DataFrame, parquet: Path, on_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[str] = []
    submit = Flow.submit

    def counted(flow: Flow, function: Any, *args: Any, **options: Any) -> Any:
        submitted.append(function.__name__)
        return submit(flow, function, *args, **options)

    monkeypatch.setattr(Flow, "submit", counted)
    monkeypatch.setattr(planner, "is_small", lambda node: False)
    tasks = []
    for target in (MOVING, 1 << 20):
        pd.clear_cache()
        pd.set_option("raylab.target_partition_bytes", target)
        result = pd.read_parquet(parquet).sort_values("x", kind="stable").to_pandas()
        pandas.testing.assert_frame_equal(result, table.sort_values("x", kind="stable"))
        tasks.append(sorted(set(submitted)))
        submitted.clear()

    assert tasks == [["cut_by_range", "run_task", "sampled"], ["run_task"]]


@pytest.mark.parametrize("cut", ["slice", "filter of neighbours"])
def test_a_block_that_is_cut_out_leaves_the_other_rows_behind(cut: str) -> None:
    whole = pl.DataFrame({"x": np.arange(100_000), "y": np.random.default_rng(0).random(100_000)})
    flags = pl.int_range(pl.len()).is_between(70_000, 70_999)
    part = whole.slice(70_000, 1_000) if cut == "slice" else whole.filter(flags)

    sent = sum(len(buffer.raw()) for buffer in _buffers(Block(part)))

    assert sent < 2 * 16 * 1_000
    assert pickle.loads(pickle.dumps(Block(part))).frame.equals(whole[70_000:71_000])


def test_text_outside_of_a_filter_is_not_sent() -> None:
    whole = pl.DataFrame({"s": [f"a rather long text, number {i}" for i in range(50_000)]})

    some = compact(whole.filter(pl.int_range(pl.len()) % 1000 == 0))

    sent = sum(len(buffer.raw()) for buffer in _buffers(Block(some)))
    assert sent < 10_000
    assert some["s"].to_list() == whole["s"][::1000].to_list()


def _buffers(block: Block) -> list[pickle.PickleBuffer]:
    buffers: list[pickle.PickleBuffer] = []
    pickle.dumps(block, protocol=5, buffer_callback=buffers.append)
    return buffers
