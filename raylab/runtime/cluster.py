"""Connect to a Ray cluster, or start one on this machine."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import ray

from raylab import __version__
from raylab.errors import ClusterError
from raylab.runtime import machine
from raylab.runtime.loopback import is_loopback, only_loopback

OBJECT_STORE_BYTES = 256 << 20
"""Object store of a local cluster: two states of a large network fit, and a laptop keeps its RAM."""

_REACH_S = 5.0
_START_S = 120.0  # of a worker's process on a busy node


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
    threads: int | None = None,
) -> Cluster:
    """Connect to a running cluster if there is one, else start one that only this machine reaches.

    Args:
        address: ``host:port`` or ``ray://...`` of a cluster; ``"local"`` always starts a new one.
            None is, in this order: a connection that this process has, ``RAY_ADDRESS``, a cluster
            started by ``ray start`` on this machine, a new local one.
        num_cpus: cores of a new local cluster; the default is every core that may be used.
        object_store_bytes: shared memory of a new local cluster.
        threads: what numerical libraries may use in the processes of this connection that say
            nothing else; None leaves it to Ray.

    Raises:
        ClusterError: the cluster does not answer, does not let us in, or none can be started.
    """
    if ray.is_initialized():
        return _describe(is_new=False)
    address = address or find_address()
    variables = {} if threads is None else machine.thread_environment(threads)
    runtime_env = {"env_vars": variables} if variables else None
    try:
        if address in (None, "local"):
            cores = num_cpus or machine.cores(0.0).usable
            _start_local(cores, object_store_bytes, runtime_env)
        else:
            _check_reachable(address)
            with only_loopback() if is_loopback(address) else nullcontext():
                ray.init(
                    address=address,
                    namespace=machine.NAMESPACE,
                    log_to_driver=False,
                    logging_level=logging.WARNING,
                    runtime_env=runtime_env,
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


def _start_local(
    num_cpus: int, object_store_bytes: int, runtime_env: dict[str, Any] | None
) -> None:
    # Ray would run its workers at niceness 15: beside anything else on the machine they would get
    # next to no time, and every daemon of Ray's own would go before them.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Nobody is sent the workers' logs, which Ray would look for ten times a second.
    os.environ.setdefault("RAY_LOG_MONITOR_MANY_FILES_THRESHOLD", "0")
    os.environ.setdefault("LOG_NAME_UPDATE_INTERVAL_S", "60")
    with only_loopback():
        ray.init(
            runtime_env=runtime_env,
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


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    name: str
    is_alive: bool
    cpus: float
    gpus: float
    memory_bytes: int
    object_store_bytes: int


def nodes() -> list[Node]:
    """Return the cluster's nodes, the dead ones too, that Ray still lists."""
    found = []
    for node in ray.nodes():  # type: ignore[no-untyped-call]  # not annotated by ray
        resources = node["Resources"]
        found.append(
            Node(
                name=f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})",
                is_alive=bool(node["Alive"]),
                cpus=float(resources.get("CPU", 0.0)),
                gpus=float(resources.get("GPU", 0.0)),
                memory_bytes=int(resources.get("memory", 0)),
                object_store_bytes=int(resources.get("object_store_memory", 0)),
            )
        )
    return found


def free_cpus() -> float:
    """Cores that no role of anybody occupies just now."""
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]  # ray
    return float(free.get("CPU", 0.0))


def find_address() -> str | None:
    """Address of the cluster that is meant when none is named; None when there is none."""
    return os.environ.get("RAY_ADDRESS") or cluster_of_this_machine()


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


def check_versions(cluster: Cluster, *, limit_s: float = _START_S) -> None:
    """Compare raylab here with raylab on the cluster's nodes.

    Raises:
        ClusterError: it is missing there, or of another version, or no node answers in time.
    """
    answer = ray.remote(_own_version).options(num_cpus=0).remote()
    try:
        there = ray.get(answer, timeout=limit_s)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(answer, force=True)
        raise ClusterError(
            f"no node of the cluster at {cluster.address} has run anything for {limit_s:g} s; "
            f"`raylab doctor --address {cluster.address}` lists its nodes, `ray status` what it "
            f"waits for."
        ) from None
    except ray.exceptions.RayError as error:
        raise ClusterError(
            f"the cluster at {cluster.address} cannot run raylab: {_last_line(error)}. Its nodes "
            f"need raylab {__version__}: `ray up cluster.yaml` installs the working tree."
        ) from error
    if there != __version__:
        raise ClusterError(
            f"raylab is {__version__} here and {there} on the cluster at {cluster.address}; "
            f"`ray up cluster.yaml` brings the cluster up to date, or install raylab {there} here."
        )


def _own_version() -> str:
    return __version__


def _check_reachable(address: str) -> None:
    """Look for what Ray would try in vain for a minute; leaves names that it cannot read to Ray.

    Raises:
        OSError: nobody answers.
        ClusterError: the head does not accept our token.
    """
    host, _, port = address.partition("://")[2].partition("/")[0].rpartition(":")
    if "://" not in address:
        host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    if "://" not in address and _is_refused(address):
        raise ClusterError(
            f"the cluster at {address} does not accept this token, or there is none here: copy "
            f"~/.ray/auth_token from its head to here, or set RAY_AUTH_TOKEN."
        )


def _is_refused(address: str) -> bool:
    """Whether the head wants another token; Ray itself tries for 20 s and does not say why."""
    call = "/ray.rpc.NodeInfoGcsService/GetClusterId"
    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary(call)(
                b"", metadata=[("authorization", f"Bearer {_token()}")], timeout=_REACH_S
            )
        except grpc.RpcError as error:
            return bool(error.code() is grpc.StatusCode.UNAUTHENTICATED)
    return False


def _token() -> str:
    """The token as Ray looks for it; empty when there is none."""
    if token := os.environ.get("RAY_AUTH_TOKEN"):
        return token.strip()
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _last_line(error: BaseException) -> str:
    return ([line for line in str(error).splitlines() if line.strip()] or [""])[-1].strip()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
