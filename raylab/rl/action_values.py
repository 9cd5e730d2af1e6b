"""Action values: the heads that compute them, and the policy that acts by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from raylab.rl.networks import Network, initialize


@dataclass(frozen=True, slots=True)
class QHead:
    """The head of a Q-network; see :class:`raylab.rl.networks.HeadConfig`."""

    num_actions: int
    dueling: bool
    towers: ClassVar[tuple[str, ...]] = ("q",)

    @property
    def widening(self) -> int:
        """Value and advantages have hidden layers of their own (Wang et al. 2016)."""
        return 2 if self.dueling else 1

    def build(self, features: int, generator: torch.Generator) -> nn.Module:
        """Return the last layers."""
        head = _DuelingHead if self.dueling else _PlainHead
        return head(features, self.num_actions, generator)


class _PlainHead(nn.Module):
    def __init__(self, features: int, num_actions: int, generator: torch.Generator) -> None:
        super().__init__()
        self.q = nn.Linear(features, num_actions)
        initialize(self.q, 1.0, generator)

    def forward(self, features: Tensor) -> Tensor:
        """Return the value of every action, [B, A]."""
        return self.q(features.float())


class _DuelingHead(nn.Module):
    def __init__(self, features: int, num_actions: int, generator: torch.Generator) -> None:
        super().__init__()
        self.value = nn.Linear(features // 2, 1)
        self.advantage = nn.Linear(features // 2, num_actions)
        initialize(self.value, 1.0, generator)
        initialize(self.advantage, 1.0, generator)

    def forward(self, features: Tensor) -> Tensor:
        """Return the value of every action, [B, A] (equation 9)."""
        value, advantage = features.float().chunk(2, dim=-1)
        advantages = self.advantage(advantage)
        return self.value(value) + advantages - advantages.mean(dim=-1, keepdim=True)


class QPolicy:
    """Takes the most valuable action, or with probability epsilon a random one.

    Args:
        network: computes the value of every action, on its device and in its precision.
        num_actions: how many there are.
        epsilon: for :meth:`choose` with a generator.
    """

    def __init__(self, network: Network, num_actions: int, epsilon: float) -> None:
        self.network = network
        self._num_actions = num_actions
        self._epsilon = epsilon
        self._device = next(network.parameters()).device

    def stored(self, observations: np.ndarray) -> Tensor:
        """Return observations in the network's layout, in new memory."""
        network = self.network
        out = torch.empty((len(observations), *network.stored_shape), dtype=network.stored_dtype)
        if len(observations):
            network.store(observations, out)
        return out

    @torch.inference_mode()
    def act(self, stored: Tensor, noise: Tensor, epsilon: float) -> np.ndarray:
        """Return legal actions int64 [N]; ``noise`` [2, N] in [0, 1): where and which at random."""
        best = self.network(stored.to(self._device)).argmax(dim=-1).cpu()
        legal = self.network.legal(stored)
        if legal is None:
            random = (noise[1] * self._num_actions).long()
        else:
            numbers = legal.cumsum(dim=-1)  # of the legal actions, from 1
            wanted = (noise[1] * numbers[:, -1]).long()
            random = (numbers > wanted.unsqueeze(-1)).to(torch.uint8).argmax(dim=-1)
        return torch.where(noise[0] < epsilon, random, best).numpy()

    def choose(
        self, observations: np.ndarray, generator: torch.Generator | None = None
    ) -> np.ndarray:
        """Return actions for the environment's observations: without noise greedy."""
        noise = torch.ones((2, len(observations)))
        if generator is not None:
            noise = torch.rand(noise.shape, generator=generator)
        return self.act(self.stored(observations), noise, self._epsilon if generator else 0.0)
