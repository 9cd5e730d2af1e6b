"""Sweeps: what they try, what they train, and how they go on."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from raylab.cli import main
from raylab.cli.sweep import read_axes
from raylab.errors import ConfigError
from raylab.experiment import Checkpointing, Evaluating, Experiment, Placement, Run, Until
from raylab.experiment.sweep import Sweep, draw, grid, plan, run_sweep
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.runtime.tune import Halving, own_folder, run_all

CARTPOLE = Experiment(
    name="cartpole",
    env=Gymnasium(id="CartPole-v1"),
    algorithm=PPO(num_envs=4, unroll_length=16, minibatches=1, epochs=1),
    until=Until(agent_steps=640),
    placement=Placement(threads=1),
    checkpointing=Checkpointing(every_agent_steps=128),
    evaluation=Evaluating(episodes=0),
)
RATES = {"--algorithm.learning-rate": ["1e-4", "1e-2"]}


def test_a_grid_is_every_combination():
    assert grid({"--a": ["1", "2"], "--b": ["x", "y"]}) == [
        {"--a": "1", "--b": "x"},
        {"--a": "1", "--b": "y"},
        {"--a": "2", "--b": "x"},
        {"--a": "2", "--b": "y"},
    ]
    with pytest.raises(ConfigError, match="ranges need --samples"):
        grid({"--a": ["1..2"]})
    assert grid({"--runs-dir": ["../runs"]}) == [{"--runs-dir": "../runs"}]


def test_a_draw_is_repeatable_and_stays_in_its_ranges():
    axes = {"--rate": ["1e-5..1e-1"], "--epochs": ["2..8"], "--clip": ["0.1", "0.2"]}

    drawn = draw(axes, 200, seed=3)

    assert drawn == draw(axes, 200, seed=3) != draw(axes, 200, seed=4)
    rates = sorted(float(values["--rate"]) for values in drawn)
    assert 1e-5 <= rates[0] < rates[-1] <= 1e-1
    assert 3e-4 < rates[100] < 3e-3  # the middle one, by the logarithm
    assert {values["--epochs"] for values in drawn} == set("2345678")
    assert {values["--clip"] for values in drawn} == {"0.1", "0.2"}
    with pytest.raises(ConfigError, match="below the second"):
        draw({"--a": ["2..1"]}, 1, 0)
    assert draw({"--runs-dir": ["../runs"]}, 1, 0) == [{"--runs-dir": "../runs"}]


def test_settings_are_named_by_what_distinguishes_them():
    first, second = plan(CARTPOLE, grid({**RATES, "--name": ["cartpole"]}))

    assert (first.label, second.label) == ("learning-rate 1e-4", "learning-rate 1e-2")
    assert second.experiment == replace(
        CARTPOLE, algorithm=replace(CARTPOLE.algorithm, learning_rate=1e-2)
    )
    with pytest.raises(ConfigError, match="are the same experiment"):
        Sweep("x", plan(CARTPOLE, grid({"--algorithm.clip": ["0.1", "0.10"]})))


def test_yes_and_no_are_values():
    base = replace(CARTPOLE, algorithm=DQN())
    axes = read_axes(["--algorithm.double", "True", "False", "--placement.evaluator", "False"])

    first, second = plan(base, grid(axes))

    assert (first.label, second.label) == ("double True", "double False")
    assert (first.experiment.algorithm.double, second.experiment.algorithm.double) == (True, False)
    assert second.experiment.placement.evaluator is False


def test_a_first_rung_beyond_the_end_leaves_nothing_behind(tmp_path):
    with pytest.raises(ConfigError, match="the first rung at 20"):
        run_all(
            lambda _: None,
            [1],
            threads=1,
            halving=Halving(max_steps=10, first_steps=20),
            tell=lambda _: None,
            is_stopped=lambda: False,
            storage=str(tmp_path),
        )

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["5"], "'5' belongs to no field"),
        (["--seeds"], "has no value"),
        (["--a", "1", "--a=2"], "--a is given twice"),
    ],
)
def test_wrong_axes_are_named(arguments, says):
    with pytest.raises(ConfigError, match=says):
        read_axes(arguments)


def sweep_of(folder, halving=None):
    base = replace(CARTPOLE, runs_dir=str(folder), seeds=(1, 2))
    return Sweep("cartpole", plan(base, grid(RATES)), halving)


def test_folders_of_killed_drivers_are_removed_and_only_those(tmp_path):
    dead, unknown = (tmp_path / f".tune-{name}" for name in ("dead", "unknown"))
    for folder in (dead, unknown):
        folder.mkdir()
    (dead / "lock").touch()

    with own_folder(str(tmp_path)) as alive:
        with own_folder(str(tmp_path)) as mine:
            assert sorted(tmp_path.iterdir()) == sorted([alive, mine, unknown])
        assert sorted(tmp_path.iterdir()) == sorted([alive, unknown])

    assert list(tmp_path.iterdir()) == [unknown]


@pytest.mark.slow
def test_every_setting_is_trained_with_every_seed_and_only_once(cluster, tmp_path):
    sweep = sweep_of(tmp_path)
    told = []

    rows = run_sweep(sweep, tell=lambda rows: told.append([row.state for row in rows]))
    again = run_sweep(sweep)

    assert [row.state for row in rows] == ["finished"] * 4
    assert [row.agent_steps for row in rows] == [640] * 4
    assert told[-1] == ["finished"] * 4
    assert [Run(row.path).status["attempt"] for row in again] == [1] * 4
    assert {row.path.parent.name for row in rows} == {
        setting.experiment.experiment_id for setting in sweep.settings
    }
    assert not list(sweep.folder.glob(".tune-*"))
    tried = json.loads((sweep.folder / "sweep.json").read_text())
    assert [s["label"] for s in tried["settings"]] == ["learning-rate 1e-4", "learning-rate 1e-2"]


def test_a_run_that_fails_does_not_end_the_others(cluster, tmp_path):
    sweep = sweep_of(tmp_path)
    blocked = sweep.settings[0].experiment.folder / "1"
    blocked.parent.mkdir(parents=True)
    blocked.touch()  # a file where the run's folder belongs

    rows = run_sweep(sweep)

    assert [row.state for row in rows][1:] == ["finished"] * 3
    assert rows[0].state == "failed"
    assert "cannot write" in rows[0].note


def test_early_stopping_saves_what_it_stops(cluster, tmp_path):
    base = replace(CARTPOLE, runs_dir=str(tmp_path))
    rates = {"--algorithm.learning-rate": ["1e-3", "2e-3", "3e-3", "1e-9", "2e-9", "3e-9"]}
    sweep = Sweep("cartpole", plan(base, grid(rates)), Halving(640, first_steps=128, factor=3))

    rows = run_sweep(sweep)

    assert {row.state for row in rows} == {"finished", "interrupted"}
    for row in rows:
        run = Run(row.path)
        assert run.latest_checkpoint().record["agent_steps"] == row.agent_steps
        if row.state == "interrupted":
            assert "stopped early by the sweep" in run.status["cause"]
            assert row.agent_steps < 640


def test_the_verb_compares_the_settings(cluster, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text(json.dumps(CARTPOLE.to_json()))
    monkeypatch.chdir(tmp_path)
    text = io.StringIO()
    monkeypatch.setattr(
        "raylab.cli.terminal.console", lambda: Console(file=text, width=160, color_system=None)
    )

    code = main(
        ["sweep", "config.json", *("--algorithm.learning-rate", "1e-4", "1e-2"), "--seeds", "2"]
    )

    said = text.getvalue()
    assert code == 0, said
    assert "2 settings x 2 seed(s)" in said
    assert "95 % interval" in said
    assert "learning-rate 1e-2" in said
    [page] = tmp_path.glob("runs/cartpole-sweep-*/report/report.html")
    assert "learning-rate 1e-4" in page.read_text()
