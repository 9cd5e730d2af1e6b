"""Stable-Baselines3's DQN on Pong with the shared settings and its usual Atari wrappers."""

import ale_py
import gymnasium
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack
from window import (
    BATCH_SIZE,
    CAPACITY,
    EPSILON,
    LEARNING_RATE,
    LEARNING_STARTS,
    NUM_ENVS,
    TARGET_EVERY,
    TRAIN_EVERY,
    Window,
    arguments,
)


class Timer(BaseCallback):
    """Ends training when the window is full; called after each step of all environments."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self._window = window

    def _on_step(self) -> bool:
        return not self._window.reached(self.num_timesteps)


def main() -> None:
    options = arguments()
    gymnasium.register_envs(ale_py)
    torch.set_num_threads(options.threads)
    envs = VecFrameStack(make_atari_env("PongNoFrameskip-v4", NUM_ENVS, options.seed), n_stack=4)
    window = Window(options.warmup_steps, options.window_s)
    model = DQN(
        "CnnPolicy",
        envs,
        learning_rate=LEARNING_RATE,
        buffer_size=CAPACITY,
        learning_starts=LEARNING_STARTS,
        batch_size=BATCH_SIZE,
        gamma=0.99,
        train_freq=1,  # a step of all environments
        gradient_steps=NUM_ENVS // TRAIN_EVERY,
        target_update_interval=TARGET_EVERY,
        exploration_initial_eps=EPSILON,
        exploration_final_eps=EPSILON,
        max_grad_norm=10.0,
        seed=options.seed,
        device="cpu",
    )
    model.learn(10_000_000, callback=Timer(window))
    window.print_result()


if __name__ == "__main__":
    main()
