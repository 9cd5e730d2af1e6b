"""MinAtar Breakout: an image game that can be learned in seconds."""

import pytest

from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import MinAtar
from raylab.rl.evaluate import evaluate, random_baseline
from raylab.rl.inline import InlineTrainer


@pytest.mark.parametrize(
    ("algorithm", "agent_steps", "times_random"),
    [
        # Three seeds reached 9.5 to 12 times.
        pytest.param(PPO.minatar(), 120_000, 6, id="ppo"),
        # One seed scored 5.5 after 50,000 agent steps.
        pytest.param(DQN.minatar(), 50_000, 5, id="dqn", marks=pytest.mark.slow),
    ],
)
def test_minatar_breakout_is_played_far_better_than_chance(algorithm, agent_steps, times_random):
    env = MinAtar(game="breakout")
    trainer = InlineTrainer(env, algorithm, 1, agent_steps, threads=1)
    while trainer.agent_steps < agent_steps:
        trainer.update()

    trained = evaluate(env, trainer.policy, episodes=40, seed=1000, greedy=False)
    random = random_baseline(env, episodes=100, seed=1000)
    trainer.close()

    assert 0.3 < random.mean < 1.0  # what random play is known to score
    assert trained.mean > times_random * random.mean
