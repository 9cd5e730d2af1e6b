"""Plays schedules of faults on a cluster of three nodes; runs alone (tests/cluster/namespace.py).

Adds a line of JSON to a file for each schedule. What was promised: the work ends with the result of
the work that nobody disturbed, or with one of raylab's errors, and the run in the store is whole. A
schedule that breaks the promise is the last one of this cluster, for what follows would tell nothing.
"""

import contextlib
import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

import pandas
from rich.console import Console

from tests.cluster.nodes import Nodes

LIMIT_S = 150.0  # of every wait
EACH_S = 400.0  # of a schedule
QUERIES = (3, 5, 9, 18, 21)
ROUNDS = 4


def main(folder: Path, record: Path, numbers: list[int]) -> None:
    """Play the schedules of these numbers, one after the other; one that is broken ends it."""
    from raylab import runtime
    from tests.faults.schedules import schedule

    nodes = Nodes(folder, 2, redis=True)
    runtime.connect(nodes.address)
    for number in numbers:
        nodes.fill(2)
        if not play(folder, nodes, schedule(number), record):
            return
    runtime.disconnect()


def play(folder: Path, nodes: Nodes, plan, record: Path) -> bool:
    """Play one and record how it ended; whether it ended."""
    began = time.monotonic()
    hits: list[bool] = []  # for each fault, whether its victim was there

    def keep(outcome: str) -> None:
        row = {
            "schedule": plan.number,
            "work": plan.work,
            "faults": str(plan),
            "hits": sum(hits),
            "outcome": outcome,
            "seconds": round(time.monotonic() - began, 1),
        }
        with record.open("a") as file:
            file.write(json.dumps(row) + "\n")

    with Limit(keep):
        try:
            work = {"training": play_training, "frame": play_frame}[plan.work]
            keep(work(folder, nodes, plan, hits))
        except Exception as error:  # noqa: BLE001 - it is the outcome, whatever it is
            traceback.print_exc()
            keep(f"BROKEN: {type(error).__name__}: {error}")
            return False
    return True


class Limit:
    """Ends this process when what is done within takes too long, after having said so."""

    def __init__(self, keep) -> None:
        self._timer = threading.Timer(EACH_S, self._end, [keep])

    def _end(self, keep) -> None:
        faulthandler.dump_traceback()
        keep(f"BROKEN: no end within {EACH_S:.0f} s")
        os._exit(0)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def play_training(folder: Path, nodes: Nodes, plan, hits: list[bool]) -> str:
    """Train CartPole; return how it ended, compared with the run that nobody disturbed."""
    from raylab.errors import RaylabError
    from raylab.experiment import Run, checkpoint, train
    from raylab.experiment.progress import Display
    from tests.faults.scenario import CARTPOLE

    quiet = Display(Console(quiet=True))
    reference = replace(CARTPOLE, runs_dir=str(folder / "reference"))
    [expected] = train(reference, display=quiet)  # the first time it trains, then it is there
    experiment = replace(CARTPOLE, runs_dir=str(folder / f"schedule-{plan.number}"))
    path = (experiment.folder / "1").resolve()
    error: list[RaylabError] = []

    def work() -> None:
        try:
            train(experiment, display=quiet)
        except RaylabError as caught:
            error.append(caught)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    for fault in plan.faults:
        newest = fault.after * CARTPOLE.checkpointing.every_agent_steps

        def reached(newest: int = newest) -> bool:
            saved = checkpoint.list_checkpoints(path / "checkpoints")
            return not thread.is_alive() or any(int(p.name) >= newest for p in saved)

        wait(reached, f"{newest} agent steps of {path}")
        time.sleep(fault.delay_s)
        hits.append(strike(nodes, fault.victim, path))
    thread.join(LIMIT_S)
    assert not thread.is_alive(), f"schedule {plan.number} did not end: {path}"
    run = Run(path)
    for saved in run.checkpoints:
        checkpoint.verify(saved)
    assert len(run.metrics()) > 0
    if error:
        return f"error: {error[0]}"
    assert run.state == "finished", run.status
    assert run.status["weight_hash"] == expected.status["weight_hash"], run.status
    assert list(run.metrics()["update"]) == list(expected.metrics()["update"])
    return f"same weights, attempt {run.status['attempt']}"


def play_frame(folder: Path, nodes: Nodes, plan, hits: list[bool]) -> str:
    """Run TPC-H queries again and again; each must give what this process gives alone."""
    import raylab.frame as pd
    from benchmarks.tpch.data import load
    from benchmarks.tpch.systems import pandas_query
    from raylab.errors import RaylabError

    tables = load(0.01, "plain", folder)
    pd.set_option("raylab.lazy_threshold_rows", 0)
    pd.set_option("raylab.execution", "local")
    expected = {number: pandas_query(number)(pd, tables).to_pandas() for number in QUERIES}
    pd.set_option("raylab.execution", "ray")
    pd.set_option("raylab.npartitions", 3)
    pd.set_option("raylab.target_partition_bytes", 1)  # so that rows move between nodes
    done = 0
    is_over = threading.Event()

    def disturb() -> None:
        for fault in plan.faults:
            wait(lambda fault=fault: is_over.is_set() or done >= fault.after, "queries")
            time.sleep(fault.delay_s)
            hits.append(strike(nodes, fault.victim, None))

    thread = threading.Thread(target=disturb, daemon=True)
    thread.start()
    try:
        for _ in range(ROUNDS):
            for number in QUERIES:
                pd.clear_cache()
                answer = pandas_query(number)(pd, tables).to_pandas()
                pandas.testing.assert_frame_equal(answer, expected[number], rtol=1e-12)
                done += 1
    except RaylabError as error:
        return f"error: {error}"
    finally:
        is_over.set()
        thread.join(LIMIT_S)
        for name in ("execution", "npartitions", "target_partition_bytes"):
            pd.reset_option(f"raylab.{name}")
    return f"same rows, {done} queries"


def strike(nodes: Nodes, victim: str, path: Path | None) -> bool:
    """Kill what the schedule names; whether it was there."""
    match victim:
        case "trainer":
            return kill(path / "environment.json")
        case "supervisor":
            return kill(path / "status.json")
        case "worker":
            return kill_a_worker()
        case "node":
            nodes.lose(None if path is None else pid_in(path / "environment.json"))
            nodes.add()  # it comes late, and takes over what the other one did
        case "gcs":
            nodes.restart_gcs()
    return True


def kill(record: Path) -> bool:
    """Kill the process that a run's file names, if it lives."""
    try:
        os.kill(pid_in(record), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def pid_in(record: Path) -> int:
    """Process number that a run's file names."""
    return int(json.loads(record.read_text())["process"]["pid"])


def kill_a_worker() -> bool:
    """Kill a process that computes for the frame, as soon as one does."""
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and is_busy(entry):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(entry.name), signal.SIGKILL)
                    return True
    return False


def is_busy(process: Path) -> bool:
    """Whether it is a process of Ray's that runs a task, as its title says."""
    try:
        title = (process / "cmdline").read_bytes()
    except OSError:
        return False
    idle = any(name in title for name in (b"Supervisor", b"IDLE", b"Agent"))
    return title.startswith(b"ray::") and not idle


def wait(condition, what: str) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [int(number) for number in sys.argv[3:]])
