"""Which network an observation space gets."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from gymnasium import spaces

from raylab.errors import ConfigError
from raylab.rl.envs.masks import MaskedBox
from raylab.rl.networks.large_images import NatureNetwork
from raylab.rl.networks.masked import MaskedNetwork
from raylab.rl.networks.network import HeadConfig, ImageSpace, Network, NetworkConfig
from raylab.rl.networks.small_images import SmallImageNetwork
from raylab.rl.networks.vectors import MlpNetwork
from raylab.rl.tuning import Kind

_SMALLEST_NATURE_IMAGE: Final = 36  # below, its last convolution has no pixel left
_LARGEST_SMALL_IMAGE: Final = 24


def build_network(
    config: NetworkConfig,
    observation_space: spaces.Box,
    head: HeadConfig,
    generator: torch.Generator,
) -> Network:
    """Return the network for an observation space, initialised orthogonally, in float32.

    Raises:
        ConfigError: no network fits the observation space.
    """
    if isinstance(observation_space, MaskedBox):
        shown = observation_space.shown
        inner = build_network(config, shown, head, generator)
        return MaskedNetwork(inner, shown.shape, observation_space.num_choices)
    shape, kind = observation_space.shape, network_kind(observation_space)
    if kind == "vectors":
        return MlpNetwork(config, math.prod(shape), head, generator)
    if len(shape) == 3:
        image = ImageSpace(*shape, scale=1.0 / float(observation_space.high.max()))
        if kind == "large images":
            return NatureNetwork(config, image, head, generator)
        if min(shape[:2]) >= 3 and max(shape[:2]) <= _LARGEST_SMALL_IMAGE:
            return SmallImageNetwork(config, image, head, generator)
    raise ConfigError(
        f"no network for observation space {observation_space}; supported are float vectors "
        f"(Box), and uint8 images [height, width, channels] with sides of at least "
        f"{_SMALLEST_NATURE_IMAGE}, or of 3 to {_LARGEST_SMALL_IMAGE}. "
        f"Wrap the environment so that it yields one of these."
    )


def network_kind(space: spaces.Box) -> Kind:
    """Return which kind of network observations get, if any fits them."""
    if isinstance(space, MaskedBox):
        return network_kind(space.shown)
    if space.dtype != np.uint8:
        return "vectors"
    return "large images" if min(space.shape[:2]) >= _SMALLEST_NATURE_IMAGE else "small images"
