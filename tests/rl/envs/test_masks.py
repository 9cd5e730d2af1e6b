"""Action masks on their way from the environment into the observation."""

import gymnasium
import numpy as np
import pytest

import tests.rl.masked_toys  # noqa: F401 - registers the environments
from raylab.errors import ConfigError, EnvError
from raylab.rl.envs import Gymnasium, make
from raylab.rl.envs.masks import MaskedBox, checked_mask, random_legal_action

DOORS = Gymnasium(id="raylab-tests/Doors-v0", action_mask="info")
SEEN = Gymnasium(id="raylab-tests/SeenDoors-v0")
BOARD = Gymnasium(id="raylab-tests/Board-v0")
SWITCHES = Gymnasium(id="raylab-tests/Switches-v0", action_mask="info")
THREE = gymnasium.spaces.Discrete(3)


@pytest.mark.parametrize("config", [DOORS, SEEN], ids=["info", "observation"])
def test_the_mask_is_the_tail_of_the_observation(config):
    env = make(config, 2, seed=1)

    observations = env.reset()

    assert isinstance(env.observation_space, MaskedBox)
    assert env.observation_space.shape == observations.shape[1:] == (2 + 6,)
    assert observations[:, 2:].sum(axis=1).tolist() == [2.0, 2.0]
    assert set(np.unique(observations[:, 2:])) == {0.0, 1.0}
    env.close()


def test_an_image_is_flat_before_its_mask_and_the_final_observation_has_one_too():
    env = make(BOARD, 1, seed=1)
    observations = env.reset()

    assert env.observation_space.dtype == observations.dtype == np.uint8
    assert observations[0, -3:].tolist() == [0, 1, 1]
    assert observations[0, :24:8].tolist() == [0, 255, 255]  # the first pixels of three rows
    for _ in range(4):
        env.step(np.array([0]))
    step = env.step(np.array([0]))
    assert step.truncated.tolist() == [True]
    assert step.final_observations[0, -3:].tolist() == [1, 1, 0]  # after 5 steps
    assert step.observations[0, -3:].tolist() == [0, 1, 1]  # of the next game
    env.close()


def test_none_takes_the_mask_for_a_part_of_the_observation():
    env = make(Gymnasium(id="raylab-tests/SeenDoors-v0", action_mask="none"), 1, seed=1)

    assert not isinstance(env.observation_space, MaskedBox)
    assert env.observation_space.shape == (8,)
    env.close()


def test_a_game_that_goes_on_must_leave_an_action():
    env = make(Gymnasium(id="raylab-tests/Board-v0", kwargs={"nothing_at": 2}), 1, seed=1)
    env.reset()
    env.step(np.array([1]))

    with pytest.raises(EnvError, match=r"row 0.*leaves no legal action \(\[0, 0, 0\]\)"):
        env.step(np.array([1]))
    env.close()


def test_a_game_that_ended_may_mask_everything():
    assert checked_mask(np.zeros(3), THREE, is_over=True).tolist() == [True] * 3


def test_every_choice_needs_a_legal_number():
    space = gymnasium.spaces.MultiDiscrete([2, 3])

    assert checked_mask((np.array([0, 1]), [1, 0, 1]), space, is_over=False).tolist() == [
        *(False, True),
        *(True, False, True),
    ]
    with pytest.raises(EnvError, match="leaves no legal action"):
        checked_mask(np.array([0, 0, 1, 1, 1]), space, is_over=False)


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        pytest.param(
            Gymnasium(id="CartPole-v1", action_mask="info"),
            EnvError,
            "no action_mask in info.*action_mask='none'",
            id="no mask in the info",
        ),
        pytest.param(
            Gymnasium(id="Pendulum-v1", action_mask="info"),
            ConfigError,
            "only discrete actions can be masked",
            id="continuous actions",
        ),
    ],
)
def test_what_cannot_be_masked_is_said(config, error, message):
    with pytest.raises(error, match=message):
        make(config, 1, seed=1).reset()


def test_a_mask_of_another_length_is_refused():
    with pytest.raises(EnvError, match="action_mask has 2 numbers"):
        checked_mask([1, 1], THREE, is_over=False)


def test_an_unknown_place_of_the_mask_is_refused():
    with pytest.raises(ConfigError, match="action_mask"):
        Gymnasium(id="CartPole-v1", action_mask="everywhere")


@pytest.mark.parametrize("config", [DOORS, SWITCHES], ids=["one choice", "two choices"])
def test_random_play_is_legal(config):
    env = make(config, 3, seed=1)
    observations = env.reset()
    env.action_space.seed(0)

    for _ in range(40):  # an illegal action would raise
        actions = [
            random_legal_action(env.action_space, env.observation_space, row)
            for row in observations
        ]
        observations = env.step(np.stack(actions)).observations
    env.close()


def test_masked_games_come_back_exactly():
    env, again = (make(DOORS, 2, seed=3) for _ in range(2))
    observations = env.reset()
    env.action_space.seed(0)
    for _ in range(11):
        actions = [
            random_legal_action(env.action_space, env.observation_space, row)
            for row in observations
        ]
        observations = env.step(np.stack(actions)).observations

    restored = again.restore(env.state())

    assert again.diverged_rows == ()
    np.testing.assert_array_equal(restored, observations)
    env.close()
    again.close()
