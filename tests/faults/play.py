"""Plays schedules of faults on a cluster of three nodes; runs alone (tests/cluster/namespace.py).

Prints a line of JSON for each schedule. What was promised: the work ends with the result of the
work that nobody disturbed, or with one of raylab's errors, and the run in the store is whole.
"""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pandas
from rich.console import Console

from tests.cluster.nodes import Nodes

LIMIT_S = 150.0
QUERIES = (3, 5, 9, 18, 21)
ROUNDS = 4


def main(folder: Path, numbers: list[int]) -> None:
    """Play the schedules of these numbers, one after the other."""
    from raylab import runtime
    from tests.faults.schedules import schedule

    nodes = Nodes(folder, 2, redis=True)
    runtime.connect(nodes.address)
    for number in numbers:
        nodes.fill(2)
        plan = schedule(number)
        began = time.monotonic()
        play = {"training": play_training, "frame": play_frame}[plan.work]
        outcome = play(folder, nodes, plan)
        row = {
            "schedule": number,
            "work": plan.work,
            "faults": str(plan),
            "outcome": outcome,
            "seconds": round(time.monotonic() - began, 1),
        }
        print(json.dumps(row), flush=True)
    runtime.disconnect()


def play_training(folder: Path, nodes: Nodes, plan) -> str:
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
        strike(nodes, fault.victim, path)
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


def play_frame(folder: Path, nodes: Nodes, plan) -> str:
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
            strike(nodes, fault.victim, None)

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


def strike(nodes: Nodes, victim: str, path: Path | None) -> None:
    """Kill what the schedule names; nothing when it has ended by itself."""
    match victim:
        case "trainer":
            kill(path / "environment.json")
        case "supervisor":
            kill(path / "status.json")
        case "worker":
            kill_a_worker()
        case "node":
            nodes.lose(None if path is None else pid_in(path / "environment.json"))
            nodes.add()  # it comes late, and takes over what the other one did
        case "gcs":
            nodes.restart_gcs()


def kill(record: Path) -> None:
    """Kill the process that a run's file names."""
    try:
        os.kill(pid_in(record), signal.SIGKILL)
    except ProcessLookupError:
        return


def pid_in(record: Path) -> int:
    """Process number that a run's file names."""
    return int(json.loads(record.read_text())["process"]["pid"])


def kill_a_worker() -> None:
    """Kill a process that computes for the frame, if one does just now."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                title = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            idle = any(name in title for name in (b"Supervisor", b"IDLE", b"Agent"))
            if title.startswith(b"ray::") and not idle:
                os.kill(int(entry.name), signal.SIGKILL)
                return


def wait(condition, what: str) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(number) for number in sys.argv[2:]])
