"""What an algorithm must offer, so that everything around it works for any of them.

An *algorithm* is a frozen configuration that makes its parts: a network, what moves its weights, a
policy, and an *agent*: the algorithm at work in one process. Around it, the trainer counts and
saves, the supervisor drives, evaluation plays; none of them knows which algorithm it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from gymnasium import spaces

from raylab.rl.envs import ActionSpace, Episode, VectorEnv
from raylab.rl.learner import Learner
from raylab.rl.networks import Network
from raylab.rl.trajectory import Arrays

Generators = Mapping[str, torch.Generator]
"""Independent sources of random numbers on the CPU: "initialization", "acting", "shuffling"."""


class Player(Protocol):
    """A policy as evaluation sees it."""

    def choose(
        self, observations: np.ndarray, generator: torch.Generator | None = None
    ) -> np.ndarray:
        """Return actions [N, *action] for observations [N, *observation].

        Args:
            observations: as the environment gives them.
            generator: source of the noise with which training acts; None acts greedily.
        """


@dataclass(frozen=True, slots=True)
class Advance:
    """What an agent did in one update."""

    agent_steps: int  # taken in the environments and trained on
    metrics: dict[str, float]  # loss/*, time/*_s, ...
    episodes: tuple[Episode, ...]  # whole games that ended


class Agent(Protocol):
    """An algorithm at work: environments, policy and learning, in one process.

    The weights, the optimiser and the generators that it was made with are saved by its owner.
    """

    @property
    def policy(self) -> Player:
        """What acts; it changes with every update."""

    def advance(self, update: int, agent_steps: int) -> Advance:
        """Collect and learn.

        Args:
            update: updates so far.
            agent_steps: agent steps trained on so far.

        Raises:
            EnvError: an environment raised.
            TrainingError: a loss is not finite any more.
        """

    def parts(self, replay_limit_bytes: float) -> dict[str, Arrays]:
        """Return what, beside weights, optimiser and generators, it takes to go on exactly.

        Replay is left out where it is larger, packed, than the limit.
        """

    def restore(self, parts: Mapping[str, Arrays]) -> tuple[str, ...]:
        """Take over what :meth:`parts` returned; return what forbids to go on exactly.

        The owner has restored weights, optimiser and generators before.

        Raises:
            EnvError: the parts are of other environments.
        """


class Algorithm(Protocol):
    """The configuration of an algorithm; a frozen dataclass."""

    @property
    def num_envs(self) -> int:
        """Environments that are stepped together."""

    @property
    def depends_on_length(self) -> bool:
        """Whether the numbers depend on the planned length of training, as annealed rates do."""

    def make_network(
        self, observations: spaces.Box, actions: ActionSpace, generator: torch.Generator
    ) -> Network:
        """Return the network for an environment's spaces, initialised, in float32 on the CPU.

        Raises:
            ConfigError: the algorithm or its networks do not fit the spaces.
        """

    def make_learner(self, network: Network) -> Learner:
        """Return what moves the weights of a network, in the configured precision."""

    def make_policy(self, network: Network, actions: ActionSpace) -> Player:
        """Return the policy that acts by a network."""

    def make_agent(
        self, env: VectorEnv, learner: Learner, generators: Generators, until_agent_steps: int
    ) -> Agent:
        """Return the algorithm at work on environments, from their first reset on."""
