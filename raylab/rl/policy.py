"""A policy that acts: a network, the meaning of its outputs, a device and a precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from raylab.errors import ConfigError
from raylab.rl import tuning
from raylab.rl.distributions import ActionDistribution
from raylab.rl.graphs import GraphedForward
from raylab.rl.networks import Network
from raylab.rl.precision import has_fast_bfloat16

Precision = Literal["auto", "float32", "bfloat16"]


class Policy:
    """Acts on stored observations; shares its network with a learner, or owns a copy.

    Args:
        network: computes parameters and values, already on its device and in its precision.
        distribution: gives the parameters their meaning.
        forward: what to call instead of the network; see :meth:`frozen`.
    """

    def __init__(
        self,
        network: Network,
        distribution: ActionDistribution,
        forward: Callable[[Tensor], Any] | None = None,
    ) -> None:
        self.network = network
        self.distribution = distribution
        self.device = next(network.parameters()).device
        self._network_forward = forward or network
        self._graphs: dict[int, GraphedForward] = {}  # by size of the batch

    @torch.inference_mode()
    def frozen(self, batch: int) -> Policy:
        """Return this policy with its present weights, faster for many batches of one size.

        The numbers are the same, bit by bit. It is outdated when the weights have changed.
        """
        forward = self._graphed(batch) if self.device.type == "cuda" else self.network.frozen(batch)
        return Policy(self.network, self.distribution, forward)

    def store(self, observations: np.ndarray, out: Tensor) -> None:
        """Write observations [N, *observation] into ``out`` [N, *stored_shape]."""
        self.network.store(observations, out)

    @torch.inference_mode()
    def act(self, stored: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return sampled actions, their log-probabilities and the values, in one pass, on the CPU."""
        parameters, values = self._forward(stored)
        actions, log_probs = self.distribution.sample(parameters, noise)
        return actions, log_probs, values

    @torch.inference_mode()
    def act_greedily(self, stored: Tensor) -> Tensor:
        """Return the most probable actions."""
        return self.distribution.mode(self._forward(stored)[0])

    def choose(
        self, observations: np.ndarray, generator: torch.Generator | None = None
    ) -> np.ndarray:
        """Return actions for the environment's observations: sampled, or without noise greedy."""
        stored = self.stored(observations)
        if generator is None:
            return self.act_greedily(stored).numpy()
        noise = torch.empty((len(observations), self.distribution.num_noise))
        self.distribution.fill_noise(noise, generator)
        return self.act(stored, noise)[0].numpy()

    @torch.inference_mode()
    def values(self, stored: Tensor) -> Tensor:
        """Return the values of stored observations."""
        return self._forward(stored)[1]

    def stored(self, observations: np.ndarray) -> Tensor:
        """Return observations in the network's layout, in new memory."""
        network = self.network
        out = torch.empty((len(observations), *network.stored_shape), dtype=network.stored_dtype)
        network.store(observations, out)
        return out

    def _graphed(self, batch: int) -> GraphedForward:
        if batch not in self._graphs:
            network = self.network
            example = torch.zeros(
                (batch, *network.stored_shape), dtype=network.stored_dtype, device=self.device
            )
            self._graphs[batch] = GraphedForward(network, example)
        return self._graphs[batch]

    def _forward(self, stored: Tensor) -> tuple[Tensor, Tensor]:
        parameters, values = self._network_forward(stored.to(self.device))
        return parameters.cpu(), values.cpu()


def choose_device(requested: str) -> torch.device:
    """Return the device for "auto", or the one that is named.

    Raises:
        ConfigError: the name is not a device, or the machine does not have it.
    """
    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(requested)
    except RuntimeError as error:
        raise ConfigError(
            f"device={requested!r} is not a device; try auto, cpu or cuda."
        ) from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device={requested!r} is not supported; try auto, cpu or cuda.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device={requested!r}, but no CUDA device is found; try auto or cpu.")
    return device


def choose_dtype(requested: Precision, network: Network) -> torch.dtype:
    """Return the dtype of the network's body: "auto" halves the bits where that is faster.

    On processors without bfloat16 instructions, and for networks of small matrices, it is not;
    where the machine was tuned, what was measured decides.
    """
    if requested == "auto":
        requested = auto_precision(network.kind, next(network.parameters()).device)
    return torch.bfloat16 if requested == "bfloat16" else torch.float32


def auto_precision(kind: tuning.Kind, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Return what "auto" is for a kind of network: half the bits pay for large convolutions."""
    tuned = tuning.best(kind) if device.type == "cpu" else None
    if tuned is not None:
        return tuned.precision
    return "bfloat16" if kind == "large images" and has_fast_bfloat16(device) else "float32"
