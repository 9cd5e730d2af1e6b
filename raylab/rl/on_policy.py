"""Learning on policy in one process: an unroll, the learning from it, the next unroll."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

import torch

from raylab.rl.agent import Advance, Algorithm, Generators
from raylab.rl.distributions import ActionDistribution
from raylab.rl.envs import ActionSpace, VectorEnv
from raylab.rl.learner import Learner
from raylab.rl.networks import Network
from raylab.rl.policy import Policy
from raylab.rl.rollout import Rollout
from raylab.rl.trajectory import Arrays, Trajectory


class TrajectoryLearner(Protocol):
    """Learns from trajectories, one at a time."""

    def update(self, trajectory: Trajectory, learning_rate: float) -> dict[str, float]:
        """Move the weights; return diagnostics. Raises TrainingError when training diverges."""


class OnPolicyAlgorithm(Algorithm, Protocol):
    """What an algorithm that learns from trajectories adds to others."""

    @property
    def unroll_length(self) -> int:
        """Agent steps of each environment between two updates."""

    @property
    def discount(self) -> float:
        """Of future rewards, per agent step."""

    @property
    def normalize_rewards(self) -> bool:
        """Whether rewards are scaled by the deviation of running returns, which rollouts keep."""

    def make_policy(self, network: Network, actions: ActionSpace) -> Policy:
        """Return the policy that acts by a network."""

    def make_trajectory_learner(
        self, learner: Learner, distribution: ActionDistribution, generator: torch.Generator
    ) -> TrajectoryLearner:
        """Return what learns by this configuration; the generator, on the CPU, shuffles."""

    def learning_rate_at(self, agent_steps: int, until_agent_steps: int) -> float:
        """Return the learning rate of an update that begins after so many agent steps."""


def make_rollout(
    algorithm: OnPolicyAlgorithm, env: VectorEnv, policy: Policy, generator: torch.Generator
) -> Rollout:
    """Return what collects the unrolls that an algorithm learns from."""
    discount = algorithm.discount if algorithm.normalize_rewards else None
    return Rollout(env, policy, algorithm.unroll_length, generator, discount)


class OnPolicyAgent:
    """An :class:`raylab.rl.agent.Agent` that collects a trajectory and learns from it.

    Args:
        algorithm: gives the length of unrolls, what learns from them, and its rate.
        env: the environments; from now on only this object steps them.
        policy: acts with the learner's network.
        learner: holds the weights.
        generators: "acting" samples actions, "shuffling" is the learner's.
        until_agent_steps: length of the training, to which the learning rate is annealed.
    """

    def __init__(
        self,
        algorithm: OnPolicyAlgorithm,
        env: VectorEnv,
        policy: Policy,
        learner: Learner,
        generators: Generators,
        until_agent_steps: int,
    ) -> None:
        self.policy = policy
        self._env = env
        self._algorithm = algorithm
        self._until_agent_steps = until_agent_steps
        self._trajectory_learner = algorithm.make_trajectory_learner(
            learner, policy.distribution, generators["shuffling"]
        )
        self._rollout = make_rollout(algorithm, env, policy, generators["acting"])

    def advance(self, update: int, agent_steps: int) -> Advance:
        """Collect one unroll and learn from it."""
        start_s = time.perf_counter()
        trajectory = self._rollout.collect(policy_version=update)
        collected_s = time.perf_counter()
        learning_rate = self._algorithm.learning_rate_at(agent_steps, self._until_agent_steps)
        metrics = self._trajectory_learner.update(trajectory, learning_rate)
        metrics |= {
            "time/rollout_s": collected_s - start_s,
            "time/learn_s": time.perf_counter() - collected_s,
        }
        return Advance(trajectory.agent_steps, metrics, trajectory.episodes)

    def parts(self, replay_limit_bytes: float) -> dict[str, Arrays]:  # noqa: ARG002 - no replay
        """Return the state of the environments."""
        return {"environments": self._rollout.state()}

    def restore(self, parts: Mapping[str, Arrays]) -> tuple[str, ...]:
        """Bring the environments back; name those that did not come back as they were."""
        self._rollout.restore(parts["environments"])
        return tuple(
            f"environment {row} did not replay as it was played" for row in self._env.diverged_rows
        )
