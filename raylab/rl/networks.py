"""Networks: a body for the observations, a head for the algorithm, and the layout of what is stored.

A network owns the way from an environment's observation to its own input: :meth:`Network.store`
writes a batch of observations into a buffer, once, in the layout that makes every later pass cheap.
Weights leave as *published* weights: the names and shapes of the textbook network, whatever layout
the computation uses, so that a checkpoint loads into plain PyTorch modules.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn import functional

from raylab.errors import ConfigError
from raylab.rl.blocks import (
    FEATURE_BLOCKS,
    FRAME_BLOCKS,
    blocks_of_two,
    fold,
    inputs_channels_first,
    inputs_channels_last,
    to_channels_last_memory,
    unfold,
)
from raylab.rl.distributions import ActionDistribution
from raylab.rl.packed import PackedNatureBody
from raylab.rl.precision import has_fast_bfloat16
from raylab.rl.tuning import Kind

_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
_SMALLEST_NATURE_IMAGE = 36  # below, the Nature network's last convolution has no pixel left
_LARGEST_SMALL_IMAGE = 24


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The network of a policy: chosen by the observations, refined here.

    Vectors get towers of hidden layers, for an actor-critic one for the policy and one for the
    value (as in the classic-control implementations); images of at least 36 x 36 the convolutions of Mnih et al.
    2015; images up to 24 x 24 the small convolution of Young and Tian 2019 (MinAtar).

    Args:
        hidden_sizes: widths of the hidden layers for vector observations.
        activation: between the hidden layers for vector observations.
        features: width of the last hidden layer for image observations; None means 512 for
            large images and 128 for small ones, as published.
    """

    hidden_sizes: tuple[int, ...] = (64, 64)
    activation: Literal["tanh", "relu"] = "tanh"
    features: int | None = None

    def __post_init__(self) -> None:
        if not self.hidden_sizes or min(self.hidden_sizes) < 1:
            raise ConfigError(
                f"network.hidden_sizes={self.hidden_sizes} needs at least one layer, and every "
                f"width at least 1; try (64, 64)."
            )
        if self.activation not in _ACTIVATIONS:
            raise ConfigError(
                f"network.activation={self.activation!r} is not one of {sorted(_ACTIVATIONS)}."
            )
        if self.features is not None and self.features < 1:
            raise ConfigError(f"network.features={self.features} must be at least 1, or None.")


class HeadConfig(Protocol):
    """What an algorithm wants to know of an observation: the last layers of its network."""

    @property
    def towers(self) -> tuple[str, ...]:
        """Names of the features that the head reads.

        On vectors each is a tower of hidden layers of its own; on images all are the features of
        one shared body.
        """

    @property
    def widening(self) -> int:
        """How many times as wide as configured the last hidden layer is."""

    def build(self, features: int, generator: torch.Generator) -> nn.Module:
        """Return the head, which maps one float tensor [B, features] a tower to outputs."""


