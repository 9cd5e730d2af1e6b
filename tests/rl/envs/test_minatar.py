"""MinAtar through the contract; the package's own Environment is the oracle."""

import sys

import numpy as np
import pytest

from raylab.errors import EnvError
from raylab.rl.envs import MinAtar, make
from raylab.rl.envs.config import MINATAR_GAMES
from raylab.rl.envs.minatar import MinAtarBackend


@pytest.mark.parametrize("game", MINATAR_GAMES)
def test_games_are_those_of_the_package(game):
    from minatar import Environment

    oracle = Environment(game)
    backend = MinAtarBackend(MinAtar(game=game), 1)
    everyone = np.ones(1, bool)
    oracle.seed(7)
    oracle.reset()
    observations = backend.reset(everyone, np.array([7]))
    games = 0

    for action in np.random.default_rng(0).integers(6, size=3000):
        np.testing.assert_array_equal(observations[0], oracle.state())
        step = backend.step(np.array([action]), everyone)
        reward, over = oracle.act(action)
        assert (step.rewards[0], step.game_over[0]) == (reward, over)
        observations = step.observations
        if over:
            oracle.reset()
            observations = backend.reset(everyone, np.array([-1]))
            games += 1

    assert games >= 1


def test_a_seeded_game_does_not_stick_to_an_action_of_before():
    used, fresh = (MinAtarBackend(MinAtar(game="breakout", sticky_actions=0.9), 1) for _ in "ab")
    everyone = np.ones(1, bool)
    used.reset(everyone, np.array([1]))
    for _ in range(20):
        used.step(np.array([1]), everyone)
    used.reset(everyone, np.array([2]))
    fresh.reset(everyone, np.array([2]))

    one, two = (backend.step(np.array([3]), everyone) for backend in (used, fresh))

    np.testing.assert_array_equal(one.observations, two.observations)


def test_observations_are_bytes_of_zero_and_one():
    env = make(MinAtar(game="seaquest"), 2, 1)

    observations = env.reset()

    assert observations.shape == (2, 10, 10, 10)
    assert observations.dtype == np.uint8
    assert set(np.unique(observations)) == {0, 1}
    assert env.observation_space.contains(observations[0])


def test_minimal_actions_are_those_of_the_game():
    full = make(MinAtar(game="breakout", sticky_actions=0.0), 1, 1)
    minimal = make(MinAtar(game="breakout", sticky_actions=0.0, minimal_actions=True), 1, 1)
    full.reset()
    minimal.reset()

    right_of_six, right_of_three = full.step(np.array([3])), minimal.step(np.array([2]))

    assert (full.action_space.n, minimal.action_space.n) == (6, 3)
    np.testing.assert_array_equal(right_of_six.observations, right_of_three.observations)


def test_the_time_limit_truncates():
    env = make(MinAtar(game="freeway", max_episode_steps=10), 2, 1)
    env.reset()

    for _ in range(10):
        step = env.step(np.zeros(2))

    assert step.truncated.all()
    assert [episode.length_steps for episode in step.episodes] == [10, 10]


def test_the_picture_shows_every_object_in_a_colour_of_its_own():
    env = make(MinAtar(game="breakout"), 1, 1)
    env.reset()
    env.step(np.zeros(1))
    observations = env.step(np.zeros(1)).observations  # the trail has left the bricks

    picture = env.render()

    assert picture.shape == (160, 160, 3)
    cells = picture[8::16, 8::16]
    np.testing.assert_array_equal(cells.any(axis=-1), observations[0].any(axis=-1))
    assert len(np.unique(cells.reshape(-1, 3), axis=0)) == 5  # also where there is nothing


def test_a_missing_package_is_an_environment_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "minatar", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(EnvError, match="pip install MinAtar"):
        make(MinAtar(game="breakout"), 1, 1)
