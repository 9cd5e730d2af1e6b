"""Asynchronous PPO: the clipped surrogate on V-trace, for data of a policy that is a little older.

From top to bottom: the configuration, the loss, and the update that applies it to a trajectory.
Workers act while the learner learns, so a trajectory comes from weights that lag some updates
behind. V-trace (Espeholt et al. 2018, "IMPALA") corrects value targets and advantages for it. The
policy moves by the clipped surrogate of PPO (Schulman et al. 2017) against the policy that acted,
or, with ``clip=None``, by IMPALA's own gradient: see :meth:`APPO.impala`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from raylab.errors import ConfigError, TrainingError
from raylab.rl.algorithms import checks
from raylab.rl.algorithms.actor_critic import ActorCritic
from raylab.rl.distributions import ActionDistribution
from raylab.rl.learner import Learner
from raylab.rl.moments import learned_rewards
from raylab.rl.networks import NetworkConfig
from raylab.rl.policy import Precision
from raylab.rl.targets import explained_variance, vtrace
from raylab.rl.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True)
class APPO(ActorCritic):
    """Configuration of APPO; discount, clipping of rewards and V-trace are as in IMPALA for Atari.

    Raises:
        ConfigError: a value is out of its range, or the minibatches do not divide the environments.
    """

    num_envs: int = 16
    """Environments whose unrolls make an update, wherever they are stepped."""
    unroll_length: int = 32
    """Agent steps of each environment in an unroll."""
    epochs: int = 1
    """Passes over the data of an update."""
    minibatches: int = 1
    """Equal groups of environments, learned from one after the other; must divide num_envs."""
    learning_rate: float = 2.5e-4
    """Of Adam, at the start."""
    anneal_learning_rate: bool = True
    """Let the learning rate fall linearly to zero at the end of training."""
    discount: float = 0.99
    """Of future rewards, per agent step."""
    trace_lambda: float = 1.0
    """Of V-trace; 1 is the paper's."""
    max_rho: float = 1.0
    """Of V-trace: where importance weights of errors are cut off."""
    max_c: float = 1.0
    """Of V-trace: where importance weights of traces are cut off."""
    clip: float | None = 0.2
    """How far the probability ratio may move from the policy that acted; None is IMPALA."""
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
    max_policy_lag: int = 8
    """Fragments whose weights are more updates behind are dropped, and counted."""
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
        checks.at_least_one(self, "max_policy_lag")
        checks.between_0_and_1(self, "discount", "trace_lambda")
        checks.positive(self, "learning_rate", "max_rho", "max_c")
        checks.positive(self, "max_gradient_norm", "adam_epsilon")
        checks.positive(self, "clip", or_none=True)
        checks.not_negative(self, "entropy_coefficient", "value_coefficient")
        checks.rewards_and_precision(self)
        if self.num_envs % self.minibatches:
            raise ConfigError(
                f"minibatches={self.minibatches} does not divide num_envs={self.num_envs}; "
                f"try {math.gcd(self.minibatches, self.num_envs)}."
            )

    def make_trajectory_learner(
        self, learner: Learner, distribution: ActionDistribution, generator: torch.Generator
    ) -> APPOLearner:
        """Return what learns by this configuration."""
        return APPOLearner(self, learner, distribution, generator)

    @classmethod
    def impala(cls) -> Self:
        """Return IMPALA: the plain policy gradient on V-trace, advantages as they are."""
        return cls(clip=None, normalize_advantages=False)

    @classmethod
    def classic_control(cls) -> Self:
        """Return settings for CartPole and its like (found here; no published reference)."""
        return cls(
            epochs=8,
            minibatches=2,
            learning_rate=1e-3,
            discount=0.98,
            trace_lambda=0.95,
            entropy_coefficient=0.0,
            reward_clipping="none",
        )


DIAGNOSTICS = ("loss/policy", "loss/value", "entropy", "kl", "clip_fraction", "rho")
"""Names of what :func:`appo_loss` reports beside the loss."""


