"""Connect to a Ray cluster, or start one on this machine."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

import ray

from raylab.errors import ClusterError
from raylab.runtime import machine

OBJECT_STORE_BYTES = 256 << 20
"""Object store of a local cluster: two states of a large network fit, and a laptop keeps its RAM."""


@dataclass(frozen=True)
class Cluster:
    """The Ray cluster that this process is connected to."""

    address: str  # host:port of its head
    node: str  # id of the node that this process runs on
    cpus: float  # of the whole cluster
    largest_node_cpus: float  # of the node that has most
    is_new: bool  # started by this call: it ends with this process


def connect(
    address: str | None = None,
    *,
    num_cpus: int | None = None,
    object_store_bytes: int = OBJECT_STORE_BYTES,
) -> Cluster:
    """Connect to a running cluster if there is one, else start a local one.

    Args:
        address: ``host:port`` or ``ray://...`` of a cluster; ``"local"`` always starts a new one.
            None is, in this order: a connection that this process has, ``RAY_ADDRESS``, a cluster
            started by ``ray start`` on this machine, a new local one.
        num_cpus: cores of a new local cluster; the default is every core that may be used.
        object_store_bytes: shared memory of a new local cluster.

    Raises:
        ClusterError: the cluster does not answer, or none can be started.
    """
    if ray.is_initialized():
        return _describe(is_new=False)
    address = address or os.environ.get("RAY_ADDRESS") or cluster_of_this_machine()
    try:
        if address in (None, "local"):
            _start_local(num_cpus or machine.cores(0.0).usable, object_store_bytes)
        else:
            ray.init(
                address=address,
                namespace=machine.NAMESPACE,
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        what = "start Ray here" if address in (None, "local") else f"reach the cluster at {address}"
        raise ClusterError(
            f"cannot {what}: {_first_line(error)}. Check RAY_ADDRESS (now "
            f"{os.environ.get('RAY_ADDRESS') or 'not set'}) and --placement.address; "
            f"'local' starts a cluster on this machine, `raylab doctor` shows what is there."
        ) from error
    return _describe(is_new=address in (None, "local"))


def disconnect() -> None:
    """Leave the cluster; a local one ends."""
    ray.shutdown()


def is_connected() -> bool:
    """Whether this process is connected to a cluster."""
    return bool(ray.is_initialized())


def _start_local(num_cpus: int, object_store_bytes: int) -> None:
    ray.init(
        address="local",
        num_cpus=num_cpus,
        object_store_memory=object_store_bytes,
        include_dashboard=False,
        namespace=machine.NAMESPACE,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def _describe(*, is_new: bool) -> Cluster:
    context = ray.get_runtime_context()
    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # not annotated by ray
    per_node = [float(node["Resources"].get("CPU", 0.0)) for node in nodes if node["Alive"]]
    return Cluster(
        address=str(context.gcs_address),
        node=str(context.get_node_id()),
        cpus=sum(per_node),
        largest_node_cpus=max(per_node, default=0.0),
        is_new=is_new,
    )


def cluster_of_this_machine() -> str | None:
    """Address that `ray start` left behind, if something still answers there.

    `ray submit` runs a script on the head node without setting RAY_ADDRESS.
    """
    folder = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray"
    try:
        address = (folder / "ray_current_cluster").read_text(encoding="utf-8").strip()
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=1.0):
            return address
    except (OSError, ValueError):
        return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
