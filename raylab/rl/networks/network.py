"""What every network is: its configuration, its head's, and how it stores, computes and publishes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from raylab.errors import ConfigError
from raylab.rl.moments import Moments
from raylab.rl.tuning import Kind

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
"""Between the hidden layers for vector observations."""


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
        channels: of the three convolutions for large images; the default is as published, half
            as many need about a third of the multiplications.
    """

    hidden_sizes: tuple[int, ...] = (64, 64)
    activation: Literal["tanh", "relu"] = "tanh"
    features: int | None = None
    channels: tuple[int, ...] = (32, 64, 64)

    def __post_init__(self) -> None:
        if not self.hidden_sizes or min(self.hidden_sizes) < 1:
            raise ConfigError(
                f"network.hidden_sizes={self.hidden_sizes} needs at least one layer, and every "
                f"width at least 1; try (64, 64)."
            )
        if self.activation not in ACTIVATIONS:
            raise ConfigError(
                f"network.activation={self.activation!r} is not one of {sorted(ACTIVATIONS)}."
            )
        if self.features is not None and self.features < 1:
            raise ConfigError(f"network.features={self.features} must be at least 1, or None.")
        if len(self.channels) != 3 or min(self.channels) < 1:
            raise ConfigError(
                f"network.channels={self.channels} needs three widths of at least 1; "
                f"try (32, 64, 64)."
            )


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
        moments: of what is normalised by them, "observations" or "returns"; saved and published
            with the weights, and never trained.
    """

    stored_shape: tuple[int, ...]
    stored_dtype: torch.dtype
    kind: Kind
    body: nn.Module
    head: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.moments = nn.ModuleDict()

    @property
    def return_moments(self) -> Moments | None:
        """Of running discounted returns, if rewards are scaled by them."""
        return cast("Moments", self.moments["returns"]) if "returns" in self.moments else None

    def normalize(self, *, observations: bool, rewards: bool) -> None:
        """Keep moments from now on.

        Args:
            observations: see them normalised; only vectors can be.
            rewards: keep the moments of returns, for the learner.

        Raises:
            ConfigError: the observations are images.
        """
        if observations:
            self.moments["observations"] = self._observation_moments()
        if rewards:
            self.moments["returns"] = Moments(())

    def observe(self, stored: np.ndarray) -> None:
        """Let the moments of observations see more of them, [..., *stored_shape]."""
        if "observations" in self.moments:
            cast("Moments", self.moments["observations"]).update(stored)

    def _observation_moments(self) -> Moments:
        raise ConfigError(
            "normalize_observations=True is for vectors of numbers: the values of images are "
            "between 0 and 1 already. Leave it False."
        )

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

    def legal(self, stored: Tensor) -> Tensor | None:
        """Return which actions are legal, bool [B, A]; None if the environment masks none."""
        del stored
        return None

    def publish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors named and shaped like this module's parameters as textbook ones."""
        return dict(tensors)

    def unpublish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Invert :meth:`publish`."""
        return dict(tensors)


@dataclass(frozen=True, slots=True)
class ImageSpace:
    """Size of an image observation [H, W, C] of bytes, and the factor that brings it to 0..1."""

    height: int
    width: int
    channels: int
    scale: float


def initialize(layer: nn.Linear | nn.Conv2d, gain: float, generator: torch.Generator) -> None:
    """Set orthogonal weights with a gain, and zero biases, as PPO's implementations do."""
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
