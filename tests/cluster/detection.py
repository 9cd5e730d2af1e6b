"""How soon a run goes on after it has lost a node, by cluster.yaml's settings; runs alone.

Either the node's raylet is killed, which closes its connections, or it is stopped, so that it only
falls silent, like a machine without power. The last line but one is what was measured, as JSON.
"""

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.cluster.namespace import ROOT
from tests.cluster.nodes import Nodes, health_of, promised_s
from tests.cluster.several_nodes import Training
from tests.faults.scenario import CARTPOLE, wait_for, wait_for_checkpoints
from tests.faults.test_roles import log_of

LOSSES = {"killed": signal.SIGKILL, "silent": signal.SIGSTOP}
MACHINE_S = 2.0  # that a busy machine may be late, each time


def main(folder: Path, times: int) -> None:
    """Lose the trainer's node in both ways, so many times each."""
    from raylab import runtime
    from raylab.experiment import Until
    from raylab.experiment.watching import supervisor_name

    health = health_of(ROOT / "cluster.yaml")
    nodes = Nodes(folder, 2, redis=False, health=health)
    runtime.connect(nodes.address)
    endless = replace(CARTPOLE, runs_dir=str(folder / "runs"), until=Until(agent_steps=10**8))
    losses = []
    with Training(folder, "", endless) as training:
        wait_for_checkpoints(training.path, 1)
        for _ in range(times):
            for how in LOSSES:
                losses.append({"node": how, **lose(nodes, training, how)})
                print(losses[-1], flush=True)
        name = supervisor_name(training.run.experiment, training.path)
        runtime.find(name, "supervisor").call("stop", "measured", timeout_s=60)
    assert training.run.state == "interrupted", training.run.status
    measured = {
        "settings": health,
        "promised_s": promised_s(health),
        "losses": losses,
        "load_average": os.getloadavg()[0],  # with whatever else ran on the machine
    }
    print(json.dumps(measured))
    for each in losses:
        assert each["declared_dead_s"] < promised_s(health) + MACHINE_S, each
        assert each["run_reacted_s"] < promised_s(health) + 2 * MACHINE_S, each
    print("all is well")


def lose(nodes: Nodes, training: Training, how: str) -> dict[str, float]:
    """Lose the node of the trainer; return when that was seen, in seconds from the signal."""
    import ray

    attempt = training.run.environment["attempt"]
    told = reactions(training.path)
    alive = len([node for node in ray.nodes() if node["Alive"]])
    pid = training.run.environment["process"]["pid"]
    limit_s = 120.0

    began = time.monotonic()
    node = nodes.strike(pid, LOSSES[how])
    seen = {}
    events = {
        "declared_dead_s": lambda: len([n for n in ray.nodes() if n["Alive"]]) < alive,
        "run_reacted_s": lambda: reactions(training.path) > told,
        "trains_again_s": lambda: training.run.environment["attempt"] > attempt,
    }

    def all_seen() -> bool:
        for name, has_happened in events.items():
            if name not in seen and has_happened():
                seen[name] = round(time.monotonic() - began, 2)
                print(how, name, seen[name], flush=True)
        return len(seen) == len(events)

    wait_for(all_seen, f"{set(events)} after {how}", limit_s)
    nodes.clear(node)
    nodes.fill(2)
    saved = training.run.latest_checkpoint().record["agent_steps"]
    wait_for(lambda: training.run.latest_checkpoint().record["agent_steps"] > saved, "a checkpoint")
    return {name: seen[name] for name in events}


def reactions(path: Path) -> int:
    """How often the run has said that it goes on: its supervisor, or one that took its place."""
    log = log_of(path)
    return log.count("going on from the last checkpoint") + log.count(" goes on from ")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
