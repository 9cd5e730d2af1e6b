"""Learning algorithms, one file each: configuration, loss, update."""

from raylab.rl.algorithms.appo import APPO
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO

AlgorithmConfig = PPO | APPO | DQN
"""The algorithm of an experiment: the union of all configurations."""
