"""Several nodes, and what a cluster answers to mistakes."""

import pytest

from tests.cluster.namespace import run_alone


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize("promise", ["silent_node", "late_node", "tpch", "full_disk"])
def test_nodes(promise, tmp_path):
    said = run_alone("several_nodes.py", tmp_path, promise, timeout_s=280)

    assert said.rstrip().endswith("all is well")


@pytest.mark.timeout(200)
def test_mistakes_are_named_with_a_way_out(tmp_path):
    said = run_alone("bad_input.py", tmp_path, timeout_s=180)

    assert said.rstrip().endswith("all is well")
