"""Layouts of images and weights: space-to-depth blocks, channels last.

A convolution of kernel k x k and stride b, with b dividing k, equals one of kernel k/b and stride 1
on blocks of b x b pixels whose pixels have become channels. The same holds in one direction: of stride
2, it equals one of kernel k x k/2 and stride 2 x 1 on pairs of columns, which channels-last memory holds
side by side already. The sums are the same; the shape fills the vector units of a processor better.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def to_channels_last_memory(module: nn.Module) -> None:
    """Lay out the weights of convolutions as the kernels want them."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def fold(weight: Tensor, block: int) -> Tensor:
    """[out, C, k, k] of stride ``block`` to its equal on blocks, whose channels are (C, row, column)."""
    out, channels, kernel, _ = weight.shape
    size = kernel // block
    split = weight.reshape(out, channels, size, block, size, block)
    return split.permute(0, 1, 3, 5, 2, 4).reshape(out, channels * block * block, size, size)


def unfold(weight: Tensor, block: int) -> Tensor:
    """Invert :func:`fold`."""
    out, folded, size, _ = weight.shape
    channels = folded // block**2
    split = weight.reshape(out, channels, block, block, size, size)
    return split.permute(0, 1, 4, 2, 5, 3).reshape(out, channels, size * block, size * block)


def fold_columns(weight: Tensor) -> Tensor:
    """[out, C, k, k] of stride 2 to its equal on pairs of columns, whose channels are (column, C)."""
    return weight.unflatten(3, (-1, 2)).permute(0, 4, 1, 2, 3).flatten(1, 2)


def unfold_columns(weight: Tensor) -> Tensor:
    """Invert :func:`fold_columns`."""
    return weight.unflatten(1, (2, -1)).permute(0, 2, 3, 4, 1).flatten(3)


def pairs_of_columns(x: Tensor) -> Tensor:
    """[B, C, H, W] channels-last to [B, 2 C, H, W/2]: a view, or without an odd last column a copy."""
    columns = x.shape[3] // 2
    pixels = x.permute(0, 2, 3, 1)[:, :, : 2 * columns]
    return pixels.unflatten(2, (columns, 2)).flatten(3).permute(0, 3, 1, 2)


def inputs_channels_first(linear: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Reorder a dense layer's inputs from (row, column, channel) to (channel, row, column)."""
    channels, rows, columns = shape
    return linear.unflatten(1, (rows, columns, channels)).permute(0, 3, 1, 2).flatten(1)


def inputs_channels_last(linear: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Invert :func:`inputs_channels_first`."""
    return linear.unflatten(1, shape).permute(0, 2, 3, 1).flatten(1)
