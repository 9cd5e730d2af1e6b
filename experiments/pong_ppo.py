"""PPO learns Pong under the usual protocol without sticky actions: about 20 of 21 points."""

from raylab.experiment import Checkpointing, Evaluating, Experiment, Until
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari

experiment = Experiment(
    name="pong-ppo",
    env=Atari(game="pong", protocol="classic"),
    algorithm=PPO.atari(),
    until=Until(agent_steps=10_000_000),
    checkpointing=Checkpointing(every_agent_steps=100_000),
    evaluation=Evaluating(episodes=20, every_agent_steps=1_000_000, random_baseline_episodes=10),
)

if __name__ == "__main__":
    experiment.main()
