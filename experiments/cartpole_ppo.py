"""PPO balances a pole: 475 of 500 within 100,000 agent steps, in less than a minute."""

from raylab.experiment import Checkpointing, Evaluating, Experiment, Placement, Until
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium

experiment = Experiment(
    name="cartpole-ppo",
    env=Gymnasium(id="CartPole-v1"),
    algorithm=PPO.classic_control(),
    until=Until(agent_steps=100_000),
    placement=Placement(threads=1),  # the network is too small to share
    checkpointing=Checkpointing(every_agent_steps=20_000),
    evaluation=Evaluating(episodes=20, greedy=True),
)

if __name__ == "__main__":
    experiment.main()
