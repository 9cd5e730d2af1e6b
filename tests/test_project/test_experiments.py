"""Every file of experiments/ runs as written: one update, a whole run."""

import runpy
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
def test_experiment_trains_an_update(path, cluster, tmp_path, monkeypatch):
    """As `python <file>` does; the evaluation of one game is left to those whose games are short."""
    games = "0" if path.stem.startswith("pong") else "1"
    options = ["--until.agent-steps", "1", "--seeds", "7", "--placement.threads", "1"]
    options += ["--evaluation.episodes", games, "--evaluation.random-baseline-episodes", games]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), *options])

    runpy.run_path(str(path), run_name="__main__")

    (run,) = (tmp_path / "runs").glob("*/7")
    assert '"finished"' in (run / "status.json").read_text()
    assert list(run.glob("metrics/*.parquet"))
    assert list(run.glob("checkpoints/*/manifest.json"))
    assert len(list(run.glob("evaluations/*.json"))) == 2 * int(games)
