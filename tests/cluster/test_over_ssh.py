"""cluster.yaml works with Ray's own commands, over ssh, with token authentication."""

import pytest

from tests.cluster.namespace import run_alone


@pytest.mark.timeout(300)
def test_up_submit_job_down(tmp_path):
    said = run_alone("over_ssh.py", tmp_path, needs=("sshd", "ssh", "rsync"), timeout_s=240)

    assert said.rstrip().endswith("all is well")
