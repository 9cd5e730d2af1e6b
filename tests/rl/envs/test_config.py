"""Configurations are checked when they are built and tell the whole protocol."""

import json

import pytest

from raylab.errors import ConfigError
from raylab.rl.envs import Atari, Gymnasium, MinAtar, make


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Atari(game="brekout"), "game='brekout' is unknown; did you mean 'breakout'"),
        (lambda: Atari(game="ALE/MsPacman-v5"), "did you mean 'ms_pacman'"),
        (lambda: Atari(game="PongNoFrameskip-v4"), "did you mean 'pong'"),
        (lambda: Atari(game="combat"), "game='combat' is unknown"),
        (lambda: Atari(game="zzzz"), "known are adventure, air_raid, "),
        (lambda: MinAtar(game="pong"), "known are asterix, breakout, freeway, seaquest, space"),
        (lambda: MinAtar(game="SpaceInvaders"), "did you mean 'space_invaders'"),
        (lambda: Gymnasium(id="CartPole"), "id='CartPole' is unknown; did you mean 'CartPole-v1'"),
        (lambda: Gymnasium(id="LunarLandr-v3"), "did you mean 'LunarLander-v3'"),
        (lambda: Gymnasium(id="zzzz-v0"), "write 'package:id'"),
        (lambda: Atari(game="pong", protocol="clasic"), "protocol='clasic' .* 'classic'"),
        (lambda: Atari(game="pong", sticky_actions=1.5), "sticky_actions=1.5 is out of range"),
        (lambda: Atari(game="pong", frame_skip=0), "frame_skip=0"),
        (lambda: Atari(game="pong", stack=0), "stack=0"),
        (lambda: Atari(game="pong", noop_max=-1), "noop_max=-1"),
        (lambda: Atari(game="pong", screen_size=8), "screen_size=8"),
        (lambda: Atari(game="pong", max_frames=3), "max_frames=3"),
        (lambda: MinAtar(game="breakout", sticky_actions=float("nan")), "sticky_actions=nan"),
        (lambda: MinAtar(game="breakout", max_episode_steps=0), "max_episode_steps=0"),
        (lambda: Gymnasium(id="CartPole-v1", max_episode_steps=0), "max_episode_steps=0"),
        (lambda: make(MinAtar(game="breakout"), 0, 1), "num_envs=0"),
        (lambda: make(MinAtar(game="breakout"), 1, 1, num_threads=0), "num_threads=0"),
    ],
    ids=[
        "atari-typo",
        "atari-gymnasium-id",
        "atari-old-id",
        "atari-multiplayer",
        "atari-nonsense",
        "minatar-other-game",
        "minatar-case",
        "gymnasium-without-version",
        "gymnasium-typo",
        "gymnasium-nonsense",
        "protocol",
        "sticky-actions",
        "frame-skip",
        "stack",
        "noop-max",
        "screen-size",
        "max-frames",
        "not-a-number",
        "minatar-time-limit",
        "gymnasium-time-limit",
        "num-envs",
        "num-threads",
    ],
)
def test_a_wrong_value_is_named_with_a_way_out(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


def test_machado_is_the_default_protocol_in_full():
    record = Atari(game="pong").record()

    assert record == {
        "backend": "atari",
        "game": "pong",
        "protocol": "machado",
        "departures": [],
        "sticky_actions": 0.25,
        "life_loss_terminates": False,
        "full_action_set": True,
        "noop_max": 0,
        "fire_reset": False,
        "frame_skip": 4,
        "frames_per_step": 4,
        "stack": 4,
        "screen_size": 84,
        "max_frames": 108_000,
    }


def test_classic_is_the_protocol_of_the_published_ppo_scores():
    record = Atari(game="pong", protocol="classic").record()

    assert record["sticky_actions"] == 0.0
    assert record["life_loss_terminates"] is True
    assert record["full_action_set"] is False
    assert record["noop_max"] == 30
    assert record["fire_reset"] is True


def test_a_departure_from_the_protocol_is_recorded():
    env = Atari(game="pong", protocol="classic", sticky_actions=0.25, noop_max=30)

    assert env.rules.sticky_actions == 0.25
    assert env.record()["departures"] == ["sticky_actions"]


def test_a_custom_protocol_leaves_nothing_open():
    with pytest.raises(ConfigError, match="needs a value for full_action_set, noop_max, fire_r"):
        Atari(game="pong", protocol="custom", sticky_actions=0.1, life_loss_terminates=False)

    record = Atari(
        game="pong",
        protocol="custom",
        sticky_actions=0.1,
        life_loss_terminates=False,
        full_action_set=True,
        noop_max=7,
        fire_reset=False,
    ).record()
    assert (record["noop_max"], record["departures"]) == (7, [])


def test_evaluation_plays_whole_games_and_changes_nothing_else():
    training = Atari(game="breakout", protocol="classic", frame_skip=3)

    evaluation = training.evaluation()

    differing = {
        name
        for name, value in training.record().items()
        if evaluation.record()[name] != value and name != "departures"
    }
    assert differing == {"life_loss_terminates"}


def test_gymnasium_records_the_time_limit_that_holds():
    registered = Gymnasium(id="CartPole-v1").record()
    explicit = Gymnasium(id="CartPole-v1", max_episode_steps=7).record()

    assert registered["max_episode_steps"] == 500
    assert explicit["max_episode_steps"] == 7


@pytest.mark.parametrize(
    "env",
    [
        Atari(game="pong"),
        Gymnasium(id="Pendulum-v1", kwargs={"g": 9.81}),
        MinAtar(game="freeway", minimal_actions=True),
    ],
    ids=["atari", "gymnasium", "minatar"],
)
def test_records_are_json(env):
    record = env.record()

    assert json.loads(json.dumps(record)) == record
    assert record["frames_per_step"] == env.frames_per_step
    assert env.evaluation().record() == record
