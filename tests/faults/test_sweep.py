"""Ctrl-C in a sweep saves what it trains, and the same sweep goes on exactly."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from raylab.experiment import Run, files, list_runs
from raylab.experiment.sweep import Sweep, grid, plan, run_sweep
from tests.faults.scenario import CARTPOLE, LIMIT_S, assert_same_run, wait_for

AXES = {"--algorithm.clip": ["0.1", "0.2"]}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ctrl_c_saves_and_the_sweep_goes_on(cluster, uninterrupted, tmp_path):
    base = replace(CARTPOLE, runs_dir=str(tmp_path / "runs"), seeds=(1,))
    files.write_json(tmp_path / "config.json", base.to_json())
    command = [sys.executable, "-m", "raylab.cli", "sweep", str(tmp_path / "config.json")]
    options = ["--algorithm.clip", *AXES["--algorithm.clip"], "--address", cluster.address]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as driver:
        wait_for(lambda: list(tmp_path.glob("runs/*/1/checkpoints/0*")), "a checkpoint")
        driver.send_signal(signal.SIGINT)
        said, _ = driver.communicate(timeout=LIMIT_S)

    assert driver.returncode == 130, said
    stopped = [run for run in list_runs(tmp_path / "runs") if run.state == "interrupted"]
    assert stopped, said
    for run in stopped:
        assert "its user stopped it" in run.status["cause"]
        assert run.latest_checkpoint().record["agent_steps"] == run.status["agent_steps"]

    rows = run_sweep(Sweep("cartpole", plan(base, grid(AXES))))

    assert [row.state for row in rows] == ["finished"] * 2
    assert all(Run(run.path).status["attempt"] == 2 for run in stopped)
    reference = uninterrupted(replace(CARTPOLE, seeds=(1,)))  # clip 0.1 is the default
    assert_same_run(Run(rows[0].path), reference)
