"""What a policy sees of a Gymnasium space, and what the environment gets back."""

from collections import OrderedDict

import numpy as np
import pytest
from gymnasium import spaces

from raylab.errors import ConfigError
from raylab.rl.envs.spaces import action_decoder, observation_encoder


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ((96, 80, 3), (96, 80, 3)),
        ((96, 80), (96, 80, 1)),
        ((4, 84, 80), (84, 80, 4)),
        ((10, 10, 4), (10, 10, 4)),
    ],
    ids=str,
)
def test_images_are_height_width_channels(shape, seen):
    image = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)

    space, encode = observation_encoder(spaces.Box(0, 255, shape, np.uint8))

    assert space.shape == seen
    assert space.dtype == np.uint8
    encoded = encode(image)
    assert encoded.shape == seen
    if shape[0] == 4:
        np.testing.assert_array_equal(encoded[:, :, 2], image[2])


def test_a_vector_keeps_its_bounds():
    space, encode = observation_encoder(spaces.Box(-2.0, 3.0, (4,), np.float64))

    assert space == spaces.Box(-2.0, 3.0, (4,), np.float32)
    np.testing.assert_array_equal(encode(np.arange(4.0)), np.arange(4.0))


@pytest.mark.parametrize(
    ("space", "observation", "seen"),
    [
        (spaces.Discrete(4), 2, [0, 0, 1, 0]),
        (spaces.Discrete(3, start=5), 5, [1, 0, 0]),
        (spaces.MultiDiscrete([2, 3]), np.array([1, 0]), [0, 1, 1, 0, 0]),
        (spaces.MultiBinary(3), np.array([1, 0, 1], np.int8), [1, 0, 1]),
        (spaces.Box(0, 9, (2, 2), np.float64), np.array([[1.0, 2], [3, 4]]), [1, 2, 3, 4]),
        (spaces.Box(0, 255, (3,), np.uint8), np.array([1, 2, 3], np.uint8), [1, 2, 3]),
        (spaces.Tuple([spaces.Discrete(2), spaces.Discrete(2)]), (1, 0), [0, 1, 1, 0]),
        (
            spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(0, 9, (1,))}),
            OrderedDict(a=1, b=np.array([7.0])),
            [0, 1, 7],
        ),
    ],
    ids=["discrete", "start", "multi-discrete", "binary", "matrix", "bytes", "tuple", "dict"],
)
def test_everything_else_is_a_flat_vector(space, observation, seen):
    policy_space, encode = observation_encoder(space)

    assert policy_space.shape == (len(seen),)
    assert policy_space.dtype == np.float32
    np.testing.assert_array_equal(encode(observation), seen)


def test_observations_without_a_fixed_size_are_refused():
    with pytest.raises(ConfigError, match="no fixed size"):
        observation_encoder(spaces.Sequence(spaces.Discrete(3)))


@pytest.mark.parametrize(
    ("space", "policy_space", "action", "taken"),
    [
        (spaces.Discrete(3), spaces.Discrete(3), np.int64(2), 2),
        (spaces.Discrete(3, start=-1), spaces.Discrete(3), np.int64(2), 1),
        (
            spaces.MultiDiscrete([2, 3], start=[0, 10]),
            spaces.MultiDiscrete([2, 3]),
            np.array([1, 2]),
            [1, 12],
        ),
        (
            spaces.MultiDiscrete([[2, 3], [4, 5]]),
            spaces.MultiDiscrete([2, 3, 4, 5]),
            np.array([1, 2, 3, 4]),
            [[1, 2], [3, 4]],
        ),
        (spaces.MultiBinary(2), spaces.MultiDiscrete([2, 2]), np.array([1, 0]), [1, 0]),
        (
            spaces.Box(-1.0, 2.0, (2,), np.float64),
            spaces.Box(-1.0, 2.0, (2,), np.float32),
            np.array([-7.0, 1.5], np.float32),
            [-1.0, 1.5],
        ),
        (
            spaces.Box(-1.0, 1.0, (2, 1)),
            spaces.Box(-1.0, 1.0, (2,)),
            np.array([0.5, 3.0], np.float32),
            [[0.5], [1.0]],
        ),
    ],
    ids=[
        "discrete",
        "discrete-start",
        "multi-discrete-start",
        "multi-discrete-matrix",
        "multi-binary",
        "box-float64",
        "box-matrix",
    ],
)
def test_actions_reach_the_environment_in_its_own_terms(space, policy_space, action, taken):
    own, decode = action_decoder(space)

    assert own == policy_space
    np.testing.assert_array_equal(decode(action), taken)
    assert space.contains(decode(action))


def test_actions_of_another_kind_are_refused():
    with pytest.raises(ConfigError, match="are not supported; wrap the environment"):
        action_decoder(spaces.Dict({"a": spaces.Discrete(2)}))
