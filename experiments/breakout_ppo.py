"""PPO learns Breakout: twice the random score within minutes, hundreds of points by morning."""

from raylab.experiment import Checkpointing, Evaluating, Experiment, Until
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari

experiment = Experiment(
    name="breakout-ppo",
    env=Atari(game="breakout", protocol="classic"),
    algorithm=PPO.atari(),
    until=Until(agent_steps=10_000_000),
    checkpointing=Checkpointing(every_agent_steps=100_000),
    evaluation=Evaluating(episodes=10, every_agent_steps=1_000_000, random_baseline_episodes=20),
)

if __name__ == "__main__":
    experiment.main()
