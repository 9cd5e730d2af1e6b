"""Several nodes, and what a cluster answers to mistakes."""

import pytest

from tests.cluster.namespace import run_alone


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize(
    "promise",
    [
        *("silent_node", "late_node", "sync_over_nodes", "tpch", "lost_in_a_shuffle"),
        *("full_disk", "full_object_store"),
    ],
)
def test_nodes(promise, tmp_path):
    said = run_alone("several_nodes.py", tmp_path, promise, timeout_s=280)

    assert "all is well" in said.splitlines()  # Ray may say something behind it


@pytest.mark.timeout(200)
def test_mistakes_are_named_with_a_way_out(tmp_path):
    said = run_alone("bad_input.py", tmp_path, timeout_s=180)

    assert "all is well" in said.splitlines()  # Ray may say something behind it


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_lost_node_is_noticed_in_the_promised_time(tmp_path):
    said = run_alone("detection.py", tmp_path, 1, timeout_s=380)

    assert "all is well" in said.splitlines()  # Ray may say something behind it


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_experiments_survive_their_driver(tmp_path):
    said = run_alone("load.py", tmp_path, 40, 5, timeout_s=3000)

    assert "all is well" in said.splitlines()  # Ray may say something behind it
