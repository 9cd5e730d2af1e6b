"""CartPole by APPO: a rollout worker and a learner that do not wait for each other."""

from raylab.experiment import Evaluating, Experiment, Until
from raylab.rl.algorithms.appo import APPO
from raylab.rl.envs import Gymnasium

experiment = Experiment(
    name="cartpole-appo",
    env=Gymnasium(id="CartPole-v1"),
    algorithm=APPO.classic_control(),
    until=Until(agent_steps=100_000),
    evaluation=Evaluating(episodes=20, greedy=True),
)

if __name__ == "__main__":
    experiment.main()
