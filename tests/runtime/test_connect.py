"""An address that nobody answers is said at once, with a way out."""

import subprocess
import sys
import time

import pytest

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