class Network(nn.Module, ABC):
    """A body and a head; ``body`` may run in bfloat16, the head stays float32.

    Attributes:
        stored_shape: shape of one observation as the network stores it.
        stored_dtype: its element type.
        kind: as what a machine is tuned for it.
    """

    stored_shape: tuple[int, ...]
    stored_dtype: torch.dtype
    kind: Kind
    body: nn.Module
    head: nn.Module

    @abstractmethod
    def store(self, observations: np.ndarray, out: Tensor) -> None:
        """Write observations [N, *observation] into ``out`` [N, *stored_shape]."""

    @abstractmethod
    def forward(self, stored: Tensor) -> Any:
        """Return what the head computes from stored observations [B, *stored_shape], float32."""

    def frozen(self, batch: int) -> Callable[[Tensor], Any]:
        """Return :meth:`forward` for many batches of one size, with the present weights.

        Use it under ``torch.inference_mode``, until the weights change.
        """
        del batch
        return self

    def publish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors named and shaped like this module's parameters as textbook ones."""
        return dict(tensors)

    def unpublish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Invert :meth:`publish`."""
        return dict(tensors)


class MlpNetwork(Network):
    """Separate towers of dense layers, on vector observations."""

    kind = "vectors"
    stored_dtype = torch.float32

    def __init__(
        self, config: NetworkConfig, size: int, head: HeadConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.stored_shape = (size,)
        *hidden, features = config.hidden_sizes
        features *= head.widening
        widths = (size, *hidden, features)
        self.body = _Towers(head.towers, widths, _ACTIVATIONS[config.activation], generator)
        self.head = head.build(features, generator)

    def store(self, observations: np.ndarray, out: Tensor) -> None:
        """Copy as float32, flat."""
        out.copy_(torch.from_numpy(observations).reshape(out.shape))

    def forward(self, stored: Tensor) -> Any:
        """The towers, then the head."""
        return self.head(*self.body(stored))


class _Towers(nn.Module):
    def __init__(
        self,
        names: tuple[str, ...],
        widths: tuple[int, ...],
        activation: type[nn.Module],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self._names = names
        for name in names:
            layers: list[nn.Module] = []
            for inputs, outputs in itertools.pairwise(widths):
                linear = nn.Linear(inputs, outputs)
                initialize(linear, math.sqrt(2.0), generator)
                layers += [linear, activation()]
            self.add_module(name, nn.Sequential(*layers))

    def forward(self, stored: Tensor) -> tuple[Tensor, ...]:
        x = stored.to(next(self.parameters()).dtype)
        return tuple(self.get_submodule(name)(x) for name in self._names)


class NatureNetwork(Network):
    """The convolutions of Mnih et al. 2015 with a shared body, on images [H, W, C] of bytes.

    The first convolution (8 x 8, stride 4) and the second (4 x 4, stride 2) run as 2 x 2
    convolutions of stride 1 on space-to-depth blocks: the same sums, in a shape that fills the
    vector units. Frames are stored as blocks of 4 x 4 pixels, uint8 [H/4, W/4, 16 C], once.
    """

    kind = "large images"
    stored_dtype = torch.uint8
    body: NatureBody

    def __init__(
        self,
        config: NetworkConfig,
        image: ImageSpace,
        head: HeadConfig,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.stored_shape = (image.height // 4, image.width // 4, 16 * image.channels)
        features = head.widening * (config.features or 512)
        self.body = NatureBody(image, features, generator)
        self.head = head.build(features, generator)
        self._towers = len(head.towers)

    def store(self, observations: np.ndarray, out: Tensor) -> None:
        """Write 4 x 4 blocks; a block's channels are ordered (channel, row, column)."""
        images = torch.from_numpy(observations)
        count, height, width, channels = images.shape
        rows, columns = height // 4, width // 4
        frames = images.permute(0, 3, 1, 2)
        if frames.is_contiguous() and width % 4 == 0:
            # Stacked frames as the emulator writes them: a block's row of four bytes moves as one.
            words = frames.reshape(-1).view(torch.int32).view(count, channels, height, columns)
            blocks = words[:, :, : 4 * rows].unflatten(2, (rows, 4)).permute(0, 2, 4, 1, 3)
            out.view(torch.int32).view(count, rows, columns, channels, 4).copy_(blocks)
        else:
            pixels = images[:, : 4 * rows, : 4 * columns]
            blocks = pixels.unflatten(2, (columns, 4)).unflatten(1, (rows, 4))
            out.view(count, rows, columns, channels, 4, 4).copy_(blocks.permute(0, 1, 3, 5, 2, 4))

    def forward(self, stored: Tensor) -> Any:
        """Convolutions and dense layer, then the head."""
        return self._heads(self.body(stored))

    def frozen(self, batch: int) -> Callable[[Tensor], Any]:
        """In bfloat16 on a CPU, with weights that oneDNN need not bring into its layout again."""
        weight = self.body.conv1.weight
        if weight.dtype != torch.bfloat16 or not has_fast_bfloat16(weight.device):
            return self
        if weight.device.type != "cpu":
            return self
        body = PackedNatureBody(self.body, (batch, *self.stored_shape))
        return lambda stored: self._heads(body(stored))

    def _heads(self, features: Tensor) -> Any:
        return self.head(*(features,) * self._towers)

    def publish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Unfold the convolutions to 8 x 8 and 4 x 4, the dense layer to (channel, row, column)."""
        return dict(tensors) | {
            "body.conv1.weight": unfold(tensors["body.conv1.weight"], 4, FRAME_BLOCKS),
            "body.conv2.weight": unfold(tensors["body.conv2.weight"], 2, FEATURE_BLOCKS),
            "body.linear.weight": inputs_channels_first(
                tensors["body.linear.weight"], self.body.last_shape
            ),
        }

    def unpublish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fold textbook weights into blocks."""
        return dict(tensors) | {
            "body.conv1.weight": fold(tensors["body.conv1.weight"], 4, FRAME_BLOCKS),
            "body.conv2.weight": fold(tensors["body.conv2.weight"], 2, FEATURE_BLOCKS),
            "body.linear.weight": inputs_channels_last(
                tensors["body.linear.weight"], self.body.last_shape
            ),
        }


