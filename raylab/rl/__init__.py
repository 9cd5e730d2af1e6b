"""Reinforcement learning: environments, policies, learners and the system that runs them.

Read an algorithm top to bottom in :mod:`raylab.rl.algorithms`, the way of its data in
:mod:`raylab.rl.rollout` (environments to trajectory) and :mod:`raylab.rl.learner` (gradient to
weights), and the loop that ties them together in :mod:`raylab.rl.inline`.
"""
