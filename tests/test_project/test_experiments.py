"""Every file of experiments/ runs as written: one update, one evaluation game, a whole run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "experiments").glob("*.py"))


def test_the_promised_experiments_are_there():
    names = {path.stem for path in FILES}

    assert {"pong_ppo", "breakout_ppo", "minatar_ppo", "cartpole_ppo"} <= names
    assert {"pong_dqn", "minatar_dqn", "cartpole_dqn"} <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_experiment_is_a_page_at_most(path):
    lines = [line for line in path.read_text().splitlines() if line.strip()]

    assert len(lines) <= 25


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_experiment_trains_an_update(path, cluster, tmp_path):
    address = "local" if path.stem == "cartpole_ppo" else cluster.address
    command = [sys.executable, str(path), "--until.agent-steps", "1", "--evaluation.episodes", "1"]
    command += ["--evaluation.random-baseline-episodes", "1", "--seeds", "7"]
    command += ["--placement.threads", "1", "--placement.address", address]
    environment = os.environ | {"PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [*command, "--runs-dir", str(tmp_path / "runs")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (tmp_path / "runs").glob("*/7")
    assert '"finished"' in (run / "status.json").read_text()
    assert list(run.glob("metrics/*.parquet"))
    assert list(run.glob("checkpoints/*/manifest.json"))
    assert list(run.glob("evaluations/*.json"))
