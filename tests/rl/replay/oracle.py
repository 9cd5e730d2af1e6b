"""A replay in straight lines: every agent step as a dictionary, stacks kept whole."""

import numpy as np


class History:
    """What every environment saw and did, from its first observation on."""

    def __init__(self, first):
        self.steps = [[] for _ in first]  # of each row
        self._last = first.copy()

    def add(self, actions, step):
        finals = dict(zip(step.truncated_rows, step.final_observations, strict=True))
        for row, action in enumerate(actions):
            after = finals.get(row, step.observations[row])
            self.steps[row].append(
                {
                    "observation": self._last[row].copy(),
                    "action": int(action),
                    "reward": float(step.rewards[row]),
                    "terminated": bool(step.terminated[row]),
                    "truncated": bool(step.truncated[row]),
                    "after": after.copy(),
                }
            )
        self._last = step.observations.copy()

    def transition(self, row, t, n, discount, sign):
        """(return, discount of the next value, next observation or None) of step t."""
        total, factor = 0.0, 1.0
        for entry in self.steps[row][t : t + n]:
            reward = np.sign(entry["reward"]) if sign else entry["reward"]
            total += factor * reward
            factor *= discount
            if entry["terminated"]:
                return total, 0.0, None
            if entry["truncated"]:
                break
        return total, factor, entry["after"]
