"""Action distributions: what a network's numbers mean as a policy over an action space.

A distribution is stateless. It says how many numbers it reads from the network, and turns them
into actions, log-probabilities and entropies. Randomness comes in as noise that is drawn for a
whole unroll at once, so that acting allocates little and repeats exactly from a seed.

B is the batch axis; parameters are float32 [B, num_outputs + num_free_parameters].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from gymnasium import spaces
from torch import Tensor
from torch.nn import functional

from raylab.rl.envs import ActionSpace


class ActionDistribution(Protocol):
    """A policy over one action space."""

    @property
    def num_outputs(self) -> int:
        """How many numbers the network computes from an observation."""

    @property
    def num_free_parameters(self) -> int:
        """How many further parameters do not depend on the observation."""

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action."""

    @property
    def action_dtype(self) -> torch.dtype:
        """int64 for discrete actions, float32 for continuous ones."""

    @property
    def num_noise(self) -> int:
        """How many random numbers one action takes."""

    def fill_noise(self, noise: Tensor, generator: torch.Generator) -> None:
        """Draw noise in place, float32 [..., num_noise]."""

    def sample(self, parameters: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions [B, *action] and their log-probabilities [B]."""

    def mode(self, parameters: Tensor) -> Tensor:
        """Return the most probable actions [B, *action]."""

    def log_prob_and_entropy(self, parameters: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of given actions [B] and entropies [B], differentiable."""


@dataclass(frozen=True)
class Categorical:
    """One choice among ``num_actions`` by logits, sampled by the Gumbel-max trick."""

    num_actions: int
    num_free_parameters: int = 0
    action_shape: tuple[int, ...] = ()
    action_dtype: torch.dtype = torch.int64

    @property
    def num_outputs(self) -> int:
        """One logit an action."""
        return self.num_actions

    @property
    def num_noise(self) -> int:
        """One Gumbel number a logit."""
        return self.num_actions

    def fill_noise(self, noise: Tensor, generator: torch.Generator) -> None:
        """Draw standard Gumbel noise: -log E with E exponential."""
        noise.exponential_(generator=generator).log_().neg_()

    def sample(self, parameters: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return argmax(logits + noise) and its log-probability."""
        actions = (parameters + noise).argmax(dim=-1)
        log_probs = functional.log_softmax(parameters, dim=-1)
        return actions, _chosen(log_probs, actions)

    def mode(self, parameters: Tensor) -> Tensor:
        """Return the action with the largest logit."""
        return parameters.argmax(dim=-1)

    def log_prob_and_entropy(self, parameters: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return log p(a) and -sum_a p(a) log p(a)."""
        log_probs = functional.log_softmax(parameters, dim=-1)
        return _chosen(log_probs, actions), -(log_probs.exp() * log_probs).sum(dim=-1)


@dataclass(frozen=True)
class MultiCategorical:
    """Several independent choices, a Categorical each; log-probabilities and entropies add up."""

    choices: tuple[Categorical, ...]
    num_free_parameters: int = 0
    action_dtype: torch.dtype = torch.int64

    @property
    def action_shape(self) -> tuple[int, ...]:
        """One index a choice."""
        return (len(self.choices),)

    @property
    def num_outputs(self) -> int:
        """The logits of all choices in a row."""
        return sum(choice.num_actions for choice in self.choices)

    @property
    def num_noise(self) -> int:
        """One Gumbel number a logit."""
        return self.num_outputs

    def fill_noise(self, noise: Tensor, generator: torch.Generator) -> None:
        """Draw standard Gumbel noise."""
        self.choices[0].fill_noise(noise, generator)

    def sample(self, parameters: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Sample every choice with its part of the noise."""
        parts = zip(self.choices, self._split(parameters), self._split(noise), strict=True)
        actions, log_probs = zip(*(c.sample(p, n) for c, p, n in parts), strict=True)
        return torch.stack(actions, dim=-1), torch.stack(log_probs).sum(dim=0)

    def mode(self, parameters: Tensor) -> Tensor:
        """Return the most probable index of every choice."""
        return torch.stack([part.argmax(dim=-1) for part in self._split(parameters)], dim=-1)

    def log_prob_and_entropy(self, parameters: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sums over the choices."""
        parts = zip(self.choices, self._split(parameters), actions.unbind(dim=-1), strict=True)
        pairs = (c.log_prob_and_entropy(p, a) for c, p, a in parts)
        log_probs, entropies = zip(*pairs, strict=True)
        return torch.stack(log_probs).sum(dim=0), torch.stack(entropies).sum(dim=0)

    def _split(self, parameters: Tensor) -> tuple[Tensor, ...]:
        return parameters.split([choice.num_actions for choice in self.choices], dim=-1)


@dataclass(frozen=True)
class DiagonalGaussian:
    """A continuous action: independent normals whose log std does not depend on the observation.

    Actions are not clipped here: the environment clips what it is given to its bounds, and the
    log-probability is that of the action before.
    """

    num_dimensions: int
    action_dtype: torch.dtype = torch.float32

    @property
    def action_shape(self) -> tuple[int, ...]:
        """One number a dimension."""
        return (self.num_dimensions,)

    @property
    def num_outputs(self) -> int:
        """One mean a dimension."""
        return self.num_dimensions

    @property
    def num_free_parameters(self) -> int:
        """One log standard deviation a dimension; they follow the means."""
        return self.num_dimensions

    @property
    def num_noise(self) -> int:
        """One normal number a dimension."""
        return self.num_dimensions

    def fill_noise(self, noise: Tensor, generator: torch.Generator) -> None:
        """Draw standard normal noise."""
        noise.normal_(generator=generator)

    def sample(self, parameters: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean + std * noise."""
        mean, log_std = parameters.chunk(2, dim=-1)
        return mean + log_std.exp() * noise, _normal_log_prob(noise, log_std)

    def mode(self, parameters: Tensor) -> Tensor:
        """Return the means."""
        return parameters.chunk(2, dim=-1)[0]

    def log_prob_and_entropy(self, parameters: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sums over the dimensions."""
        mean, log_std = parameters.chunk(2, dim=-1)
        deviations = (actions - mean) * (-log_std).exp()
        entropy = (log_std + 0.5 * math.log(2.0 * math.pi * math.e)).sum(dim=-1)
        return _normal_log_prob(deviations, log_std), entropy


def distribution_of(space: ActionSpace) -> ActionDistribution:
    """Return the distribution over an action space."""
    match space:
        case spaces.Discrete():
            return Categorical(int(space.n))
        case spaces.MultiDiscrete():
            return MultiCategorical(tuple(Categorical(int(n)) for n in space.nvec))
        case spaces.Box():
            return DiagonalGaussian(space.shape[0])


def _chosen(log_probs: Tensor, actions: Tensor) -> Tensor:
    return log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def _normal_log_prob(deviations: Tensor, log_std: Tensor) -> Tensor:
    """Log density of normals at a distance in standard deviations, summed over dimensions."""
    return -(0.5 * deviations.square() + log_std + 0.5 * math.log(2.0 * math.pi)).sum(dim=-1)
