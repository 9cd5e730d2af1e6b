"""MinAtar Breakout: an image game that can be learned in seconds."""

from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import MinAtar
from raylab.rl.evaluate import evaluate, random_baseline
from raylab.rl.inline import InlineTrainer

AGENT_STEPS = 120_000
TIMES_RANDOM = 6  # three seeds reached 9.5 to 12 times


def test_ppo_plays_minatar_breakout_far_better_than_chance():
    env = MinAtar(game="breakout")
    trainer = InlineTrainer(env, PPO.minatar(), 1, AGENT_STEPS, threads=1)
    while trainer.agent_steps < AGENT_STEPS:
        trainer.update()

    trained = evaluate(env, trainer.policy, episodes=40, seed=1000, greedy=False)
    random = random_baseline(env, episodes=100, seed=1000)
    trainer.close()

    assert 0.3 < random.mean < 1.0  # what random play is known to score
    assert trained.mean > TIMES_RANDOM * random.mean
