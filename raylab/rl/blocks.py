"""Layouts of images and weights: space-to-depth blocks, channels last.

A convolution of kernel k x k and stride b, with b dividing k, equals one of kernel k/b and stride 1
on blocks of b x b pixels whose pixels have become channels. The sums are the same; the shape fills
the vector units of a processor better.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def to_channels_last_memory(module: nn.Module) -> None:
    """Lay out the weights of convolutions as the kernels want them."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


# Order of axes (out, channel, block row, row, block column, column) of a weight that is folded.
FRAME_BLOCKS = (0, 1, 3, 5, 2, 4)  # channels of a block: (channel, row, column)
FEATURE_BLOCKS = (0, 3, 5, 1, 2, 4)  # channels of a block: (row, column, channel)


def fold(weight: Tensor, block: int, order: tuple[int, ...]) -> Tensor:
    """[out, channels, k, k] of stride ``block`` to its equal on blocks, of stride 1."""
    out, channels, kernel, _ = weight.shape
    size = kernel // block
    split = weight.reshape(out, channels, size, block, size, block)
    return split.permute(order).reshape(out, channels * block * block, size, size)


def unfold(weight: Tensor, block: int, order: tuple[int, ...]) -> Tensor:
    """Invert :func:`fold`."""
    out, folded, size, _ = weight.shape
    channels = folded // block**2
    axes = (out, channels, size, block, size, block)
    split = weight.reshape([axes[axis] for axis in order])
    inverse = [order.index(axis) for axis in range(6)]
    return split.permute(inverse).reshape(out, channels, size * block, size * block)


def blocks_of_two(x: Tensor) -> Tensor:
    """[B, C, H, W] channels-last to [B, 4 C, H/2, W/2]; an odd last row or column is not read."""
    rows, columns = x.shape[2] // 2, x.shape[3] // 2
    pixels = x.permute(0, 2, 3, 1)[:, : 2 * rows, : 2 * columns]
    blocks = pixels.unflatten(2, (columns, 2)).unflatten(1, (rows, 2)).permute(0, 1, 3, 2, 4, 5)
    return blocks.flatten(3).permute(0, 3, 1, 2)


def inputs_channels_first(linear: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Reorder a dense layer's inputs from (row, column, channel) to (channel, row, column)."""
    channels, rows, columns = shape
    return linear.unflatten(1, (rows, columns, channels)).permute(0, 3, 1, 2).flatten(1)


def inputs_channels_last(linear: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Invert :func:`inputs_channels_first`."""
    return linear.unflatten(1, shape).permute(0, 2, 3, 1).flatten(1)
