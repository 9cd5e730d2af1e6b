"""Promises about nodes, each a function of this name; runs alone (namespace.py)."""

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import pandas
import pytest
from rich.console import Console

from tests.cluster.nodes import DETECTION_S, Nodes
from tests.faults.scenario import CARTPOLE, assert_same_run, wait_for, wait_for_checkpoints


def silent_node(folder: Path) -> None:
    """A node that answers nothing is given up within the promised time, and the run goes on."""
    import ray

    nodes = start(folder, 2)
    reference = train(folder, "reference")
    with Training(folder, "silent") as training:
        wait_for_checkpoints(training.path, 1)
        frozen = time.monotonic()
        nodes.freeze(training.run.environment["process"]["pid"])
        wait_for(lambda: len([n for n in ray.nodes() if n["Alive"]]) == 2, "the node's death")
        took = time.monotonic() - frozen
    print(f"declared dead after {took:.1f} s; promised are {DETECTION_S} s")
    assert took < DETECTION_S + 1.0, took
    assert_same_run(training.run, reference)


def late_node(folder: Path) -> None:
    """A run that waits for cores begins when a node joins that has them."""
    nodes = start(folder, 1)
    experiment = replace(CARTPOLE, runs_dir=str(folder / "late"), seeds=(1, 2))
    with Training(folder, "late", experiment) as training:
        wait_for_checkpoints(training.path, 1)
        from raylab.experiment import Run

        second = Run(training.path.parent / "2")
        assert second.status.get("state", "queued") == "queued", second.status
        nodes.add()
        wait_for(lambda: second.status.get("state") == "running", "the second seed")
        assert training.run.state == "running"


def tpch(folder: Path) -> None:
    """TPC-H at scale 0.1 gives on three nodes what one process gives; also when one is lost."""
    import raylab.frame as pd
    from benchmarks.tpch.data import load
    from benchmarks.tpch.systems import pandas_query

    nodes = start(folder, 3)
    tables = load(0.1, "plain", folder)
    pd.set_option("raylab.lazy_threshold_rows", 0)
    for number in range(1, 23):
        query = pandas_query(number)
        pd.set_option("raylab.execution", "local")
        expected = query(pd, tables).to_pandas()
        pd.clear_cache()
        pd.set_option("raylab.execution", "ray")
        pd.set_option("raylab.npartitions", 3)
        pd.set_option("raylab.target_partition_bytes", 1)
        loss = threading.Timer(0.3, nodes.lose) if number in (9, 18) else None
        if loss is not None:
            loss.start()
        answer = query(pd, tables).to_pandas()
        pandas.testing.assert_frame_equal(answer, expected, rtol=1e-12)
        if loss is not None:
            loss.join()
        for name in ("npartitions", "target_partition_bytes"):
            pd.reset_option(f"raylab.{name}")
        nodes.fill(3)
        print(f"query {number}: {len(answer)} rows, the same", flush=True)


def full_disk(folder: Path) -> None:
    """A disk that is full ends the run with a clear error; with room it goes on exactly."""
    import subprocess

    from raylab.errors import RunError
    from raylab.experiment import Run, checkpoint, resume
    from raylab.experiment.progress import Display

    start(folder, 1)
    reference = train(folder, "reference")
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=480k", "tmpfs", str(disk)], check=True)
    with pytest.raises(RunError, match="free some space, then `raylab resume` continues the run"):
        train(folder, "disk")
    run = Run(next(disk.glob("*/1")))
    assert run.checkpoints, list(run.path.rglob("*"))
    for saved in run.checkpoints:
        checkpoint.verify(saved)
    steps = run.latest_checkpoint().record["agent_steps"]
    print(f"full after {steps} agent steps: {run.state}")
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    [run] = resume(run.path, display=Display(Console(quiet=True)))
    assert_same_run(run, reference)


def full_object_store(folder: Path) -> None:
    """Data larger than the object stores of all nodes is spilled, and sorted all the same."""
    import numpy as np
    import ray._private.internal_api as internal

    import raylab.frame as pd

    nodes = start(folder, 0)
    for _ in range(2):
        nodes.add(object_store_bytes=80 << 20)
    rows = 6_000_000
    generator = np.random.default_rng(7)
    table = pandas.DataFrame(
        {name: generator.random(rows) for name in "abcd"} | {"key": generator.permutation(rows)}
    )
    table.to_parquet(folder / "table.parquet", row_group_size=rows // 12)
    pd.set_option("raylab.execution", "ray")
    pd.set_option("raylab.npartitions", 12)
    pd.set_option("raylab.target_partition_bytes", 1)

    answer = pd.read_parquet(folder / "table.parquet").sort_values("key").to_pandas()

    pandas.testing.assert_frame_equal(answer, table.sort_values("key"))
    summary = internal.memory_summary(stats_only=True)
    print(summary)
    assert "Spilled " in summary, summary


class Training:
    """`train` beside the scenario; leaving waits for its end."""

    def __init__(self, folder: Path, name: str, experiment=None) -> None:
        experiment = experiment or replace(CARTPOLE, runs_dir=str(folder / name))
        self._experiment = experiment
        self.path = (experiment.folder / str(experiment.seeds[0])).resolve()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._train, daemon=True)

    def _train(self) -> None:
        from raylab.experiment import train
        from raylab.experiment.progress import Display

        try:
            train(self._experiment, display=Display(Console(quiet=True)))
        except Exception as error:  # noqa: BLE001 - raised by __exit__
            self._error = error

    @property
    def run(self):
        from raylab.experiment import Run

        return Run(self.path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._thread.join(150)
            assert not self._thread.is_alive()
            if self._error:
                raise self._error


def start(folder: Path, workers: int) -> Nodes:
    """Start the nodes and connect to them."""
    from raylab import runtime

    nodes = Nodes(folder, workers, redis=False)
    runtime.connect(nodes.address)
    return nodes


def train(folder: Path, name: str):
    """Train CartPole to its end."""
    from raylab import experiment
    from raylab.experiment.progress import Display

    quiet = Display(Console(quiet=True))
    [run] = experiment.train(replace(CARTPOLE, runs_dir=str(folder / name)), display=quiet)
    return run


SCENARIOS = (silent_node, late_node, tpch, full_disk, full_object_store)

if __name__ == "__main__":
    {f.__name__: f for f in SCENARIOS}[sys.argv[2]](Path(sys.argv[1]))
    print("all is well")
