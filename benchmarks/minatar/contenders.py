"""Who learns MinAtar Breakout, by which settings: raylab's experiments, and the peer's arguments.

The peer gets raylab's settings wherever it has the same one. What it has not, or means otherwise:

- double Q-learning: Stable-Baselines3's DQN has none, so raylab's runs with it and without it;
- the value coefficient is of the mean squared error, raylab's (and the paper's) of half of it:
  0.25 for 0.5;
- a clipped value loss is there the clipped error alone, which has no gradient beyond the clip range,
  here the larger of both: the peer has it off, as is its default;
- DQN's network starts from torch's default weights, raylab's from orthogonal ones (PPO's does in
  both);
- the learning rate is annealed by what is collected after an update, raylab's by what was
  collected before it: one update in 147.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments.minatar_dqn import experiment as dqn
from experiments.minatar_ppo import experiment as ppo
from raylab.experiment import Evaluating, Experiment, Placement, Until
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import MinAtar

ENV = MinAtar(game="breakout", minimal_actions=True)
"""What the package registers as MinAtar/Breakout-v1: sticky actions of 0.1, three actions."""
FEATURES = 128
EPISODES = 100

RAYLAB = {
    "ppo": replace(ppo, name="raylab-ppo", env=ENV),
    "dqn": replace(dqn, name="raylab-dqn", env=ENV),
    "dqn-single": replace(
        dqn,
        name="raylab-dqn-single",
        env=ENV,
        algorithm=replace(dqn.algorithm, double=False),  # type: ignore[type-var]
    ),
}
"""raylab's experiments, by the name of the algorithm."""

PEER = {"ppo": "sb3-ppo", "dqn-single": "sb3-dqn-single"}
"""The peer's, by the same names, and the folders of their runs."""


def experiment_of(algorithm: str, agent_steps: int, runs_dir: str) -> Experiment:
    """Return raylab's experiment: inline, one thread, the sampled policy evaluated at the end."""
    return replace(
        RAYLAB[algorithm],
        until=Until(agent_steps=agent_steps),
        placement=Placement(kind="inline", threads=1, evaluator=False, address="local"),
        evaluation=Evaluating(
            episodes=EPISODES, greedy=False, random_baseline_episodes=EPISODES, video=False
        ),
        runs_dir=runs_dir,
    )


def record_every(config: PPO | DQN) -> int:
    """Return the agent steps of what raylab counts as one update."""
    return config.num_envs * config.unroll_length


def peer_settings(config: PPO | DQN, agent_steps: int) -> dict[str, Any]:
    """Return the arguments of the peer's algorithm that say the same."""
    if isinstance(config, PPO):
        return {
            "n_steps": config.unroll_length,
            "batch_size": config.batch_size // config.minibatches,
            "n_epochs": config.epochs,
            "learning_rate": config.learning_rate,
            "gamma": config.discount,
            "gae_lambda": config.gae_lambda,
            "clip_range": config.clip,
            "clip_range_vf": None,
            "ent_coef": config.entropy_coefficient,
            "vf_coef": 0.5 * config.value_coefficient,
            "max_grad_norm": config.max_gradient_norm,
        }
    return {
        "buffer_size": config.capacity,
        "learning_starts": config.learning_starts,
        "train_freq": 1,  # a step of all environments
        "gradient_steps": config.num_envs // config.train_every,
        "batch_size": config.batch_size,
        "target_update_interval": config.target_every,
        "learning_rate": config.learning_rate,
        "gamma": config.discount,
        "n_steps": config.n_step,
        "exploration_fraction": min(1.0, config.exploration_steps / agent_steps),
        "exploration_initial_eps": config.initial_epsilon,
        "exploration_final_eps": config.final_epsilon,
        "max_grad_norm": config.max_gradient_norm,
    }
