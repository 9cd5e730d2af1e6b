"""Promises about nodes, each a function of this name; runs alone (namespace.py)."""

import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import pandas
import pytest
from rich.console import Console

from tests.cluster.nodes import HEALTH, Nodes, parent, promised_s
from tests.faults.scenario import CARTPOLE, assert_same_run, wait_for, wait_for_checkpoints


def silent_node(folder: Path) -> None:
    """A node that answers nothing is given up within the promised time, and the run goes on."""
    import ray

    nodes = start(folder, 2)
    reference = train(folder, "reference")
    with Training(folder, "silent") as training:
        wait_for_checkpoints(training.path, 1)
        frozen = time.monotonic()
        nodes.strike(training.run.environment["process"]["pid"], signal.SIGSTOP)
        wait_for(lambda: len([n for n in ray.nodes() if n["Alive"]]) == 2, "the node's death")
        took = time.monotonic() - frozen
    promised = promised_s(HEALTH)
    print(f"declared dead after {took:.1f} s; promised are {promised} s")
    assert took < promised + 1.0, took  # of a busy machine
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
    """TPC-H at scale 0.1 gives on three nodes what one process gives."""
    nodes = start(folder, 3)
    for number in range(1, 23):
        check_query(folder, number, nodes)


def lost_in_a_shuffle(folder: Path) -> None:
    """A node that is lost while it joins or groups what others sent changes no row."""
    nodes = start(folder, 3)
    for number in (3, 9, 18, 21):
        check_query(folder, number, nodes, lose_one=True)
        nodes.fill(3)


def check_query(folder: Path, number: int, nodes: Nodes, *, lose_one: bool = False) -> None:
    """Compare a query on the cluster with this process; meanwhile lose a node, if asked for."""
    import raylab.frame as pd
    from benchmarks.tpch.data import load
    from benchmarks.tpch.systems import pandas_query

    tables = load(0.1, "plain", folder)
    query = pandas_query(number)
    with pd.option_context("raylab.lazy_threshold_rows", 0, "raylab.execution", "local"):
        expected = query(pd, tables).to_pandas()
    pd.clear_cache()
    lost: list[float] = []

    def lose() -> None:
        pid = wait_for(reads_sent_rows, f"an exchange in query {number}")
        nodes.lose(pid)
        lost.append(time.monotonic())

    loss = threading.Thread(target=lose, daemon=True)
    began = time.monotonic()
    if lose_one:
        loss.start()
    with pd.option_context(
        *("raylab.lazy_threshold_rows", 0, "raylab.execution", "ray"),
        *("raylab.npartitions", 3, "raylab.target_partition_bytes", 1),
    ):
        answer = query(pd, tables).to_pandas()
    ended = time.monotonic()
    if lose_one:
        loss.join(60)
        assert lost[0] < ended, "the node was lost too late"
    pandas.testing.assert_frame_equal(answer, expected, rtol=1e-12)
    when = f", a node lost after {lost[0] - began:.1f} s" if lost else ""
    print(f"query {number}: {len(answer)} rows, the same, {ended - began:.1f} s{when}", flush=True)


def reads_sent_rows() -> int:
    """Number of a process that works on rows which other tasks sent; 0 when there is none."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = entry.read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::") and b"Input(" in title:
            return int(entry.parent.name)
    return 0


def sync_over_nodes(folder: Path) -> None:
    """PPO in step learns on three nodes what it learns on one, also when one of them is lost."""
    from raylab.experiment.experiment import Placement

    experiment = replace(
        CARTPOLE,
        name="cartpole-sync",
        placement=Placement(kind="sync", threads=1, workers=2, envs_per_worker=2),
    )
    nodes = start(folder, 0)
    nodes.add(cores=3)
    reference = train(folder, "one", experiment)
    for _ in range(3):
        nodes.add()
    nodes.lose()  # the one that had all
    with Training(folder, "three", replace(experiment, runs_dir=str(folder / "three"))) as training:
        wait_for_checkpoints(training.path, 1)
        first, second = (process["pid"] for process in training.run.environment["workers"])
        assert parent(first) != parent(second), "both workers on one node"
        nodes.lose(second)
    assert_same_run(training.run, reference)
    log = (training.path / "log.txt").read_text()
    went_on = training.run.status["attempt"] == 2 and "attempt 2 goes on from" in log
    assert "with its games, exactly" in log or went_on, log  # the node may have had the supervisor


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

    def __init__(self, folder: Path, name: str, experiment=None, *, limit_s: float = 150.0) -> None:
        experiment = experiment or replace(CARTPOLE, runs_dir=str(folder / name))
        self._experiment = experiment
        self.path = (experiment.folder / str(experiment.seeds[0])).resolve()
        self._limit_s = limit_s
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
            self._thread.join(self._limit_s)
            assert not self._thread.is_alive()
            if self._error:
                raise self._error


def start(folder: Path, workers: int) -> Nodes:
    """Start the nodes and connect to them."""
    from raylab import runtime

    nodes = Nodes(folder, workers, redis=False)
    runtime.connect(nodes.address)
    return nodes


def train(folder: Path, name: str, experiment=CARTPOLE):
    """Train to the end."""
    from raylab.experiment import train
    from raylab.experiment.progress import Display

    quiet = Display(Console(quiet=True))
    [run] = train(replace(experiment, runs_dir=str(folder / name)), display=quiet)
    return run


SCENARIOS = (
    silent_node,
    late_node,
    sync_over_nodes,
    tpch,
    lost_in_a_shuffle,
    full_disk,
    full_object_store,
)

if __name__ == "__main__":
    {f.__name__: f for f in SCENARIOS}[sys.argv[2]](Path(sys.argv[1]))
    print("all is well")
