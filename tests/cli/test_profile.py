"""``raylab profile``: the real system for a moment, and where its time went."""

import json

import pytest

from raylab.cli import main

FILE = """
from raylab.experiment import Experiment, Placement
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import MinAtar
experiment = Experiment(
    name="tiny",
    env=MinAtar(game="breakout"),
    algorithm=PPO(num_envs=2, unroll_length=16, minibatches=1, epochs=1),
    placement=Placement(threads=1),
)
"""
PHASES = {
    "rollout": ["act", "env", "store", "other"],
    "learn": ["targets", "gather", "forward", "backward", "optimize", "other"],
    "system": ["system"],
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.py"
    path.write_text(FILE)
    return path


def test_profile_accounts_for_all_of_the_time(cluster, file, capsys, monkeypatch):
    monkeypatch.setattr("raylab.cli.profile._STARTING_S", 0.5)
    monkeypatch.setattr("sys.argv", ["raylab"])  # put back afterwards

    assert main(["profile", str(file), "--seconds", "2", "--json", "--algorithm.epochs", "2"]) == 0

    found = json.loads(capsys.readouterr().out)
    groups = {name: [p["phase"] for p in found["parts"] if p["group"] == name] for name in PHASES}
    assert groups == PHASES
    assert sum(part["share"] for part in found["parts"]) == pytest.approx(1.0)
    assert (found["threads"], found["precision"], found["device"]) == (1, "float32", "cpu")
    assert found["agent_steps_per_s"] > 0
    assert not list(file.parent.glob("runs*"))


@pytest.mark.slow
def test_profile_shows_a_table(cluster, file, capsys, monkeypatch):
    monkeypatch.setattr("raylab.cli.profile._STARTING_S", 0.5)
    monkeypatch.setattr("sys.argv", ["raylab"])

    assert main(["profile", str(file), "--seconds", "2"]) == 0

    text = capsys.readouterr().out
    assert text.startswith("tiny: ")
    assert all(f"\n  {phase} " in text for group in ("rollout", "learn") for phase in PHASES[group])
    assert "the environments step" in text


def test_no_time_is_a_mistake(file, capsys):
    with pytest.raises(SystemExit) as end:
        main(["profile", str(file), "--seconds", "0"])

    assert end.value.code == 2
    assert "--seconds 0 must be above 0" in capsys.readouterr().err