def appo_loss(
    log_probs: Tensor,
    entropies: Tensor,
    values: Tensor,
    *,
    behaviour_log_probs: Tensor,
    advantages: Tensor,
    value_targets: Tensor,
    config: APPO,
) -> tuple[Tensor, Tensor]:
    """Return the loss of a batch, and diagnostics.

    Args:
        log_probs: of the actions under the current policy, any shape.
        entropies: of the current policy.
        values: predicted by the current network.
        behaviour_log_probs: of the actions when they were taken.
        advantages: by V-trace, not weighted by importance.
        value_targets: by V-trace.
        config: clip range and coefficients.

    Returns:
        The scalar loss, and the diagnostics [6] that :data:`DIAGNOSTICS` names.
    """
    if config.normalize_advantages:
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    log_ratio = log_probs - behaviour_log_probs
    ratio = log_ratio.exp()
    rho = ratio.detach().clamp(max=config.max_rho)
    if config.clip is None:  # Espeholt et al. 2018, section 4.2
        policy_loss = -(rho * advantages * log_probs).mean()
        clipped = torch.zeros(())
    else:  # Schulman et al. 2017, equation 7; the ratio is the importance weight
        limited = ratio.clamp(1.0 - config.clip, 1.0 + config.clip)
        policy_loss = -torch.min(ratio * advantages, limited * advantages).mean()
        clipped = ((ratio - 1.0).abs() > config.clip).float().mean()
    value_loss = 0.5 * (values - value_targets).square().mean()
    entropy = entropies.mean()
    loss = (
        policy_loss + config.value_coefficient * value_loss - config.entropy_coefficient * entropy
    )
    kl = ((ratio - 1.0) - log_ratio).mean()
    seen = torch.stack([policy_loss, value_loss, entropy, kl, clipped.to(kl), rho.mean()])
    return loss, seen.detach()


class APPOLearner:
    """Updates a policy by APPO, one trajectory at a time.

    Args:
        config: of the algorithm.
        learner: holds the weights and moves them.
        distribution: gives the network's outputs their meaning.
        generator: on the CPU; orders the environments of an update.
    """

    def __init__(
        self,
        config: APPO,
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
        config = self._config
        seen: list[Tensor] = []
        explained: list[float] = []
        network = self._learner.network
        rewards = learned_rewards(trajectory, config.reward_clipping, network.return_moments)
        for _ in range(config.epochs):
            order = torch.randperm(trajectory.rewards.shape[1], generator=self._generator)
            for columns in order.chunk(config.minibatches):
                diagnostics, variance = self._step(
                    trajectory, rewards, columns.numpy(), learning_rate
                )
                seen.append(diagnostics)
                explained.append(variance)
        network.observe(trajectory.observations[:-1])
        means = torch.stack(seen).mean(dim=0).tolist()
        metrics = dict(zip((*DIAGNOSTICS, "gradient_norm"), means, strict=True))
        if not all(map(math.isfinite, means)):
            raise TrainingError(
                f"training diverged in update {trajectory.policy_version + 1}: {metrics}; resume "
                f"from an earlier checkpoint with a smaller learning rate (now "
                f"{learning_rate:.3g}), or with precision='float32'."
            )
        metrics["explained_variance"] = explained[0]  # before the data was learned from
        metrics["learning_rate"] = learning_rate
        return metrics

    def _step(
        self,
        trajectory: Trajectory,
        rewards: np.ndarray,
        columns: np.ndarray,
        learning_rate: float,
    ) -> tuple[Tensor, float]:
        """Learn once from some environments; one pass gives the targets and the gradients.

        Args:
            trajectory: of all environments.
            rewards: float32 [T, N], as they are learned from.
            columns: int64 [n], those to learn from.
            learning_rate: of this step.

        Returns:
            The diagnostics and the gradient's norm [7], and the explained variance.
        """
        config, learner, device = self._config, self._learner, self._learner.device

        def on_device(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array[:, columns]).to(device)

        observations = on_device(trajectory.observations)  # [T + 1, n, *stored]
        actions = on_device(trajectory.actions).flatten(0, 1)
        behaviour_log_probs = on_device(trajectory.log_probs)
        T, n = behaviour_log_probs.shape
        parameters, values = learner.network(observations.flatten(0, 1))
        values = values.unflatten(0, (T + 1, n))
        log_probs, entropies = self._distribution.log_prob_and_entropy(parameters[: T * n], actions)
        log_probs = log_probs.unflatten(0, (T, n))
        predicted = values.detach().cpu().numpy()
        targets, advantages = vtrace(
            log_ratios=(log_probs.detach() - behaviour_log_probs).cpu().numpy(),
            rewards=rewards[:, columns],
            values=predicted,
            terminated=trajectory.terminated[:, columns],
            truncated=trajectory.truncated[:, columns],
            final_values=trajectory.final_values[:, columns],
            discount=config.discount,
            trace_lambda=config.trace_lambda,
            max_rho=config.max_rho,
            max_c=config.max_c,
        )
        loss, seen = appo_loss(
            log_probs,
            entropies,
            values[:-1],
            behaviour_log_probs=behaviour_log_probs,
            advantages=torch.from_numpy(advantages).to(device),
            value_targets=torch.from_numpy(targets).to(device),
            config=config,
        )
        norm = learner.step(loss, learning_rate)
        variance = explained_variance(predicted[:-1], targets)
        return torch.cat([seen, norm.unsqueeze(0)]), variance
