"""RLlib's PPO (new API stack) on Pong with the shared settings and the Nature CNN.

Both of its usual layouts: sampling in the algorithm's process (``--runners 0``) or in remote
runners that share the eight environments. One learner, in the algorithm's process.
"""

import argparse
import sys

import ale_py
import gymnasium
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.env.wrappers.atari_wrappers import wrap_atari_for_new_api_stack
from ray.tune.registry import register_env
from window import (
    BATCH_SIZE,
    EPOCHS,
    LEARNING_RATE,
    MINIBATCH_SIZE,
    NUM_ENVS,
    UNROLL_LENGTH,
    Window,
    arguments,
)


def make_pong(_config: dict) -> gymnasium.Env:
    gymnasium.register_envs(ale_py)
    env = gymnasium.make("ale_py:PongNoFrameskip-v4")
    return wrap_atari_for_new_api_stack(env, dim=84, frameskip=4, framestack=4)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runners", type=int, default=0)
    layout, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    options = arguments()

    torch.set_num_threads(options.threads)
    ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=2**29)
    register_env("pong", make_pong)
    config = (
        PPOConfig()
        .environment("pong")
        .env_runners(
            num_env_runners=layout.runners,
            num_envs_per_env_runner=NUM_ENVS // max(1, layout.runners),
            rollout_fragment_length=UNROLL_LENGTH,
            num_cpus_per_env_runner=1,
        )
        .learners(num_learners=0)
        .training(
            train_batch_size_per_learner=BATCH_SIZE,
            minibatch_size=MINIBATCH_SIZE,
            num_epochs=EPOCHS,
            lr=LEARNING_RATE,
            gamma=0.99,
            lambda_=0.95,
            clip_param=0.1,
            vf_clip_param=0.1,
            entropy_coeff=0.01,
            vf_loss_coeff=0.5,
            use_kl_loss=False,
            grad_clip=0.5,
            grad_clip_by="global_norm",
        )
        .rl_module(
            model_config=DefaultModelConfig(
                conv_filters=[[32, 8, 4], [64, 4, 2], [64, 3, 1]],
                conv_activation="relu",
                head_fcnet_hiddens=[512],
                head_fcnet_activation="relu",
                vf_share_layers=True,
            )
        )
        .debugging(seed=options.seed)
    )
    window = Window(options.warmup_updates, options.window_s)
    algorithm = config.build_algo()
    done = False
    while not done:
        result = algorithm.train()
        done = window.update_done()
    per_update = (
        result["env_runners"]["num_env_steps_sampled_lifetime"] / result["training_iteration"]
    )
    if not 0.9 < per_update / BATCH_SIZE < 1.1:
        raise SystemExit(f"{per_update} agent steps an update instead of {BATCH_SIZE}")
    algorithm.stop()
    ray.shutdown()
    window.print_result()


if __name__ == "__main__":
    main()
