"""Stable-Baselines3's PPO on Pong with the shared settings and its usual Atari wrappers."""

import ale_py
import gymnasium
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack
from window import (
    ANNEALING_STEPS,
    EPOCHS,
    LEARNING_RATE,
    MINIBATCH_SIZE,
    NUM_ENVS,
    UNROLL_LENGTH,
    Window,
    arguments,
)


class Timer(BaseCallback):
    """Ends training when the window is full; a rollout starts where an update has ended."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self._window = window
        self._rollouts = 0
        self._done = False

    def _on_rollout_start(self) -> None:
        self._rollouts += 1
        if self._rollouts > 1:
            self._done = self._window.update_done()

    def _on_step(self) -> bool:
        return not self._done


def main() -> None:
    options = arguments()
    gymnasium.register_envs(ale_py)
    torch.set_num_threads(options.threads)
    envs = VecFrameStack(make_atari_env("PongNoFrameskip-v4", NUM_ENVS, options.seed), n_stack=4)
    window = Window(options.warmup_updates, options.window_s)
    model = PPO(
        "CnnPolicy",
        envs,
        n_steps=UNROLL_LENGTH,
        batch_size=MINIBATCH_SIZE,
        n_epochs=EPOCHS,
        learning_rate=lambda remaining: LEARNING_RATE * remaining,
        clip_range=0.1,
        clip_range_vf=0.1,
        ent_coef=0.01,
        vf_coef=0.5,
        max_grad_norm=0.5,
        gamma=0.99,
        gae_lambda=0.95,
        seed=options.seed,
        device="cpu",
    )
    model.learn(ANNEALING_STEPS, callback=Timer(window))
    window.print_result()


if __name__ == "__main__":
    main()
