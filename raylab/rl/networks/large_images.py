"""The network of large images: the convolutions of Mnih et al. 2015, on blocks of pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from raylab.rl.blocks import (
    fold,
    fold_columns,
    inputs_channels_first,
    inputs_channels_last,
    pairs_of_columns,
    to_channels_last_memory,
    unfold,
    unfold_columns,
)
from raylab.rl.networks.network import HeadConfig, ImageSpace, Network, NetworkConfig, initialize
from raylab.rl.packed import PackedNatureBody
from raylab.rl.precision import has_fast_bfloat16


class NatureNetwork(Network):
    """The convolutions of Mnih et al. 2015 with a shared body, on images [H, W, C] of bytes.

    The first convolution (8 x 8, stride 4) runs as one of 2 x 2 and stride 1 on space-to-depth
    blocks, the second (4 x 4, stride 2) as one of 4 x 2 and stride 2 x 1 on pairs of columns: the
    same sums, in shapes that fill the vector units. Frames are stored as blocks of 4 x 4 pixels,
    uint8 [H/4, W/4, 16 C], once.
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
        self.body = NatureBody(image, config.channels, features, generator)
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
            words = frames.reshape(-1).view(torch.int32)
            order = _order_in_blocks(count, channels, height, columns)
            torch.index_select(words, 0, order, out=out.view(torch.int32).view(-1))
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
            "body.conv1.weight": unfold(tensors["body.conv1.weight"], 4),
            "body.conv2.weight": unfold_columns(tensors["body.conv2.weight"]),
            "body.linear.weight": inputs_channels_first(
                tensors["body.linear.weight"], self.body.last_shape
            ),
        }

    def unpublish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fold textbook weights into blocks."""
        return dict(tensors) | {
            "body.conv1.weight": fold(tensors["body.conv1.weight"], 4),
            "body.conv2.weight": fold_columns(tensors["body.conv2.weight"]),
            "body.linear.weight": inputs_channels_last(
                tensors["body.linear.weight"], self.body.last_shape
            ),
        }


@lru_cache(maxsize=8)
def _order_in_blocks(count: int, channels: int, height: int, columns: int) -> Tensor:
    """int32: which word of frames [count, channels, height, columns] each word of blocks is."""
    numbers = torch.arange(count * channels * height * columns, dtype=torch.int32)
    frames = numbers.view(count, channels, height, columns)[:, :, : height // 4 * 4]
    return frames.unflatten(2, (-1, 4)).permute(0, 2, 4, 1, 3).flatten()


class NatureBody(nn.Module):
    """Three convolutions, the first on blocks, the second on pairs of columns, and a dense layer.

    Args:
        image: sizes of the observations.
        channels: of the three convolutions.
        features: width of the dense layer.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        image: ImageSpace,
        channels: tuple[int, ...],
        features: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.scale = image.scale
        first, second, third = channels
        # Blocks of 4, less 1 by the first convolution, halved less 1 and less 2 by the others.
        rows, columns = ((side // 4 - 1) // 2 - 3 for side in (image.height, image.width))
        self.last_shape = (third, rows, columns)
        self.conv1 = nn.Conv2d(16 * image.channels, first, 2)
        self.conv2 = nn.Conv2d(2 * first, second, (4, 2), stride=(2, 1))
        self.conv3 = nn.Conv2d(second, third, 3)
        self.linear = nn.Linear(third * rows * columns, features)
        for layer in (self.conv1, self.conv2, self.conv3, self.linear):
            initialize(layer, math.sqrt(2.0), generator)
        to_channels_last_memory(self)
        # Inputs x features in memory: the gradient of a small batch is computed faster that way.
        self.linear.weight.data = self.linear.weight.data.t().contiguous().t()

    def forward(self, stored: Tensor) -> Tensor:
        """Features [B, F] of stored observations."""
        x = stored.to(self.conv1.weight.dtype).permute(0, 3, 1, 2)
        # Bytes become 0..1 by scaling the few weights instead of the many pixels.
        x = functional.relu_(functional.conv2d(x, self.conv1.weight * self.scale, self.conv1.bias))
        x = functional.relu_(self.conv2(pairs_of_columns(x)))
        x = functional.relu_(self.conv3(x))
        x = x.permute(0, 2, 3, 1).flatten(1)
        return functional.relu_(self.linear(x))
