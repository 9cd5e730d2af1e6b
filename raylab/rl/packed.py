"""The Nature body with fixed weights, made ready once for many small batches in bfloat16.

While acting, the same weights see a small batch a hundred times. oneDNN would bring them into its
own layout in each of these passes, and apply biases and ReLU in passes of their own, each of which
threads have to meet for. Here the layout is made once and the rest is fused: the same numbers, bit
by bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from raylab.rl.blocks import pairs_of_columns

if TYPE_CHECKING:
    from raylab.rl.networks import NatureBody

_ONEDNN = torch.ops.mkldnn


class PackedNatureBody:
    """Computes what a :class:`raylab.rl.networks.NatureBody` does, with its present weights.

    Args:
        body: in bfloat16, on a CPU that multiplies it in hardware.
        shape: of the stored observations that it will see, [B, H/4, W/4, C].
    """

    def __init__(self, body: NatureBody, shape: tuple[int, ...]) -> None:
        batch, rows, columns, channels = shape
        # Sizes before each convolution: the first takes 1 off, the second halves and takes 1 off.
        first = (batch, channels, rows, columns)
        second = (batch, body.conv2.in_channels, rows - 1, (columns - 1) // 2)
        third = (batch, body.conv3.in_channels, (rows - 1) // 2 - 1, (columns - 1) // 2 - 1)
        self._conv1 = _Packed(body.conv1, body.conv1.weight * body.scale, first)
        self._conv2 = _Packed(body.conv2, body.conv2.weight, second)
        self._conv3 = _Packed(body.conv3, body.conv3.weight, third)
        self._linear = _ONEDNN._reorder_linear_weight(body.linear.weight, batch)
        self._bias = body.linear.bias

    def __call__(self, stored: Tensor) -> Tensor:
        """Features [B, F] of stored observations."""
        x = self._conv1(stored.to(torch.bfloat16).permute(0, 3, 1, 2))
        x = self._conv3(self._conv2(pairs_of_columns(x)))
        x = x.permute(0, 2, 3, 1).flatten(1)
        features: Tensor = _ONEDNN._linear_pointwise(x, self._linear, self._bias, "relu", [], "")
        return features


class _Packed:
    """A convolution without padding, and ReLU."""

    def __init__(self, layer: nn.Conv2d, weight: Tensor, size: tuple[int, ...]) -> None:
        self._weight = _ONEDNN._reorder_convolution_weight(
            weight, [0, 0], list(layer.stride), [1, 1], 1, list(size)
        )
        self._stride = list(layer.stride)
        self._bias = layer.bias

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = _ONEDNN._convolution_pointwise(
            x, self._weight, self._bias, [0, 0], self._stride, [1, 1], 1, "relu", [], ""
        )
        return y
