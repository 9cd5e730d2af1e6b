"""Evaluation: whole games in environments of their own, raw returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
import torch

from raylab.errors import ConfigError
from raylab.rl.agent import Algorithm, Player
from raylab.rl.envs import EnvConfig, VectorEnv, make
from raylab.rl.envs.masks import random_legal_action
from raylab.rl.policy import choose_device
from raylab.rl.trajectory import Arrays

_MOST_ENVS = 8

Act = Callable[[np.ndarray], np.ndarray]
"""Observations [N, *observation] to actions [N, *action]."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a policy scored in whole games."""

    returns: tuple[float, ...]  # sums of raw rewards, one a game
    lengths_steps: tuple[int, ...]  # agent steps, one a game
    lengths_frames: tuple[int, ...]  # emulator frames, one a game
    frames: tuple[np.ndarray, ...]  # uint8 [H, W, 3], of the first game

    @property
    def mean(self) -> float:
        """Mean return."""
        return fmean(self.returns)

    @property
    def std(self) -> float:
        """Standard deviation of the returns (n - 1); 0 for a single game."""
        return stdev(self.returns) if len(self.returns) > 1 else 0.0


def evaluate(
    env: EnvConfig,
    policy: Player,
    *,
    episodes: int,
    seed: int,
    greedy: bool = True,
    video_steps: int = 0,
    threads: int = 1,
) -> Evaluation:
    """Play games with a policy, whose state and environments of training stay untouched.

    Args:
        env: the environment; played under its evaluation protocol, whole games.
        policy: acts.
        episodes: number of games. Each environment plays a fixed share of them, so that short
            games are not over-represented.
        seed: of the environments and of sampling; take another than that of training.
        greedy: take the best action; otherwise act with the noise of training.
        video_steps: keep so many pictures at most of the first game.
        threads: of the Atari emulator.

    Raises:
        ConfigError: no episode is asked for.
        EnvError: an environment cannot be made, or raised.
    """
    generator = None if greedy else torch.Generator().manual_seed(seed)

    def act(observations: np.ndarray) -> np.ndarray:
        return policy.choose(observations, generator)

    return _play(env, lambda _: act, episodes, seed, video_steps, threads)


def random_baseline(env: EnvConfig, *, episodes: int, seed: int, threads: int = 1) -> Evaluation:
    """Play games with uniformly random, legal actions; arguments and errors as :func:`evaluate`."""

    def make_act(games: VectorEnv) -> Act:
        space = games.action_space
        space.seed(seed)
        shown = games.observation_space
        return lambda observations: np.stack(
            [random_legal_action(space, shown, observation) for observation in observations]
        )

    return _play(env, make_act, episodes, seed, 0, threads)


def load_policy(
    env: EnvConfig, algorithm: Algorithm, weights: Arrays, *, device: str = "auto"
) -> Player:
    """Return the policy of an experiment with saved weights.

    Raises:
        ConfigError: the weights do not fit the network of this environment and algorithm.
        EnvError: the environment cannot be made.
    """
    games = make(env.evaluation(), 1, seed=0)
    try:
        observations, actions = games.observation_space, games.action_space
        network = algorithm.make_network(observations, actions, torch.Generator())
    finally:
        games.close()
    learner = algorithm.make_learner(network.to(choose_device(device)))
    learner.load_weights(weights)
    return algorithm.make_policy(learner.network, actions)


def _play(
    env: EnvConfig,
    make_act: Callable[[VectorEnv], Act],
    episodes: int,
    seed: int,
    video_steps: int,
    threads: int,
) -> Evaluation:
    if episodes < 1:
        raise ConfigError(f"episodes={episodes} must be at least 1.")
    count = min(episodes, _MOST_ENVS)
    missing = [episodes // count + (row < episodes % count) for row in range(count)]
    played = []
    pictures: list[np.ndarray] = []
    games = make(env.evaluation(), count, seed, num_threads=threads)
    try:
        act = make_act(games)
        observations = games.reset()
        first_game = True
        while any(missing):
            if first_game and len(pictures) < video_steps:
                picture = games.render(0)
                if picture is not None:
                    pictures.append(picture.copy())
            step = games.step(act(observations))
            observations = step.observations
            for episode in step.episodes:
                first_game = first_game and episode.row != 0
                if missing[episode.row]:
                    missing[episode.row] -= 1
                    played.append(episode)
    finally:
        games.close()
    return Evaluation(
        returns=tuple(episode.episode_return for episode in played),
        lengths_steps=tuple(episode.length_steps for episode in played),
        lengths_frames=tuple(episode.length_frames for episode in played),
        frames=tuple(pictures),
    )
