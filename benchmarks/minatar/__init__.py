"""MinAtar Breakout learned by raylab and by Stable-Baselines3."""
