"""DQN learns Pong in few agent steps: 3-step returns, double, dueling, 32 samples a step."""

from raylab.experiment import Checkpointing, Evaluating, Experiment, Until
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import Atari

experiment = Experiment(
    name="pong-dqn",
    env=Atari(game="pong", protocol="classic"),
    algorithm=DQN.sample_efficient(),
    until=Until(agent_steps=2_000_000),
    checkpointing=Checkpointing(every_agent_steps=50_000),
    evaluation=Evaluating(episodes=20, every_agent_steps=500_000, random_baseline_episodes=10),
)

if __name__ == "__main__":
    experiment.main()
