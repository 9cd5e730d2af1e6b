"""An address that nobody answers is said at once, with a way out; a local cluster is local."""

import ipaddress
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from raylab import runtime
from raylab.errors import ClusterError
from raylab.runtime.loopback import is_loopback

CODE = """
from raylab import runtime
from raylab.errors import ClusterError
try:
    runtime.connect({address!r})
except ClusterError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "ray://127.0.0.1:1", "no-such-host.invalid:6379"]
)
def test_an_address_that_does_not_answer(address):
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(address=address)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout.startswith(f"cannot reach the cluster at {address}: "), done.stderr
    assert "Check RAY_ADDRESS (now not set) and --placement.address" in done.stdout
    assert time.monotonic() - began < 30  # Ray itself would try for a minute


class Worker:
    def ping(self):
        return True


def test_a_local_cluster_listens_on_the_loopback_only(cluster):
    worker = runtime.actor(Worker, role="worker")
    worker.call("ping", timeout_s=60)

    listening = {pid: listens(pid) for pid in descendants(os.getpid())}
    worker.kill()

    hosts = {host for found in listening.values() for host in found}
    assert len([found for found in listening.values() if found]) >= 4  # driver, GCS, raylet, worker
    assert [host for host in hosts if not host.is_loopback] == []
    assert is_loopback(cluster.address)


def test_another_process_reaches_the_local_cluster(cluster):
    code = "import sys; from raylab import runtime; print(runtime.connect(sys.argv[1]).address)"

    done = subprocess.run(
        [sys.executable, "-c", code, cluster.address], capture_output=True, text=True, timeout=60
    )

    assert done.stdout.strip() == cluster.address, done.stderr


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:6379", True),
        ("ray://localhost:10001", True),
        ("[::1]:6379", True),
        ("192.0.2.1:6379", False),
        ("ray://head.example/x:1", False),
    ],
)
def test_is_loopback(address, expected):
    assert is_loopback(address) is expected


def test_nodes_that_run_nothing_are_not_waited_for(cluster):
    with pytest.raises(ClusterError, match="has run anything for 0 s; `raylab doctor --address"):
        runtime.check_versions(cluster, limit_s=0.0)

    runtime.check_versions(cluster)


def descendants(pid):
    """A process and all that it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return found


def listens(pid):
    """Addresses that a process listens on, by TCP."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(descriptor.readlink()))
        except OSError:  # closed meanwhile
            continue
    return {
        address
        for table in ("tcp", "tcp6")
        for address, inode in listeners(table)
        if f"socket:[{inode}]" in inodes
    }


def listeners(table):
    """Address and inode of each socket of this machine that listens."""
    for line in Path("/proc/net", table).read_text().splitlines()[1:]:
        _, local, _, state, *_, inode = line.split()[:10]
        if state == "0A":
            yield parse(local.partition(":")[0]), inode


def parse(text):
    """An address from the kernel's words in hexadecimal, each in the machine's byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    return getattr(address, "ipv4_mapped", None) or address
