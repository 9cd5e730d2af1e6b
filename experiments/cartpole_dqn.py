"""DQN balances a pole within 50,000 agent steps, in less than a minute."""

from raylab.experiment import Checkpointing, Evaluating, Experiment, Placement, Until
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import Gymnasium

experiment = Experiment(
    name="cartpole-dqn",
    env=Gymnasium(id="CartPole-v1"),
    algorithm=DQN.classic_control(),
    until=Until(agent_steps=50_000),
    placement=Placement(threads=1),  # the network is too small to share
    checkpointing=Checkpointing(every_agent_steps=10_000),
    evaluation=Evaluating(episodes=20, greedy=True),
)

if __name__ == "__main__":
    experiment.main()
