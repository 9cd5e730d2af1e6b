"""The clock that all systems share: a warm-up, then a fixed window measured at update ends.

Standard library only: the peers' environments have no raylab. Each program of this folder is
run by bench_ppo.py with the interpreter of its system.
"""

from __future__ import annotations

import argparse
import json
import time

# The settings of the comparison: those of the published Atari implementations of PPO.
NUM_ENVS = 8
UNROLL_LENGTH = 128
EPOCHS = 4
MINIBATCHES = 4
BATCH_SIZE = NUM_ENVS * UNROLL_LENGTH
MINIBATCH_SIZE = BATCH_SIZE // MINIBATCHES
LEARNING_RATE = 2.5e-4
ANNEALING_STEPS = 10_000_000  # longer than any window: the rate is never near zero


def arguments() -> argparse.Namespace:
    """The command line that every program of this folder understands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--warmup-updates", type=int, default=3)
    parser.add_argument("--window-s", type=float, default=40.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precision", default="auto", help="raylab's; the peers use float32")
    return parser.parse_args()


class Window:
    """Counts updates; the first ``warmup_updates`` only heat caches, threads and allocators."""

    def __init__(self, warmup_updates: int, window_s: float) -> None:
        self._warmup_updates = warmup_updates
        self._window_s = window_s
        self._updates = 0
        self._started = 0.0
        self._elapsed = 0.0

    def update_done(self) -> bool:
        """Call it at the end of each update (rollout and learning); True when it is time to end."""
        self._updates += 1
        if self._updates == self._warmup_updates:
            self._started = time.perf_counter()
        self._elapsed = time.perf_counter() - self._started
        return self._updates > self._warmup_updates and self._elapsed >= self._window_s

    def print_result(self) -> None:
        """The line that the benchmark reads."""
        agent_steps = (self._updates - self._warmup_updates) * BATCH_SIZE
        result = {
            "agent_steps_per_s": agent_steps / self._elapsed,
            "agent_steps": agent_steps,
            "window_s": self._elapsed,
        }
        print(json.dumps(result), flush=True)
