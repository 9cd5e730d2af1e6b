"""The settings and the clock that both systems share: a warm-up, then a fixed window.

Standard library only: the peers' environments have no raylab. Each program of this folder is
run by bench_dqn.py with the interpreter of its system.
"""

from __future__ import annotations

import argparse
import json
import time

# Plain DQN as published, one minibatch of 32 for every 4 agent steps. Exploration is at its end
# from the start, so that acting computes the network as it does for most of a training.
NUM_ENVS = 8
TRAIN_EVERY = 4
BATCH_SIZE = 32
CAPACITY = 100_000
LEARNING_STARTS = 1_000
TARGET_EVERY = 10_000
LEARNING_RATE = 1e-4
EPSILON = 0.05


def arguments() -> argparse.Namespace:
    """The command line that every program of this folder understands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--warmup-steps", type=int, default=2_000)
    parser.add_argument("--window-s", type=float, default=40.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precision", default="auto", help="raylab's; the peers use float32")
    return parser.parse_args()


class Window:
    """Counts agent steps; the first ``warmup_steps`` fill replay and heat caches and threads."""

    def __init__(self, warmup_steps: int, window_s: float) -> None:
        self._warmup_steps = warmup_steps
        self._window_s = window_s
        self._first: int | None = None
        self._last = 0
        self._started = 0.0
        self._elapsed = 0.0

    def reached(self, agent_steps: int) -> bool:
        """Call it with the agent steps so far; True when it is time to end."""
        if agent_steps < self._warmup_steps:
            return False
        if self._first is None:
            self._first, self._started = agent_steps, time.perf_counter()
        self._last, self._elapsed = agent_steps, time.perf_counter() - self._started
        return self._elapsed >= self._window_s

    def print_result(self) -> None:
        """The line that the benchmark reads."""
        agent_steps = self._last - (self._first or 0)
        result = {
            "agent_steps_per_s": agent_steps / self._elapsed,
            "agent_steps": agent_steps,
            "window_s": self._elapsed,
        }
        print(json.dumps(result), flush=True)
