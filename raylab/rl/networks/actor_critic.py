"""The head of a policy and a value function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from raylab.rl.distributions import ActionDistribution
from raylab.rl.networks.network import initialize


@dataclass(frozen=True, slots=True)
class ActorCriticHead:
    """The head of a policy and a value function; see :class:`raylab.rl.networks.HeadConfig`."""

    distribution: ActionDistribution
    towers: ClassVar[tuple[str, ...]] = ("policy", "value")
    widening: ClassVar[int] = 1

    def build(self, features: int, generator: torch.Generator) -> nn.Module:
        """Return the last layers."""
        return _ActorCriticHead(features, self.distribution, generator)


class _ActorCriticHead(nn.Module):
    def __init__(
        self, features: int, distribution: ActionDistribution, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.policy = nn.Linear(features, distribution.num_outputs)
        self.value = nn.Linear(features, 1)
        initialize(self.policy, 0.01, generator)
        initialize(self.value, 1.0, generator)
        free = distribution.num_free_parameters
        self.log_std = nn.Parameter(torch.zeros(free)) if free else None

    def forward(self, policy_features: Tensor, value_features: Tensor) -> tuple[Tensor, Tensor]:
        """Return parameters [B, P] (free ones last) and values [B]."""
        if policy_features is value_features:  # of a shared body: one product for both
            weights = torch.cat([self.policy.weight, self.value.weight])
            biases = torch.cat([self.policy.bias, self.value.bias])
            outputs = functional.linear(policy_features.float(), weights, biases)
            parameters, values = outputs[:, :-1], outputs[:, -1]
        else:
            parameters = self.policy(policy_features.float())
            values = self.value(value_features.float()).squeeze(-1)
        if self.log_std is not None:
            parameters = torch.cat([parameters, self.log_std.expand_as(parameters)], dim=-1)
        return parameters, values
