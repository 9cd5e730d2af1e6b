"""Configurations survive JSON; what is wrong in them is named with its field and near match."""

import json

import pytest

from raylab.errors import ConfigError
from raylab.experiment import Checkpointing, Evaluating, Experiment, Placement, Until, load_config
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari, Gymnasium, MinAtar

EXPERIMENTS = [
    Experiment(name="pong", env=Atari(game="pong", protocol="classic", sticky_actions=0.1)),
    Experiment(
        name="pole",
        env=Gymnasium(id="CartPole-v1", kwargs={"render_mode": "rgb_array"}),
        algorithm=PPO.classic_control(),
        until=Until(agent_steps=5, wall_time_s=2.5, episode_return=-1.0),
        seeds=(3, 1, 2),
        placement=Placement(threads=2, address="local"),
        checkpointing=Checkpointing(every_agent_steps=7),
        evaluation=Evaluating(episodes=0, every_agent_steps=9),
        runs_dir="elsewhere",
    ),
    Experiment(
        name="min", env=MinAtar(game="asterix", max_episode_steps=None), algorithm=DQN.minatar()
    ),
]


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_an_experiment_survives_json(experiment):
    text = json.dumps(experiment.to_json())

    assert Experiment.from_json(json.loads(text)) == experiment


def changed(path, value):
    content = json.loads(json.dumps(EXPERIMENTS[0].to_json()))
    inner = content
    *folders, name = path.split(".")
    for folder in folders:
        inner = inner[folder]
    inner[name] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("nmae", "x", "nmae is no field of Experiment; did you mean name?"),
        ("algorithm.lerning_rate", 1, "algorithm.lerning_rate .* did you mean learning_rate?"),
        ("algorithm.learning_rate", -1, "algorithm: learning_rate=-1.0 must be positive"),
        ("algorithm.minibatches", 3, "minibatches=3 does not divide 1024 .*try 2"),
        ("algorithm.epochs", "four", "algorithm.epochs='four' must be a whole number"),
        ("algorithm.epochs", True, "algorithm.epochs=True must be a whole number"),
        ("algorithm.reward_clipping", "sing", "reward_clipping='sing' .*did you mean sign?"),
        ("env.game", "pongg", "env: game='pongg' is unknown; did you mean 'pong'?"),
        ("algorithm.kind", "DQNN", "algorithm.kind='DQNN' is unknown; did you mean DQN?"),
        ("env.kind", "Atarri", "env.kind='Atarri' is unknown; did you mean Atari?"),
        ("env", "pong", "env='pong' must be an object"),
        ("until.agent_steps", 0, "until.agent_steps=0 must be above 0"),
        ("until.wall_time_s", "1h", "until.wall_time_s='1h' must be a number or null"),
        ("seeds", 1, "seeds=1 must be a list"),
        ("seeds", [1, "2"], r"seeds\[1\]='2' must be a whole number"),
        ("seeds", [], r"seeds=\(\) trains nothing"),
        ("seeds", [1, 1], "must be different numbers"),
        ("name", "a/b", "name='a/b' becomes a folder"),
        ("placement.threads", 0, "placement.threads=0 must be at least 1"),
        ("checkpointing.replay", "no", "checkpointing.replay='no' is unknown"),
        ("checkpointing.keep", 0, "checkpointing.keep=0 must be at least 1"),
        ("evaluation.episodes", -1, "evaluation.episodes=-1 must not be negative"),
    ],
)
def test_a_mistake_is_named_with_its_field_and_value(path, value, says):
    with pytest.raises(ConfigError, match=says):
        Experiment.from_json(changed(path, value))


def test_absent_fields_take_their_defaults_and_needed_ones_are_asked_for():
    content = {"name": "pong", "env": {"kind": "Atari", "game": "pong"}}

    assert Experiment.from_json(content) == Experiment(name="pong", env=Atari(game="pong"))
    with pytest.raises(ConfigError, match="Experiment lacks name"):
        Experiment.from_json({"env": content["env"]})
    with pytest.raises(ConfigError, match="must be an object"):
        Experiment.from_json([])


def test_a_config_trains_into_the_folder_where_its_run_lies_now(tmp_path):
    experiment = EXPERIMENTS[1]
    moved = tmp_path / "moved" / experiment.experiment_id
    (moved / "3").mkdir(parents=True)
    for folder in (moved, moved / "3", tmp_path):
        (folder / "config.json").write_text(json.dumps(experiment.to_json()))

    assert load_config(moved / "config.json").folder == moved
    assert load_config(moved / "3" / "config.json").folder == moved
    assert load_config(tmp_path / "config.json").runs_dir == "elsewhere"


def test_a_config_that_is_wrong_is_named_with_its_file(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(changed("algorithm.clip", "much")))

    with pytest.raises(ConfigError, match=r"config\.json: algorithm\.clip='much' must be a number"):
        load_config(tmp_path / "config.json")
