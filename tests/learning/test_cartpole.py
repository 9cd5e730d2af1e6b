"""CartPole-v1 counts as solved at a mean return of 475."""

import pytest

from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.rl.evaluate import evaluate
from raylab.rl.inline import InlineTrainer

AGENT_STEPS = 100_000
SOLVED = 475


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ppo_solves_cartpole(seed):
    env = Gymnasium(id="CartPole-v1")
    trainer = InlineTrainer(env, PPO.classic_control(), seed, AGENT_STEPS, threads=1)

    scores = []
    while trainer.agent_steps < AGENT_STEPS and max(scores, default=0) < SOLVED:
        for _ in range(78):  # about 20,000 agent steps
            trainer.update()
        result = evaluate(env, trainer.policy, episodes=20, seed=1000 + seed, greedy=True)
        scores.append(result.mean)
    trainer.close()

    assert scores[-1] >= SOLVED, scores
    assert trainer.agent_steps <= AGENT_STEPS
