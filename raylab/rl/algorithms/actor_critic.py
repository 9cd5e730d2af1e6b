"""From the configuration of an actor-critic to its parts: what PPO and APPO make alike."""

from __future__ import annotations

import torch
from gymnasium import spaces

from raylab.rl.agent import Generators
from raylab.rl.distributions import ActionDistribution, distribution_of
from raylab.rl.envs import ActionSpace, VectorEnv
from raylab.rl.learner import Learner
from raylab.rl.networks import ActorCriticHead, Network, NetworkConfig, build_network
from raylab.rl.on_policy import OnPolicyAgent, TrajectoryLearner
from raylab.rl.policy import Policy, Precision, choose_dtype


class ActorCritic:
    """Gives a configuration with the fields below its network, learner, policy and agent."""

    num_envs: int
    unroll_length: int
    learning_rate: float
    anneal_learning_rate: bool
    discount: float
    max_gradient_norm: float
    adam_epsilon: float
    normalize_observations: bool
    normalize_rewards: bool
    network: NetworkConfig
    precision: Precision

    @property
    def batch_size(self) -> int:
        """Agent steps in an update."""
        return self.num_envs * self.unroll_length

    @property
    def depends_on_length(self) -> bool:
        """Whether the numbers depend on the planned length of training."""
        return self.anneal_learning_rate

    def learning_rate_at(self, agent_steps: int, until_agent_steps: int) -> float:
        """Return the learning rate of an update that begins after so many agent steps."""
        if not self.anneal_learning_rate:
            return self.learning_rate
        return self.learning_rate * max(0.0, 1.0 - agent_steps / until_agent_steps)

    def make_network(
        self, observations: spaces.Box, actions: ActionSpace, generator: torch.Generator
    ) -> Network:
        """Return the network for an environment's spaces, initialised, in float32.

        Raises:
            ConfigError: no network fits, or images are to be normalised.
        """
        head = ActorCriticHead(distribution_of(actions))
        network = build_network(self.network, observations, head, generator)
        network.normalize(observations=self.normalize_observations, rewards=self.normalize_rewards)
        return network

    def make_learner(self, network: Network) -> Learner:
        """Return what moves the weights of a network, in the configured precision."""
        return Learner(
            network,
            dtype=choose_dtype(self.precision, network),
            adam_epsilon=self.adam_epsilon,
            max_gradient_norm=self.max_gradient_norm,
        )

    def make_policy(self, network: Network, actions: ActionSpace) -> Policy:
        """Return the policy that acts by a network."""
        return Policy(network, distribution_of(actions))

    def make_trajectory_learner(
        self, learner: Learner, distribution: ActionDistribution, generator: torch.Generator
    ) -> TrajectoryLearner:
        """Return what learns by this configuration; each algorithm has its own."""
        raise NotImplementedError

    def make_agent(
        self, env: VectorEnv, learner: Learner, generators: Generators, until_agent_steps: int
    ) -> OnPolicyAgent:
        """Return the algorithm at work in one process: unroll, update, unroll."""
        policy = self.make_policy(learner.network, env.action_space)
        return OnPolicyAgent(self, env, policy, learner, generators, until_agent_steps)
