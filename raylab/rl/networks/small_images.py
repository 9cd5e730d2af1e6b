"""The network of small images, such as MinAtar's boards: one convolution and a dense layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from raylab.rl.blocks import inputs_channels_first, inputs_channels_last, to_channels_last_memory
from raylab.rl.networks.network import HeadConfig, ImageSpace, Network, NetworkConfig, initialize


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