class NatureBody(nn.Module):
    """Three convolutions, the first two on blocks, and a dense layer.

    Args:
        image: sizes of the observations.
        features: width of the dense layer.
        generator: source of the initial weights.
    """

    def __init__(self, image: ImageSpace, features: int, generator: torch.Generator) -> None:
        super().__init__()
        self.scale = image.scale
        # Blocks of 4, less 1 by the first convolution, blocks of 2, less 1 and 2 by the others.
        rows, columns = ((side // 4 - 1) // 2 - 3 for side in (image.height, image.width))
        self.last_shape = (64, rows, columns)
        self.conv1 = nn.Conv2d(16 * image.channels, 32, 2)
        self.conv2 = nn.Conv2d(4 * 32, 64, 2)
        self.conv3 = nn.Conv2d(64, 64, 3)
        self.linear = nn.Linear(64 * rows * columns, features)
        for layer in (self.conv1, self.conv2, self.conv3, self.linear):
            initialize(layer, math.sqrt(2.0), generator)
        to_channels_last_memory(self)

    def forward(self, stored: Tensor) -> Tensor:
        """Features [B, F] of stored observations."""
        x = stored.to(self.conv1.weight.dtype).permute(0, 3, 1, 2)
        # Bytes become 0..1 by scaling the few weights instead of the many pixels.
        x = functional.relu_(functional.conv2d(x, self.conv1.weight * self.scale, self.conv1.bias))
        x = functional.relu_(self.conv2(blocks_of_two(x)))
        x = functional.relu_(self.conv3(x))
        x = x.permute(0, 2, 3, 1).flatten(1)
        return functional.relu_(self.linear(x))


class SmallImageNetwork(Network):
    """One 3 x 3 convolution of 16 channels and a dense layer: the network of MinAtar."""

    kind = "small images"
    stored_dtype = torch.uint8
    body: _SmallImageBody

    def __init__(
        self,
        config: NetworkConfig,
        image: ImageSpace,
        head: HeadConfig,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.stored_shape = (image.height, image.width, image.channels)
        features = head.widening * (config.features or 128)
        self.body = _SmallImageBody(image, features, generator)
        self.head = head.build(features, generator)
        self._towers = len(head.towers)

    def store(self, observations: np.ndarray, out: Tensor) -> None:
        """Copy bytes as they are, [H, W, C]."""
        out.copy_(torch.from_numpy(observations))

    def forward(self, stored: Tensor) -> Any:
        """Convolution and dense layer, then the head."""
        features = self.body(stored)
        return self.head(*(features,) * self._towers)

    def publish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Order the dense layer's inputs (channel, row, column)."""
        linear = inputs_channels_first(tensors["body.linear.weight"], self.body.last_shape)
        return dict(tensors) | {"body.linear.weight": linear}

    def unpublish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Order the dense layer's inputs (row, column, channel)."""
        linear = inputs_channels_last(tensors["body.linear.weight"], self.body.last_shape)
        return dict(tensors) | {"body.linear.weight": linear}


class _SmallImageBody(nn.Module):
    def __init__(self, image: ImageSpace, features: int, generator: torch.Generator) -> None:
        super().__init__()
        self.scale = image.scale
        self.last_shape = (16, image.height - 2, image.width - 2)
        self.conv = nn.Conv2d(image.channels, 16, 3)
        self.linear = nn.Linear(math.prod(self.last_shape), features)
        for layer in (self.conv, self.linear):
            initialize(layer, math.sqrt(2.0), generator)
        to_channels_last_memory(self)

    def forward(self, stored: Tensor) -> Tensor:
        x = stored.to(self.conv.weight.dtype).permute(0, 3, 1, 2)
        x = functional.relu_(functional.conv2d(x, self.conv.weight * self.scale, self.conv.bias))
        x = x.permute(0, 2, 3, 1).flatten(1)
        return functional.relu_(self.linear(x))


@dataclass(frozen=True, slots=True)
class ActorCriticHead:
    """The head of a policy and a value function; see :class:`HeadConfig`."""

    distribution: ActionDistribution
    towers: ClassVar[tuple[str, ...]] = ("policy", "value")
    widening: ClassVar[int] = 1

    def build(self, features: int, generator: torch.Generator) -> nn.Module:
        """Return the last layers."""
        return _ActorCriticHead(features, self.distribution, generator)


class _ActorCriticHead(nn.Module):
    def __init__(
        self, features: int, distribution: ActionDistribution, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.policy = nn.Linear(features, distribution.num_outputs)
        self.value = nn.Linear(features, 1)
        initialize(self.policy, 0.01, generator)
        initialize(self.value, 1.0, generator)
        free = distribution.num_free_parameters
        self.log_std = nn.Parameter(torch.zeros(free)) if free else None

    def forward(self, policy_features: Tensor, value_features: Tensor) -> tuple[Tensor, Tensor]:
        """Return parameters [B, P] (free ones last) and values [B]."""
        parameters = self.policy(policy_features.float())
        values = self.value(value_features.float()).squeeze(-1)
        if self.log_std is not None:
            parameters = torch.cat([parameters, self.log_std.expand_as(parameters)], dim=-1)
        return parameters, values


@dataclass(frozen=True, slots=True)
class ImageSpace:
    """Size of an image observation [H, W, C] of bytes, and the factor that brings it to 0..1."""

    height: int
    width: int
    channels: int
    scale: float


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
    if space.dtype != np.uint8:
        return "vectors"
    return "large images" if min(space.shape[:2]) >= _SMALLEST_NATURE_IMAGE else "small images"


def initialize(layer: nn.Linear | nn.Conv2d, gain: float, generator: torch.Generator) -> None:
    """Set orthogonal weights with a gain, and zero biases, as PPO's implementations do."""
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
