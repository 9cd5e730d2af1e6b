"""The command line of an experiment file, and what people see."""

import io
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from raylab.errors import RunError
from raylab.experiment import Experiment, Until, command
from raylab.experiment.command import parse
from raylab.experiment.progress import Display, duration, line
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari
from raylab.rl.schedule import Progress

PONG = Experiment(name="pong", env=Atari(game="pong", protocol="classic"))
FILES = sorted(Path("experiments").glob("*.py"))


def test_every_field_can_be_overridden():
    options = "--algorithm.learning-rate 1e-4 --env.game breakout --until.agent-steps 5 --seeds 3 4"

    experiment, new = parse(PONG, [*options.split(), "--runs-dir", "x", "--new"])

    assert experiment == Experiment(
        name="pong",
        env=Atari(game="breakout", protocol="classic"),
        algorithm=PPO(learning_rate=1e-4),
        until=Until(agent_steps=5),
        seeds=(3, 4),
        runs_dir="x",
    )
    assert new is True
    assert parse(PONG, []) == (PONG, False)


def test_the_fields_of_any_algorithm_are_options_of_the_same_name():
    pong = Experiment(name="pong", env=Atari(game="pong"), algorithm=DQN())

    experiment, _ = parse(pong, ["--algorithm.learning-rate", "1e-3", "--algorithm.double"])

    assert experiment.algorithm == DQN(learning_rate=1e-3, double=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--algorithm.lerning-rate 1", "--algorithm.learning-rate"),
        ("--algorithm.learning-rate -1", "learning_rate=-1.0 must be positive"),
        ("--algorithm.minibatches 3", "minibatches=3 does not divide 1024"),
        ("--env.game pongg", "game='pongg' is unknown; did you mean 'pong'?"),
        ("--env.protocol clasic", "invalid choice 'clasic'"),
        ("--until.agent-steps many", "--until.agent-steps"),
        ("--seeds", "seeds=()"),
    ],
)
def test_a_mistake_ends_with_2_and_names_the_option(options, says, capsys):
    with pytest.raises(SystemExit) as ended:
        command.run(PONG, options.split())

    assert ended.value.code == 2
    said = capsys.readouterr()
    assert says in " ".join((said.out + said.err).replace("│", " ").split())
    assert "Traceback" not in said.err


def test_a_failure_ends_with_1_and_one_message(monkeypatch, capsys):
    def fail(experiment, *, new):
        raise RunError(f"{experiment.name} [cannot] be written, {new}")

    monkeypatch.setattr("raylab.experiment.runner.train", fail)

    with pytest.raises(SystemExit) as ended:
        command.run(PONG, [])

    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: pong [cannot] be written, False\n"

    monkeypatch.setenv("RAYLAB_DEBUG", "0")
    with pytest.raises(SystemExit):
        command.run(PONG, [])
    monkeypatch.setenv("RAYLAB_DEBUG", "1")
    with pytest.raises(RunError):
        command.run(PONG, [])


def test_help_names_every_field(capsys):
    with pytest.raises(SystemExit) as ended:
        parse(PONG, ["--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    for option in ("--env.game", "--algorithm.clip", "--until.agent-steps", "--new", "--seeds"):
        assert option in said


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_experiment_file_is_short_and_defines_an_experiment(path):
    experiment = runpy.run_path(str(path))["experiment"]

    assert isinstance(experiment, Experiment)
    assert Experiment.from_json(experiment.to_json()) == experiment
    assert 10 <= len(path.read_text().splitlines()) <= 25


def test_there_are_experiment_files():
    assert {path.stem for path in FILES} >= {"pong_ppo", "breakout_ppo", "minatar_ppo"}


def test_identity_is_what_decides_the_results():
    same = [
        parse(PONG, options.split())[0]
        for options in (
            "--until.agent-steps 7 --seeds 1 2 --runs-dir x",
            "--placement.threads 3 --checkpointing.keep 9 --evaluation.episodes 1",
        )
    ]
    others = [
        parse(PONG, options.split())[0]
        for options in ("--algorithm.clip 0.2", "--env.game breakout", "--name other")
    ]

    assert {experiment.experiment_id for experiment in same} == {PONG.experiment_id}
    assert len({e.experiment_id for e in (PONG, *others)}) == 4


def test_identity_does_not_depend_on_how_a_number_is_written():
    whole = replace(PONG, algorithm=PPO(entropy_coefficient=0))

    assert Experiment.from_json(whole.to_json()).experiment_id == whole.experiment_id
    assert whole.experiment_id != PONG.experiment_id
    assert (
        whole.experiment_id == replace(PONG, algorithm=PPO(entropy_coefficient=0.0)).experiment_id
    )


RUNNING = Progress(
    run="pong-12345678/1",
    state="running",
    phase="training",
    agent_steps=2_500_000,
    until_agent_steps=10_000_000,
    steps_per_s=1234.5,
    episode_return=-3.14159,
    time_left_s=6075.0,
    messages=("attempt 2 goes on",),
)


def test_the_live_line_says_speed_return_and_time_left():
    text = line(RUNNING)

    for part in ("2,500,000 / 10,000,000 agent steps", "1,234/s", "return -3.14", "1:41:15 left"):
        assert part in text


def shown(*, terminal):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=160, color_system=None)
    with Display(console) as display:
        display.show([RUNNING])
        display.show([RUNNING])
    return text.getvalue()


def test_a_terminal_shows_the_line_and_a_file_only_what_happened():
    assert "1:41:15 left" in shown(terminal=True)
    assert shown(terminal=False) == "pong-12345678/1: attempt 2 goes on\n"


def test_durations():
    assert [duration(s) for s in (0, 59.6, 3600, 36061)] == ["0:00", "1:00", "1:00:00", "10:01:01"]
