"""The optimizer: rules that give a plan with the same value and less work."""

from raylab.frame.optimizer.pipeline import optimize

__all__ = ["optimize"]
