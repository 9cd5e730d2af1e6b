"""What tests share that need Ray: one local cluster, started once."""

import os

import pytest

# Metrics reach the endpoint every second, not every ten: tests wait for them.
os.environ.update(RAY_metrics_report_interval_ms="1000")


@pytest.fixture(scope="session")
def cluster():
    """A local Ray cluster of two cores, one for all tests that need it."""
    from raylab import runtime

    yield runtime.connect("local", num_cpus=2, object_store_bytes=128 << 20)
    runtime.disconnect()
