"""The network of vector observations: towers of dense layers."""

from __future__ import annotations

import itertools
import math
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from raylab.rl.moments import Moments
from raylab.rl.networks.network import ACTIVATIONS, HeadConfig, Network, NetworkConfig, initialize


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
        self.body = _Towers(head.towers, widths, ACTIVATIONS[config.activation], generator)
        self.head = head.build(features, generator)

    def store(self, observations: np.ndarray, out: Tensor) -> None:
        """Copy as float32, flat."""
        out.copy_(torch.from_numpy(observations).reshape(out.shape))

    def forward(self, stored: Tensor) -> Any:
        """The towers, then the head; on normalised observations where they are."""
        if "observations" in self.moments:
            stored = cast("Moments", self.moments["observations"]).normalized(stored)
        return self.head(*self.body(stored))

    def _observation_moments(self) -> Moments:
        return Moments(self.stored_shape)


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
