"""Proximal policy optimisation (Schulman et al. 2017), with the details of its implementations.

From top to bottom: the configuration, the loss, and the update that applies it to a trajectory.
The details are those of the implementations whose scores are published (openai/baselines, CleanRL;
collected by Huang et al. 2022, "The 37 implementation details of PPO"): generalised advantage
estimation, normalised by minibatch; value loss clipped like the policy's; orthogonal
initialisation; a learning rate that falls linearly to zero; Adam with epsilon 1e-5; the global
gradient norm clipped. Unlike them, an episode that was cut off by a time limit is not taken for
one that ended: its advantages bootstrap from the value of the true final observation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Self

import torch
from torch import Tensor

from raylab.errors import ConfigError, TrainingError
from raylab.rl.algorithms import checks
from raylab.rl.algorithms.actor_critic import ActorCritic
from raylab.rl.distributions import ActionDistribution
from raylab.rl.laps import lap
from raylab.rl.learner import Learner
from raylab.rl.moments import learned_rewards
from raylab.rl.networks import NetworkConfig
from raylab.rl.policy import Precision
from raylab.rl.targets import explained_variance, generalized_advantages
from raylab.rl.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True)
class PPO(ActorCritic):
    """Configuration of PPO; the defaults are the published ones for Atari (see :meth:`atari`).

    Raises:
        ConfigError: a value is out of its range, or the minibatches do not divide the batch.
    """

    num_envs: int = 8
    """Environments that are stepped together."""
    unroll_length: int = 128
    """Agent steps of each environment between two updates."""
    epochs: int = 4
    """Passes over the data of an update."""
    minibatches: int = 4
    """Equal parts into which a pass splits the data; must divide num_envs x unroll_length."""
    learning_rate: float = 2.5e-4
    """Of Adam, at the start."""
    anneal_learning_rate: bool = True
    """Let the learning rate fall linearly to zero at the end of training."""
    discount: float = 0.99
    """Of future rewards, per agent step."""
    gae_lambda: float = 0.95
    """Trade of bias (0) for variance (1) in advantages."""
    clip: float = 0.1
    """How far the probability ratio, and a clipped value, may move from where data was taken."""
    clip_value_loss: bool = True
    """Clip the value loss like the policy's."""
    entropy_coefficient: float = 0.01
    """Weight of the entropy bonus."""
    value_coefficient: float = 0.5
    """Weight of the value loss, which is half the mean squared error."""
    max_gradient_norm: float = 0.5
    """Global norm to which gradients are clipped."""
    adam_epsilon: float = 1e-5
    """Added to the root of Adam's second moment."""
    normalize_advantages: bool = True
    """Bring the advantages of a minibatch to mean 0 and standard deviation 1."""
    reward_clipping: Literal["none", "sign"] = "sign"
    """What the learner sees of a reward: all of it, or its sign; records keep the raw reward."""
    target_kl: float | None = None
    """Stop the passes over an update's data when the approximate KL divergence exceeds this."""
    normalize_observations: bool = False
    """Bring each number of vector observations to mean 0 and deviation 1 by what was seen so far;
    see :mod:`raylab.rl.moments`."""
    normalize_rewards: bool = False
    """Scale rewards by the deviation of the running discounted return; needs
    reward_clipping="none", and records keep the raw reward."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Sizes of the network; its kind follows from the observations."""
    precision: Precision = "auto"
    """Of the network's body: auto takes bfloat16 for large images where the processor has it."""

    def __post_init__(self) -> None:
        checks.at_least_one(self, "num_envs", "unroll_length", "epochs", "minibatches")
        checks.between_0_and_1(self, "discount", "gae_lambda")
        checks.positive(self, "learning_rate", "clip", "max_gradient_norm", "adam_epsilon")
        checks.positive(self, "target_kl", or_none=True)
        checks.not_negative(self, "entropy_coefficient", "value_coefficient")
        checks.rewards_and_precision(self)
        if self.batch_size % self.minibatches:
            raise ConfigError(
                f"minibatches={self.minibatches} does not divide {self.batch_size} "
                f"(num_envs={self.num_envs} x unroll_length={self.unroll_length}); "
                f"try {_nearest_divisor(self.batch_size, self.minibatches)}."
            )
        if self.normalize_advantages and self.batch_size == self.minibatches:
            raise ConfigError(
                f"minibatches={self.minibatches} leaves one agent step in each, whose advantage "
                f"cannot be normalised; take fewer, or normalize_advantages=False."
            )

    def make_trajectory_learner(
        self, learner: Learner, distribution: ActionDistribution, generator: torch.Generator
    ) -> PPOLearner:
        """Return what learns by this configuration."""
        return PPOLearner(self, learner, distribution, generator)

    @classmethod
    def atari(cls) -> Self:
        """Return the published settings for Atari (Schulman et al. 2017; CleanRL)."""
        return cls()

    @classmethod
    def classic_control(cls) -> Self:
        """Return settings for CartPole and its like, one thread (after RL Zoo's for CartPole)."""
        return cls(
            unroll_length=32,
            epochs=20,
            minibatches=1,
            learning_rate=1e-3,
            discount=0.98,
            gae_lambda=0.8,
            clip=0.2,
            clip_value_loss=False,
            entropy_coefficient=0.0,
            reward_clipping="none",
        )

    @classmethod
    def continuous_control(cls) -> Self:
        """Return the published settings for continuous control (Schulman et al. 2017; CleanRL).

        They collect 2,048 agent steps of one environment, these 256 of eight.
        """
        return cls(
            unroll_length=256,
            epochs=10,
            minibatches=32,
            learning_rate=3e-4,
            clip=0.2,
            entropy_coefficient=0.0,
            reward_clipping="none",
            normalize_observations=True,
            normalize_rewards=True,
        )

    @classmethod
    def minatar(cls) -> Self:
        """Return settings for MinAtar, one thread (found on Breakout; no published reference)."""
        return cls(
            num_envs=32,
            unroll_length=64,
            minibatches=8,
            learning_rate=2.5e-3,
            clip=0.2,
            reward_clipping="none",
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Agent steps to learn from, in any order; all tensors have B rows."""

    observations: Tensor  # [B, *stored]
    actions: Tensor  # [B, *action]
    behaviour_log_probs: Tensor  # float32 [B]  of the actions when they were taken
    behaviour_values: Tensor  # float32 [B]  predicted when the actions were taken
    advantages: Tensor  # float32 [B]  of the actions, not normalised
    value_targets: Tensor  # float32 [B]  what the values should have been

    def rows(self, rows: Tensor) -> Batch:
        """Return the agent steps with these indices, copied."""
        return Batch(*(getattr(self, name).index_select(0, rows) for name in self.__slots__))


def ppo_loss(
    parameters: Tensor, values: Tensor, batch: Batch, distribution: ActionDistribution, config: PPO
) -> tuple[Tensor, Tensor]:
    """Return the loss of a batch, and diagnostics.

    Args:
        parameters: of the current policy's distribution on the batch, [B, P].
        values: predicted by the current network, [B].
        batch: what was done, and what came of it.
        distribution: gives the parameters their meaning.
        config: clip range and coefficients.

    Returns:
        The scalar loss, and the diagnostics [5] that :data:`DIAGNOSTICS` names.
    """
    advantages = batch.advantages
    if config.normalize_advantages:
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)

    # Equation 7: of the plain and the clipped surrogate, the pessimistic one.
    log_probs, entropies = distribution.log_prob_and_entropy(parameters, batch.actions)
    log_ratio = log_probs - batch.behaviour_log_probs
    ratio = log_ratio.exp()
    clipped_ratio = ratio.clamp(1.0 - config.clip, 1.0 + config.clip)
    policy_loss = -torch.min(ratio * advantages, clipped_ratio * advantages).mean()

    squared_error = (values - batch.value_targets).square()
    if config.clip_value_loss:
        moved = (values - batch.behaviour_values).clamp(-config.clip, config.clip)
        clipped_error = (batch.behaviour_values + moved - batch.value_targets).square()
        squared_error = torch.max(squared_error, clipped_error)
    value_loss = 0.5 * squared_error.mean()

    # Equation 9, as something to minimise.
    entropy = entropies.mean()
    loss = (
        policy_loss + config.value_coefficient * value_loss - config.entropy_coefficient * entropy
    )
    with torch.no_grad():
        # Of the behaviour policy from the current one; unbiased and never negative (Schulman
        # 2020, "Approximating KL divergence").
        kl = (ratio - 1.0 - log_ratio).mean()
        clip_fraction = ((ratio - 1.0).abs() > config.clip).float().mean()
        diagnostics = torch.stack([policy_loss, value_loss, entropy, kl, clip_fraction])
    return loss, diagnostics


DIAGNOSTICS = ("loss/policy", "loss/value", "entropy", "kl", "clip_fraction")
"""Names of what :func:`ppo_loss` reports beside the loss."""
_KL = DIAGNOSTICS.index("kl")


class PPOLearner:
    """Updates a policy by PPO, one trajectory at a time.

    Args:
        config: of the algorithm.
        learner: holds the weights and moves them.
        distribution: gives the network's outputs their meaning.
        generator: on the CPU; shuffles the data of an update.
    """

    def __init__(
        self,
        config: PPO,
        learner: Learner,
        distribution: ActionDistribution,
        generator: torch.Generator,
    ) -> None:
        self._config = config
        self._learner = learner
        self._distribution = distribution
        self._generator = generator

    def update(self, trajectory: Trajectory, learning_rate: float) -> dict[str, float]:
        """Pass over a trajectory as often as configured; return diagnostics, averaged.

        Raises:
            TrainingError: the loss is not a finite number any more.
        """
        config, learner = self._config, self._learner
        batch = self._batch(trajectory)
        lap("targets")
        diagnostics: list[Tensor] = []
        for _ in range(config.epochs):
            order = torch.randperm(trajectory.agent_steps, generator=self._generator)
            for rows in order.to(learner.device).chunk(config.minibatches):
                minibatch = batch.rows(rows)
                lap("gather")
                parameters, values = learner.compute(minibatch.observations)
                loss, seen = ppo_loss(parameters, values, minibatch, self._distribution, config)
                norm = learner.step(loss, learning_rate)
                diagnostics.append(torch.cat([seen, norm.unsqueeze(0)]))
            if config.target_kl is not None and diagnostics[-1][_KL] > config.target_kl:
                break
        means = torch.stack(diagnostics).mean(dim=0).tolist()
        metrics = dict(zip((*DIAGNOSTICS, "gradient_norm"), means, strict=True))
        if not all(map(math.isfinite, means)):
            raise TrainingError(
                f"training diverged in update {trajectory.policy_version + 1}: {metrics}; resume "
                f"from an earlier checkpoint with a smaller learning rate (now "
                f"{learning_rate:.3g}), or with precision='float32'."
            )
        learner.network.observe(trajectory.observations[:-1])
        targets = batch.value_targets.cpu().numpy()
        metrics["explained_variance"] = explained_variance(
            trajectory.values[:-1].reshape(-1), targets
        )
        metrics["learning_rate"] = learning_rate
        return metrics

    def _batch(self, trajectory: Trajectory) -> Batch:
        """All agent steps of a trajectory in one axis, on the learner's device."""
        advantages, value_targets = generalized_advantages(
            rewards=learned_rewards(
                trajectory, self._config.reward_clipping, self._learner.network.return_moments
            ),
            values=trajectory.values,
            terminated=trajectory.terminated,
            truncated=trajectory.truncated,
            final_values=trajectory.final_values,
            discount=self._config.discount,
            gae_lambda=self._config.gae_lambda,
        )
        columns = (
            trajectory.observations[:-1],
            trajectory.actions,
            trajectory.log_probs,
            trajectory.values[:-1],
            advantages,
            value_targets,
        )
        device = self._learner.device
        return Batch(*(torch.from_numpy(column).flatten(0, 1).to(device) for column in columns))


def _nearest_divisor(number: int, wanted: int) -> int:
    divisors = [d for d in range(1, number + 1) if number % d == 0]
    return min(divisors, key=lambda d: abs(d - wanted))
