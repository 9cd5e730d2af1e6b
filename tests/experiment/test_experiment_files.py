"""Every file of experiments/ runs as a script: one update, on the tests' cluster."""

import runpy
import sys
from pathlib import Path

import pytest

from raylab.experiment import list_runs

FILES = sorted(Path("experiments").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_file_trains(path, cluster, tmp_path, monkeypatch):
    options = (
        f"--runs-dir {tmp_path} --until.agent-steps 1 --placement.threads 1 "
        "--evaluation.episodes 0 --evaluation.random-baseline-episodes 1"
    )
    monkeypatch.setattr(sys, "argv", [str(path), *options.split()])

    runpy.run_path(str(path), run_name="__main__")

    [run] = list_runs(tmp_path)
    assert run.state == "finished"
    assert len(run.metrics()) == 1
    assert [evaluation["policy"] for evaluation in run.evaluations()] == ["random"]


def test_there_is_something_to_run():
    assert len(FILES) >= 4
