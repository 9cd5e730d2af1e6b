"""Pendulum-v1: continuous control, whose observations and rewards want to be normalised."""

from dataclasses import replace

import pytest

from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.rl.evaluate import evaluate, random_baseline
from raylab.rl.inline import InlineTrainer


@pytest.mark.slow
def test_pendulum_swings_up_and_stays():
    env = Gymnasium(id="Pendulum-v1")
    # RL Zoo's discount and learning rate for Pendulum; the rest is published for continuous control.
    algorithm = replace(PPO.continuous_control(), discount=0.9, learning_rate=1e-3)
    trainer = InlineTrainer(env, algorithm, 1, 150_000, threads=1)
    while trainer.agent_steps < 150_000:
        trainer.update()

    result = evaluate(env, trainer.policy, episodes=20, seed=1000)
    random = random_baseline(env, episodes=20, seed=1000)
    trainer.close()

    assert random.mean < -1000
    assert result.mean > -250  # -150 is as good as it gets
