"""DQN learns MinAtar's Breakout in a few hundred thousand agent steps."""

from raylab.experiment import Checkpointing, Evaluating, Experiment, Until
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import MinAtar

experiment = Experiment(
    name="minatar-breakout-dqn",
    env=MinAtar(game="breakout"),
    algorithm=DQN.minatar(),
    until=Until(agent_steps=1_000_000),
    checkpointing=Checkpointing(every_agent_steps=100_000),
    evaluation=Evaluating(episodes=20, random_baseline_episodes=100),
)

if __name__ == "__main__":
    experiment.main()
