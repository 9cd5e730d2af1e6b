"""A Ray cluster of several nodes on this machine; only for scripts that run alone.

The head has no cores, so that what trains or computes is on nodes that can be lost.
"""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEALTH = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "4",
}
TOKEN = "b" * 64


def promised_s(health: Mapping[str, str]) -> float:
    """Within how many seconds a node that answers nothing is declared dead.

    The next check begins a period after the last sign of life; each is given up after the timeout,
    and the one after it begins a period later.
    """
    period, timeout, threshold = (
        int(health[f"RAY_health_check_{name}"])
        for name in ("period_ms", "timeout_ms", "failure_threshold")
    )
    return threshold * (period + timeout) / 1000


def health_of(cluster_file: Path) -> dict[str, str]:
    """Return the settings of the health checks that a cluster.yaml exports."""
    return dict(re.findall(r"export (RAY_health_check_\w+)=(\d+)", cluster_file.read_text()))


class Nodes:
    """A head, kept in a Redis if asked for, and workers of one core each."""

    def __init__(
        self,
        folder: Path,
        workers: int,
        *,
        redis: bool,
        state_api: bool = False,
        health: Mapping[str, str] = HEALTH,
    ) -> None:
        os.environ.update(health)
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN)
        self._redis = _start_redis(folder) if redis else None
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(
            initialize_head=True,
            shutdown_at_exit=False,
            head_node_args={"num_cpus": 0, "include_dashboard": state_api},
        )
        self.address = str(self._cluster.address)
        for _ in range(workers):
            self.add()

    def add(
        self,
        cores: int = 1,
        object_store_bytes: int = 150 << 20,
        labels: dict[str, str] | None = None,
    ) -> None:
        """Add a worker node."""
        self._cluster.add_node(
            num_cpus=cores, object_store_memory=object_store_bytes, labels=labels
        )

    def fill(self, workers: int) -> None:
        """Add worker nodes until there are so many."""
        while len(self._cluster.worker_nodes) < workers:
            self.add()

    def lose(self, pid: int | None = None) -> None:
        """Kill a worker node's raylet without warning: of the node of a process, or the oldest."""
        nodes = sorted(self._cluster.worker_nodes, key=lambda node: _raylet(node) != parent(pid))
        self._cluster.remove_node(nodes[0], allow_graceful=False)

    def strike(self, pid: int, number: signal.Signals) -> Any:
        """Send a signal to the raylet of a process's node, and to nothing else; return the node.

        After a SIGSTOP it answers nothing, and closes no connection.
        """
        [node] = [node for node in self._cluster.worker_nodes if _raylet(node) == parent(pid)]
        os.kill(_raylet(node), number)
        if number == signal.SIGKILL:  # a zombie would look alive to what it has started
            node.all_processes["raylet"][0].process.wait()
        return node

    def clear(self, node: Any) -> None:
        """End what is left of a node, and count it no more."""
        self._cluster.remove_node(node, allow_graceful=False)

    def restart_gcs(self) -> None:
        """Kill the head's control process; it is started again a second later."""
        self._cluster.head_node.kill_gcs_server(check_alive=False)
        time.sleep(1.0)
        self._cluster.head_node.start_gcs_server()


def _raylet(node) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def parent(pid: int | None) -> int:
    """Process number of a process's parent; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _start_redis(folder: Path) -> subprocess.Popen[bytes]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(
        [*command, "--dir", str(folder)], stdout=(folder / "redis.log").open("wb")
    )
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline, (folder / "redis.log").read_text()
            time.sleep(0.05)
    os.environ["RAY_REDIS_ADDRESS"] = f"127.0.0.1:{port}"
    return process
