"""The driver of a local cluster is killed, and its cluster with it: the run goes on in another one."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from raylab.experiment import Run, resume, train
from raylab.experiment.progress import Display
from tests.faults.scenario import LIMIT_S, assert_same_run, drive, wait_for, wait_for_checkpoints
from tests.faults.test_roles import ASYNC, SHARDS, SYNC, assert_every_update_once


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("experiment", [SYNC, ASYNC, SHARDS], ids=lambda e: e.name)
def test_a_run_whose_driver_and_cluster_were_killed_is_resumed(experiment, cluster, tmp_path):
    quiet = Display(Console(quiet=True))
    local = replace(experiment.placement, address="local")
    started = replace(experiment, runs_dir=str(tmp_path / "killed"), placement=local)
    Path(started.runs_dir).mkdir()
    path = started.folder / "1"
    with drive(started) as driver:
        wait_for_checkpoints(path, 2)
        os.kill(driver.pid, signal.SIGKILL)
        driver.communicate(timeout=LIMIT_S)
    wait_for(lambda: Run(path).state == "interrupted", "the end of the driver's cluster")

    [run] = resume(path, placement=experiment.placement, display=quiet)

    assert (run.state, run.status["attempt"]) == ("finished", 2)
    assert run.status["agent_steps"] == experiment.until.agent_steps
    assert_every_update_once(run, 64)
    if experiment.placement.kind == "sync":
        [whole] = train(replace(experiment, runs_dir=str(tmp_path / "whole")), display=quiet)
        assert_same_run(run, whole)
    else:
        assert run.status["exact"] is False
