"""Waits of tests that have a limit."""

import time

from raylab import runtime


def wait_until_gone(name, limit_s):
    """Wait until no role has the name any more."""
    deadline = time.monotonic() + limit_s
    while runtime.find(name, name) is not None:
        assert time.monotonic() < deadline, f"the role {name!r} did not end within {limit_s} s"
        time.sleep(0.05)
