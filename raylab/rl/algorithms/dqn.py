"""Deep Q-learning (Mnih et al. 2015), with the improvements that are configured one by one.

From top to bottom: the configuration, targets and loss, and the update that applies them to a sample
of replay. The improvements are double Q-learning (van Hasselt et al. 2016), dueling heads (Wang et
al. 2016), n-step returns (Sutton 1988; Hessel et al. 2018) and prioritized replay (Schaul et al.
2016). Unlike the published code, an episode that was cut off by a time limit is not taken for one
that ended: its targets bootstrap from the true final observation. Acting, remembering and the order
of it all are in :mod:`raylab.rl.off_policy`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor
from torch.nn import functional

from raylab.errors import ConfigError
from raylab.rl.action_values import QHead, QPolicy
from raylab.rl.agent import Generators
from raylab.rl.algorithms import checks
from raylab.rl.envs import ActionSpace, VectorEnv
from raylab.rl.learner import Learner
from raylab.rl.networks import Network, NetworkConfig, build_network
from raylab.rl.off_policy import OffPolicyAgent
from raylab.rl.policy import Precision, choose_dtype
from raylab.rl.replay import Replay, ReplaySpec, Sample
from raylab.rl.trajectory import Arrays


@dataclass(frozen=True, kw_only=True)
class DQN:
    """Configuration of DQN; the defaults are plain DQN on Atari (see :meth:`atari`).

    Periods are in agent steps of all environments together.

    Raises:
        ConfigError: a value is out of its range.
    """

    num_envs: int = 8
    """Environments that are stepped together."""
    unroll_length: int = 64
    """Agent steps of each environment in what a run counts as one update; decides how often
    metrics are recorded, not how often the network learns."""
    capacity: int = 1_000_000
    """Agent steps that replay remembers; 7 kB each for Atari, taken as they come."""
    learning_starts: int = 50_000
    """Transitions in replay before the network learns; at most half of the capacity."""
    train_every: int = 4
    """Agent steps for each minibatch that is learned from."""
    batch_size: int = 32
    """Transitions in a minibatch."""
    target_every: int = 10_000
    """Agent steps after which the target network becomes a copy of the online network."""
    learning_rate: float = 1e-4
    """Of Adam, at the start."""
    final_learning_rate: float | None = None
    """Of Adam, in the end; None keeps it constant. A small one makes the last policies alike, and
    good in evaluations, where a policy does not change while it plays."""
    annealing_steps: int | None = None
    """Agent steps over which the learning rate moves linearly to the final one; goes with it."""
    discount: float = 0.99
    """Of future rewards, per agent step."""
    n_step: int = 1
    """Rewards that are summed before the value of the next observation."""
    double: bool = False
    """The online network chooses the next action, the target network values it."""
    dueling: bool = False
    """Value and advantages have a stream each: q = v + a - mean(a)."""
    prioritized: bool = False
    """Draw transitions in proportion to their last error, and weight them for it."""
    priority_exponent: float = 0.6
    """Of errors: 0 is uniform, 1 is proportional (alpha of Schaul et al. 2016)."""
    importance_exponent: float = 0.4
    """Of importance weights at the start; 1 undoes the priorities fully (beta)."""
    importance_steps: int = 10_000_000
    """Agent steps over which the importance exponent rises linearly to 1."""
    initial_epsilon: float = 1.0
    """Probability of a random action at the start."""
    final_epsilon: float = 0.01
    """Probability of a random action in the end, and in evaluations that are not greedy."""
    exploration_steps: int = 250_000
    """Agent steps over which epsilon falls linearly."""
    max_gradient_norm: float = 10.0
    """Global norm to which gradients are clipped."""
    adam_epsilon: float = 1e-8
    """Added to the root of Adam's second moment."""
    reward_clipping: Literal["none", "sign"] = "sign"
    """What the learner sees of a reward: all of it, or its sign; records keep the raw reward."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Sizes of the network; its kind follows from the observations."""
    precision: Precision = "auto"
    """Of the network's body: auto takes bfloat16 for large images where the processor has it."""

    def __post_init__(self) -> None:
        checks.at_least_one(self, "num_envs", "unroll_length", "capacity", "learning_starts")
        checks.at_least_one(self, "train_every", "batch_size", "target_every", "n_step")
        checks.at_least_one(self, "importance_steps", "exploration_steps")
        checks.between_0_and_1(self, "discount", "priority_exponent", "importance_exponent")
        checks.between_0_and_1(self, "initial_epsilon", "final_epsilon")
        checks.positive(self, "learning_rate", "max_gradient_norm", "adam_epsilon")
        checks.positive(self, "final_learning_rate", "annealing_steps", or_none=True)
        checks.rewards_and_precision(self)
        if (self.final_learning_rate is None) != (self.annealing_steps is None):
            raise ConfigError(
                f"final_learning_rate={self.final_learning_rate} and "
                f"annealing_steps={self.annealing_steps} go together: set both, or leave both None."
            )
        if 2 * self.learning_starts > self.capacity:
            raise ConfigError(
                f"learning_starts={self.learning_starts} is more than half of "
                f"capacity={self.capacity}; try learning_starts={max(1, self.capacity // 10)}."
            )

    def epsilon_at(self, agent_steps: int) -> float:
        """Return the probability of a random action after so many agent steps."""
        done = min(1.0, agent_steps / self.exploration_steps)
        return self.initial_epsilon + done * (self.final_epsilon - self.initial_epsilon)

    def learning_rate_at(self, agent_steps: int) -> float:
        """Return the learning rate after so many agent steps."""
        if self.final_learning_rate is None or self.annealing_steps is None:
            return self.learning_rate
        done = min(1.0, agent_steps / self.annealing_steps)
        return self.learning_rate + done * (self.final_learning_rate - self.learning_rate)

    def importance_exponent_at(self, agent_steps: int) -> float:
        """Return the exponent of importance weights after so many agent steps."""
        done = min(1.0, agent_steps / self.importance_steps)
        return self.importance_exponent + done * (1.0 - self.importance_exponent)

    @property
    def depends_on_length(self) -> bool:
        """No schedule looks at the planned length of training."""
        return False

    def make_network(
        self, observations: spaces.Box, actions: ActionSpace, generator: torch.Generator
    ) -> Network:
        """Return the network for an environment's spaces, initialised, in float32.

        Raises:
            ConfigError: the actions are not one choice among several.
        """
        head = QHead(_num_actions(actions), self.dueling)
        return build_network(self.network, observations, head, generator)

    def make_learner(self, network: Network) -> Learner:
        """Return what moves the weights of a network, in the configured precision."""
        return Learner(
            network,
            dtype=choose_dtype(self.precision, network),
            adam_epsilon=self.adam_epsilon,
            max_gradient_norm=self.max_gradient_norm,
        )

    def make_policy(self, network: Network, actions: ActionSpace) -> QPolicy:
        """Return the policy that acts by a network."""
        return QPolicy(network, _num_actions(actions), self.final_epsilon)

    def replay_spec(self, network: Network, env: VectorEnv) -> ReplaySpec:
        """Return what a replay holds of what a network stores of an environment."""
        dtype = torch.empty(0, dtype=network.stored_dtype).numpy().dtype
        return ReplaySpec(
            num_envs=self.num_envs,
            capacity=self.capacity,
            stored_shape=network.stored_shape,
            stored_dtype=dtype,
            stack=env.frame_stack,
            num_actions=_num_actions(env.action_space),
            n_step=self.n_step,
            discount=self.discount,
            sign_rewards=self.reward_clipping == "sign",
            prioritized=self.prioritized,
        )

    def make_replay(self, network: Network, env: VectorEnv) -> Replay:
        """Return an empty replay of what a network stores of an environment."""
        return Replay(self.replay_spec(network, env))

    def make_sample_learner(self, learner: Learner) -> DQNLearner:
        """Return what learns from samples of replay."""
        return DQNLearner(self, learner)

    def make_agent(
        self,
        env: VectorEnv,
        learner: Learner,
        generators: Generators,
        until_agent_steps: int,  # noqa: ARG002 - no schedule looks at it
    ) -> OffPolicyAgent:
        """Return DQN at work: act, remember, learn from what is remembered."""
        policy = self.make_policy(learner.network, env.action_space)
        replay = self.make_replay(learner.network, env)
        return OffPolicyAgent(
            self, env, policy, replay, self.make_sample_learner(learner), generators
        )

    @classmethod
    def atari(cls) -> Self:
        """Return the settings of Mnih et al. 2015 for Atari, with Adam and final epsilon as CleanRL."""
        return cls()

    @classmethod
    def sample_efficient(cls) -> Self:
        """Return settings that learn Atari games in few agent steps, at eight times the work.

        Of the parts of Rainbow (Hessel et al. 2018) the cheap ones that help most early on: 3-step
        returns carry a point back faster than anything else, double Q-learning and dueling cost
        next to nothing. Each agent step is learned from 32 times on average instead of 8, and
        epsilon falls over 100,000 agent steps, which is enough for games with dense play.
        Priorities are left out: they help less and slow sampling down.
        """
        return cls(
            capacity=200_000,
            learning_starts=10_000,
            train_every=2,
            batch_size=64,
            target_every=2_000,
            exploration_steps=100_000,
            n_step=3,
            double=True,
            dueling=True,
        )

    @classmethod
    def minatar(cls) -> Self:
        """Return settings for MinAtar, one thread (found on Breakout; no published reference).

        Replay is that of Young and Tian 2019; double Q-learning and 3-step returns are added.
        """
        return cls(
            capacity=100_000,
            learning_starts=5_000,
            target_every=1_000,
            learning_rate=2.5e-4,
            exploration_steps=50_000,
            final_epsilon=0.05,
            n_step=3,
            double=True,
            reward_clipping="none",
        )

    @classmethod
    def classic_control(cls) -> Self:
        """Return settings for CartPole and its like, one thread (found on CartPole).

        RL Zoo's learn as fast, but forget again; longer returns and larger minibatches do not.
        """
        return cls(
            capacity=100_000,
            learning_starts=1_000,
            train_every=2,
            batch_size=128,
            target_every=500,
            learning_rate=1e-3,
            exploration_steps=8_000,
            final_epsilon=0.04,
            n_step=5,
            double=True,
            reward_clipping="none",
            network=NetworkConfig(hidden_sizes=(256, 256), activation="relu"),
        )


