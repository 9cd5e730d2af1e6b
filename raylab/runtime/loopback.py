"""Ray that listens on the loopback only."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager

from ray._private import ray_constants


@contextmanager
def only_loopback() -> Iterator[None]:
    """A cluster that is started within listens on the loopback only; one that does is found.

    Ray's daemons and workers bind the loopback when that is their node's address. On macOS and
    Windows Ray takes it by itself; on Linux it puts the address of the machine's interface in its
    place, also where ``_node_ip_address`` or ``address`` say 127.0.0.1. This constant decides;
    Ray fills it from RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER when it is imported, for good, but a process
    that leaves its own cluster may connect to a real one.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def is_loopback(address: str) -> bool:
    """Whether ``host:port``, with or without ``ray://``, is on this machine's loopback."""
    host, _, _ = address.rpartition("://")[2].partition("/")[0].rpartition(":")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
