"""Train reinforcement-learning agents and analyse their data on one Ray cluster.

Importing :mod:`raylab` is light: Ray, torch and pandas are loaded by the parts that need them.
"""

__version__ = "0.1.0"
