"""The roles of a run on several nodes: where they go, and what a lost node costs."""

import pytest

from tests.cluster.namespace import run_alone


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "promise",
    [
        *("spread", "killed_supervisor", "too_small", "lost_node", "lost_fragments"),
        *("dqn_learns", "dqn_learns_without_a_node", "ppo_learns", "ppo_learns_without_a_node"),
    ],
)
def test_roles_on_nodes(promise, tmp_path):
    said = run_alone("roles_on_nodes.py", tmp_path, promise, timeout_s=580)

    assert "all is well" in said.splitlines()  # Ray may say something behind it
