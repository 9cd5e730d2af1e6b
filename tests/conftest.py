"""What tests share that need Ray: one local cluster, started once."""

import pytest


@pytest.fixture(scope="session")
def cluster():
    """A local Ray cluster of two cores, one for all tests that need it."""
    from raylab import runtime

    yield runtime.connect("local", num_cpus=2, object_store_bytes=128 << 20)
    runtime.disconnect()
