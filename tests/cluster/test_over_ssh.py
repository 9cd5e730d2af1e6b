"""cluster.yaml works with Ray's own commands, over ssh, with token authentication."""

import pytest

from tests.cluster.namespace import run_alone


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "also", [(), pytest.param(("second",), marks=pytest.mark.slow)], ids=["once", "twice"]
)
def test_up_submit_job_down(also, tmp_path):
    needs = ("sshd", "ssh", "rsync")
    said = run_alone("over_ssh.py", tmp_path, *also, needs=needs, timeout_s=240)

    assert said.rstrip().endswith("all is well")
