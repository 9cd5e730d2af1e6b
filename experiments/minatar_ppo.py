"""PPO learns MinAtar's Breakout: clearly above random within three minutes."""

from raylab.experiment import Checkpointing, Evaluating, Experiment, Until
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import MinAtar

experiment = Experiment(
    name="minatar-breakout-ppo",
    env=MinAtar(game="breakout"),
    algorithm=PPO.minatar(),
    until=Until(agent_steps=1_000_000),
    checkpointing=Checkpointing(every_agent_steps=100_000),
    evaluation=Evaluating(episodes=20, random_baseline_episodes=100),
)

if __name__ == "__main__":
    experiment.main()
