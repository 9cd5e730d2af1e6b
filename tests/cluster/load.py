"""Hundreds of experiments in one sweep on two cores, its driver killed in the middle; runs alone.

The last line but one is what was measured, as JSON.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster.nodes import Nodes
from tests.faults.scenario import wait_for

ROOT = Path(__file__).resolve().parents[2]
AGENT_STEPS = 5_000
LIMIT_S = 1_500
FIFTHS = 5
MOST_BYTES = 4 << 30  # of all of Ray's processes together


def main(folder: Path, settings: int, seeds: int) -> None:
    """Sweep, kill, sweep on; then look for what is left behind."""
    count = settings * seeds
    nodes = Nodes(folder, 0, redis=False, state_api=True)
    nodes.add(cores=2)
    from ray.util import state

    from raylab import runtime
    from raylab.experiment import list_runs

    runtime.connect(nodes.address)
    runs_dir = folder / "runs"
    memory = Memory(lambda: finished(runs_dir) * FIFTHS // count)
    began = time.monotonic()

    first = start(nodes.address, runs_dir, settings, seeds)
    wait_for(lambda: finished(runs_dir) >= count * 2 // 5, "two fifths of the runs", LIMIT_S)
    first.kill()
    first.communicate()
    killed = {"killed_after_runs": finished(runs_dir), "killed_after_s": time.monotonic() - began}
    print(json.dumps(killed), flush=True)
    second = start(nodes.address, runs_dir, settings, seeds)
    said, _ = second.communicate(timeout=LIMIT_S)
    seconds = time.monotonic() - began

    assert second.returncode == 0, said
    runs = list_runs(runs_dir)
    assert len(runs) == count, len(runs)
    assert {run.state for run in runs} == {"finished"}
    assert all(run.status["agent_steps"] >= AGENT_STEPS for run in runs)
    again = [run.path for run in runs if run.status["attempt"] > 1]
    assert len(again) <= 4, again  # two that were trained, two whose processes were lost with them
    assert len(re.findall(r"\[.*, .*\]", said)) >= settings, said  # an interval for each setting
    wait_for(lambda: not left_over(state), "the end of what the sweep started", 60)
    assert not list(runs_dir.glob("*/.tune-*")), list(runs_dir.glob("*/.tune-*"))
    print("largest memory, fifth by fifth:", memory.largest, flush=True)
    assert max(memory.largest) < MOST_BYTES
    measured = {
        "runs": count,
        "agent_steps_each": AGENT_STEPS,
        **killed,
        "seconds": seconds,
        "runs_trained_again": len(again),
        "largest_memory_bytes_by_fifth": memory.largest[:FIFTHS],
        "load_average": os.getloadavg()[0],  # with whatever else ran on the machine
    }
    print(json.dumps(measured))
    print("all is well")


def start(address: str, runs_dir: Path, settings: int, seeds: int) -> "subprocess.Popen[str]":
    """Start the sweep, as a user would."""
    rates = [f"{1e-4 * 1.1**number:.4g}" for number in range(settings)]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "raylab.cli", "sweep", "experiments/cartpole_ppo.py"),
            *("--algorithm.learning-rate", *rates),
            *("--seeds", str(seeds), "--until.agent-steps", str(AGENT_STEPS)),
            *("--evaluation.episodes", "0", "--runs-dir", str(runs_dir), "--address", address),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(runs_dir: Path) -> int:
    """How many runs say that they are finished."""
    return sum(
        b'"state": "finished"' in path.read_bytes() for path in runs_dir.glob("*/*/status.json")
    )


def left_over(state) -> list[str]:
    """Actors, placement groups and objects that are still there."""
    actors = [a.class_name for a in state.list_actors(limit=1000) if a.state != "DEAD"]
    groups = [g.name for g in state.list_placement_groups(limit=1000) if g.state != "REMOVED"]
    objects = [o.object_id for o in state.list_objects(limit=1000)]
    return actors + groups + objects


class Memory(threading.Thread):
    """Samples the resident memory of all processes of this namespace, by fifths of the runs."""

    def __init__(self, fifth: Callable[[], int]) -> None:
        super().__init__(daemon=True)
        self.largest = [0] * (FIFTHS + 1)  # the last one when all runs have ended
        self._fifth = fifth
        self.start()

    def run(self) -> None:
        while True:
            total = 0
            for status in Path("/proc").glob("[0-9]*/statm"):
                try:
                    total += int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
                except (OSError, IndexError):
                    continue
            fifth = self._fifth()
            self.largest[fifth] = max(self.largest[fifth], total)
            time.sleep(1.0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
