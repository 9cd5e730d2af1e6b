"""CUDA graphs: a fixed sequence of kernels, recorded once and launched as one.

The networks here are small: on a GPU, launching their kernels one by one takes longer than running
them. A graph reads weights and writes gradients where they were when it was recorded, so it
stays right as long as weights change in place, which is how the learner changes them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_WARMUP_PASSES = 3  # before recording: cuDNN chooses its kernels, the allocator fills its pool


class GraphedForward:
    """A network's forward pass without gradients, on batches of one size.

    Args:
        network: on a CUDA device.
        example: of its input, on the same device; its values do not matter.
    """

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        self._input = example.clone()
        side = torch.cuda.Stream(example.device)  # recording must not begin on the default stream
        side.wait_stream(torch.cuda.current_stream(example.device))
        with torch.cuda.stream(side), torch.no_grad():
            for _ in range(_WARMUP_PASSES):
                network(self._input)
        torch.cuda.current_stream(example.device).wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph), torch.no_grad():
            self._outputs = network(self._input)

    def __call__(self, stored: Tensor) -> Any:
        """Return what the network computes; overwritten by the next call."""
        self._input.copy_(stored)
        self._graph.replay()
        return self._outputs


class GraphedTraining:
    """A network's forward and backward passes, one graph for each shape of input.

    Args:
        network: on a CUDA device; itself it stays as it is.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._graphed: dict[torch.Size, Any] = {}

    def __call__(self, stored: Tensor) -> Any:
        """Return what the network computes, differentiable; overwritten by the next call."""
        if stored.shape not in self._graphed:
            # Recording patches the module that it is given: not the network, which also acts.
            shell = _Shell(self._network)
            self._graphed[stored.shape] = torch.cuda.make_graphed_callables(
                shell, (stored.clone(),), num_warmup_iters=_WARMUP_PASSES
            )
        return self._graphed[stored.shape](stored)


class _Shell(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, stored: Tensor) -> Any:
        return self.network(stored)
