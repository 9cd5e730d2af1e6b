"""Between the spaces of Gymnasium and the few kinds that a policy sees and acts in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces

from raylab.errors import ConfigError
from raylab.rl.envs.backend import ActionSpace

Encode = Callable[[Any], np.ndarray]
"""Turns an environment's observation into the policy's."""

Decode = Callable[[np.ndarray], Any]
"""Turns a policy's action into the environment's."""

_MAX_CHANNELS = 16  # a longer axis of an image is its height or width


def observation_encoder(space: spaces.Space[Any]) -> tuple[spaces.Box, Encode]:
    """The space that a policy sees, and how an observation gets there.

    Images become uint8 [H, W, C]; a vector stays; all else is flattened (one-hot if discrete)
    into a float32 vector.

    Raises:
        ConfigError: if the observation has no fixed size.
    """
    match space:
        case spaces.Box(dtype=np.uint8, shape=(height, width)):
            return _image_space(height, width, 1), lambda image: image[:, :, None]
        case spaces.Box(dtype=np.uint8, shape=(channels, height, width)) if (
            channels <= _MAX_CHANNELS < width
        ):
            return _image_space(height, width, channels), lambda image: image.transpose(1, 2, 0)
        case spaces.Box(dtype=np.uint8, shape=(height, width, channels)):
            return _image_space(height, width, channels), np.asarray
        case spaces.Box(shape=(_,)):
            low, high = space.low.astype(np.float32), space.high.astype(np.float32)
            return spaces.Box(low, high, dtype=np.float32), np.asarray
    flat = spaces.flatten_space(space)
    if not isinstance(flat, spaces.Box):
        raise ConfigError(f"Observations of {space} have no fixed size; wrap the environment.")
    return (
        spaces.Box(-np.inf, np.inf, flat.shape, np.float32),
        lambda observation: np.asarray(spaces.flatten(space, observation)),
    )


def action_decoder(space: spaces.Space[Any]) -> tuple[ActionSpace, Decode]:
    """The space that a policy acts in, and how its action gets to the environment.

    Discrete actions start at 0, continuous ones have one axis and are clipped to the bounds.

    Raises:
        ConfigError: if the space is not Discrete, MultiDiscrete, MultiBinary or Box.
    """
    match space:
        case spaces.Discrete():
            start = int(space.start)
            return spaces.Discrete(int(space.n)), lambda action: int(action) + start
        case spaces.MultiDiscrete():
            starts, multi_dtype = np.asarray(space.start), space.dtype
            return (
                spaces.MultiDiscrete(space.nvec.ravel()),
                lambda action: (action.reshape(starts.shape) + starts).astype(multi_dtype),
            )
        case spaces.MultiBinary():
            bits, bits_dtype = np.zeros(space.shape), space.dtype
            return (
                spaces.MultiDiscrete(np.full(bits.size, 2)),
                lambda action: action.reshape(bits.shape).astype(bits_dtype),
            )
        case spaces.Box():
            low, high = space.low, space.high
            return (
                spaces.Box(
                    low.ravel().astype(np.float32),
                    high.ravel().astype(np.float32),
                    dtype=np.float32,
                ),
                lambda action: action.reshape(low.shape).clip(low, high).astype(low.dtype),
            )
        case _:
            raise ConfigError(
                f"Actions in {space} are not supported; wrap the environment so that they are "
                "Discrete, MultiDiscrete, MultiBinary or Box."
            )


def _image_space(height: int, width: int, channels: int) -> spaces.Box:
    return spaces.Box(0, 255, (height, width, channels), np.uint8)
