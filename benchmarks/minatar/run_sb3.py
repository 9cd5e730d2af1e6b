"""Stable-Baselines3's PPO or DQN on MinAtar Breakout: one seed, trained, evaluated, kept as JSON.

Runs in the peer's own virtual environment. The settings are raylab's where the peer has the same;
``benchmarks/learn_minatar.py`` passes them and says what differs.
"""

import argparse
import json
import time
from pathlib import Path

import gymnasium
import minatar.gym
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

EVALUATION_ENVS = 8  # as raylab evaluates


class SmallConvolution(BaseFeaturesExtractor):
    """One 3 x 3 convolution of 16 channels and a dense layer: the network of MinAtar."""

    def __init__(self, observation_space: gymnasium.spaces.Box, features: int) -> None:
        super().__init__(observation_space, features)
        height, width, channels = observation_space.shape
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 16, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * (height - 2) * (width - 2), features),
            nn.ReLU(),
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Features of boards [B, H, W, C]."""
        return self.layers(observations.permute(0, 3, 1, 2))


class Log(BaseCallback):
    """Notes every ``every`` agent steps the time, and every episode that ended."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self._every = every
        self._start_s = time.perf_counter()
        self._ended: list[tuple[float, int, int]] = []  # return, length, environment
        self.updates: list[dict[str, float]] = []
        self.episodes: list[dict[str, float]] = []

    def _on_step(self) -> bool:
        for row, info in enumerate(self.locals["infos"]):
            if "episode" in info:
                self._ended.append((float(info["episode"]["r"]), int(info["episode"]["l"]), row))
        if self.num_timesteps // self._every > len(self.updates):
            self.note()
        return True

    def note(self) -> None:
        """Close a row: what raylab counts as one update."""
        key = {"update": len(self.updates) + 1, "agent_steps": self.num_timesteps}
        elapsed_s = time.perf_counter() - self._start_s
        self.updates.append({**key, "wall_time_s": elapsed_s})
        for value, length, row in self._ended:
            names = {"row": row, "length_steps": length, "length_frames": length}
            self.episodes.append({**key, "episode_return": value, **names})
        self._ended = []


def main() -> None:
    options = _parser().parse_args()
    settings = json.loads(options.settings)
    torch.set_num_threads(1)
    if "MinAtar/Breakout-v1" not in gymnasium.registry:
        minatar.gym.register_envs()
    make = {"env_id": "MinAtar/Breakout-v1", "wrapper_class": gymnasium.wrappers.TimeLimit}
    make["wrapper_kwargs"] = {"max_episode_steps": options.max_episode_steps}
    envs = make_vec_env(**make, n_envs=options.num_envs, seed=options.seed)
    model = _model(options.algorithm, envs, settings, options)
    log = Log(options.record_every)
    model.learn(options.agent_steps, callback=log)
    if model.num_timesteps > log.updates[-1]["agent_steps"]:
        log.note()
    games = make_vec_env(**make, n_envs=EVALUATION_ENVS, seed=options.evaluation_seed)
    returns, lengths = evaluate_policy(
        model,
        games,
        n_eval_episodes=options.episodes,
        deterministic=False,
        return_episode_rewards=True,
    )
    content = {
        "agent_steps": model.num_timesteps,
        "updates": log.updates,
        "episodes": log.episodes,
        "evaluation": {
            "returns": [float(value) for value in returns],
            "lengths_steps": [int(length) for length in lengths],
        },
    }
    unfinished = options.result.with_suffix(".tmp")
    unfinished.write_text(json.dumps(content), encoding="utf-8")
    unfinished.replace(options.result)


def _model(algorithm: str, envs: object, settings: dict, options: argparse.Namespace) -> PPO | DQN:
    settings = dict(settings)
    network = {
        "features_extractor_class": SmallConvolution,
        "features_extractor_kwargs": {"features": options.features},
        "net_arch": [],
    }
    peak = settings.pop("learning_rate")
    shared = {"policy_kwargs": network, "seed": options.seed, "device": "cpu", **settings}
    if algorithm == "dqn":
        return DQN("MlpPolicy", envs, learning_rate=peak, **shared)
    return PPO("MlpPolicy", envs, learning_rate=lambda remaining: peak * remaining, **shared)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--algorithm", choices=("ppo", "dqn"), required=True)
    parser.add_argument("--settings", required=True, help="JSON: arguments of the algorithm")
    parser.add_argument("--num-envs", type=int, required=True)
    parser.add_argument("--features", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--agent-steps", type=int, required=True)
    parser.add_argument("--max-episode-steps", type=int, required=True)
    parser.add_argument("--record-every", type=int, required=True, help="agent steps")
    parser.add_argument("--episodes", type=int, required=True, help="of the evaluation")
    parser.add_argument("--evaluation-seed", type=int, required=True)
    parser.add_argument("--result", type=Path, required=True)
    return parser


if __name__ == "__main__":
    main()
