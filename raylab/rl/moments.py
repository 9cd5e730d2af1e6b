"""Running mean and variance, by which observations and rewards are brought to one size.

The details are those of the published PPO for continuous control (openai/baselines' VecNormalize;
details 2 to 5 of continuous action domains in Huang et al. 2022, "The 37 implementation details of
PPO"): observations minus their mean, over their standard deviation, cut off at 10; rewards over the
standard deviation of the running discounted return, not centred, cut off at 10.

Unlike there, nothing moves while an unroll is collected: the moments are part of the network,
travel with its weights, and are renewed by the learner, once for each update and from the steps of
all workers together. So acting and learning agree about an observation to the last bit, several
workers need no moments of their own, and an evaluation uses them as they are.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor, nn

from raylab.rl.trajectory import Trajectory

LIMIT: Final = 10.0
"""At which normalised observations and rewards are cut off, as published."""

_EPSILON: Final = 1e-8  # added to variances, as published


class Moments(nn.Module):
    """Count, mean and variance of all that was seen; float64, and without gradient.

    Args:
        shape: of one value.
    """

    count: Tensor  # float64 []
    mean: Tensor  # float64 [*shape]
    squares: Tensor  # float64 [*shape]  sum of the squared distances from the mean

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(shape, dtype=torch.float64))

    @property
    def variance(self) -> Tensor:
        """Of the whole population, float64 [*shape]; 1 as long as nothing was seen."""
        return torch.where(self.count > 0, self.squares / self.count.clamp(min=1.0), 1.0)

    @torch.no_grad()
    def update(self, values: np.ndarray) -> None:
        """See more values [..., *shape].

        Two sets are merged without their values (Chan, Golub and LeVeque 1983, "Algorithms for
        computing the sample variance", equation 2.1)::

            mean    = mean_a + d * n_b / n                with d = mean_b - mean_a, n = n_a + n_b
            squares = squares_a + squares_b + d^2 * n_a * n_b / n
        """
        rows = values.reshape(-1, *self.mean.shape).astype(np.float64)
        if len(rows) == 0:
            return
        mean = rows.mean(axis=0)
        squares = np.square(rows - mean).sum(axis=0)
        more = float(len(rows))
        total = self.count + more
        distance = torch.from_numpy(np.asarray(mean)).to(self.mean) - self.mean
        self.squares += torch.from_numpy(np.asarray(squares)).to(self.squares)
        self.squares += distance.square() * self.count * more / total
        self.mean += distance * more / total
        self.count.copy_(total)

    def normalized(self, values: Tensor) -> Tensor:
        """Return float32 values [B, *shape] minus the mean, over the deviation, within the limit."""
        scale = (self.variance + _EPSILON).rsqrt()
        return ((values - self.mean.float()) * scale.float()).clamp(-LIMIT, LIMIT)


def learned_rewards(
    trajectory: Trajectory, clipping: Literal["none", "sign"], returns: Moments | None
) -> np.ndarray:
    """Return what a learner sees of a trajectory's rewards, float32 [T, N].

    Args:
        trajectory: its rewards are raw.
        clipping: "sign" leaves of a reward its sign.
        returns: moments of running discounted returns, which see those of the trajectory first;
            rewards are then scaled by their deviation.
    """
    if returns is None:
        return np.sign(trajectory.rewards) if clipping == "sign" else trajectory.rewards
    returns.update(trajectory.running_returns)
    scale = 1.0 / np.sqrt(returns.variance.item() + _EPSILON)
    return np.clip(trajectory.rewards * scale, -LIMIT, LIMIT).astype(np.float32)