def q_targets(
    returns: Tensor, discounts: Tensor, next_q: Tensor, choosing_q: Tensor | None = None
) -> Tensor:
    """Return what the values of the taken actions should have been, [B].

    ``G + discount^m * max_a q'(s', a)``, or with double Q-learning
    ``G + discount^m * q'(s', argmax_a q(s', a))``.

    Args:
        returns: n-step returns G, [B].
        discounts: of the next value, 0 where the episode terminated, [B].
        next_q: of the target network at the next observations, [B, A].
        choosing_q: of the online network there, for double Q-learning.
    """
    chosen = (next_q if choosing_q is None else choosing_q).argmax(dim=-1, keepdim=True)
    return returns + discounts * next_q.gather(-1, chosen).squeeze(-1)


def q_loss(
    q: Tensor, actions: Tensor, targets: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the weighted mean of Huber losses, and the errors ``target - q`` [B].

    Args:
        q: of the online network, [B, A].
        actions: that were taken, [B].
        targets: of their values, [B].
        weights: of the transitions, [B]; None weighs all by 1.
    """
    taken = q.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    losses = functional.huber_loss(taken, targets, reduction="none")
    if weights is not None:
        losses = weights * losses
    return losses.mean(), (targets - taken).detach()


class DQNLearner:
    """Updates a Q-network by samples of replay, and holds its target network.

    Args:
        config: of the algorithm.
        learner: holds the weights and moves them.

    Attributes:
        diagnostics: names of what an update reports, in its order.
    """

    diagnostics: tuple[str, ...] = ("loss/q", "q", "td_error", "gradient_norm")

    def __init__(self, config: DQN, learner: Learner) -> None:
        self._config = config
        self._learner = learner
        self._target = copy.deepcopy(learner.network).requires_grad_(False)
        self._forwards: dict[int, Callable[[Tensor], Tensor]] = {}  # by size of the batch

    def update(
        self, sample: Sample, agent_steps: int, minibatches: int = 1
    ) -> tuple[list[Tensor], np.ndarray]:
        """Learn from equal parts of a sample, one after the other.

        The target network computes all parts at once: it does not change between them.

        Args:
            sample: drawn from replay.
            agent_steps: taken so far, which schedules depend on.
            minibatches: how many parts.

        Returns:
            The diagnostics of each minibatch, and the new masses [B] in replay.
        """
        config, device = self._config, self._learner.device
        observations, next_observations = (
            _aligned(stored).to(device) for stored in sample.observations()
        )
        actions, returns, discounts = (
            torch.from_numpy(array).to(device)
            for array in (sample.actions, sample.returns, sample.discounts)
        )
        with torch.no_grad():
            next_q = self._forward(len(sample.keys))(next_observations)
        diagnostics, errors = [], []
        for rows in np.split(np.arange(len(sample.keys)), minibatches):
            part = slice(rows[0], rows[-1] + 1)
            with torch.no_grad():
                choosing_q = (
                    self._learner.network(next_observations[part]) if config.double else None
                )
                targets = q_targets(returns[part], discounts[part], next_q[part], choosing_q)
            q = self._learner.network(observations[part])
            weights = self._importance_weights(sample.rows(part), agent_steps)
            loss, error = q_loss(q, actions[part], targets, weights)
            norm = self._learner.step(loss, config.learning_rate_at(agent_steps))
            value = q.detach().amax(-1).mean()
            diagnostics.append(torch.stack([loss.detach(), value, error.abs().mean(), norm]))
            errors.append(error)
        sizes = torch.cat(errors).abs().double().cpu().numpy() + _LEAST_ERROR
        return diagnostics, sizes**config.priority_exponent

    def _importance_weights(self, sample: Sample, agent_steps: int) -> Tensor | None:
        """Of each transition, [B]; None where they were drawn uniformly."""
        if not self._config.prioritized:
            return None
        weights = sample.importance_weights(self._config.importance_exponent_at(agent_steps))
        return torch.from_numpy(weights).to(self._learner.device)

    def renew_target(self) -> None:
        """Make the target network a copy of the online network."""
        pairs = zip(self._target.parameters(), self._learner.network.parameters(), strict=True)
        for target, online in pairs:
            target.copy_(online.detach())
        self._forwards.clear()

    def _forward(self, batch: int) -> Callable[[Tensor], Tensor]:
        """The target network, made ready for batches of a size."""
        if batch not in self._forwards:
            self._forwards[batch] = self._target.frozen(batch)
        return self._forwards[batch]

    def state(self) -> Arrays:
        """Return a copy of the target network's weights, by textbook names and shapes."""
        weights = {name: weight.float() for name, weight in self._target.named_parameters()}
        return {
            name: weight.cpu().contiguous().numpy().copy()
            for name, weight in self._target.publish(weights).items()
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what :meth:`state` returned."""
        weights = {name: torch.from_numpy(array.copy()) for name, array in state.items()}
        folded = self._target.unpublish(weights)
        for name, weight in self._target.named_parameters():
            weight.copy_(folded[name])
        self._forwards.clear()


_LEAST_ERROR = 1e-6  # lets transitions that are known by heart come back, if rarely


def _aligned(stored: Tensor) -> Tensor:
    """Floats move to torch's memory, aligned so that kernels give the same bits everywhere."""
    is_cast = not stored.is_floating_point()
    return stored if is_cast else stored.clone(memory_format=torch.contiguous_format)


def _num_actions(actions: ActionSpace) -> int:
    if not isinstance(actions, spaces.Discrete):
        raise ConfigError(
            f"DQN chooses one of several actions, and the environment's actions are {actions}; "
            f"take PPO, or wrap the environment so that they are Discrete."
        )
    return int(actions.n)
