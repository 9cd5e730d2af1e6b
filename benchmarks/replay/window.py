"""The settings and the clocks that all replays share; standard library and numpy only.

Each program of this folder fills a replay with agent steps of an imaginary Atari game, draws
batches for a fixed time, and prints what it measured; run by bench_replay.py with the interpreter
of its system.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

NUM_ENVS = 8
BATCH_SIZE = 32
EPISODE_STEPS = 500
PRIORITY_EXPONENT, IMPORTANCE_EXPONENT = 0.6, 0.4


def arguments() -> argparse.Namespace:
    """The command line that every program of this folder understands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--capacity", type=int, default=50_000, help="agent steps; all are filled")
    parser.add_argument("--window-s", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def rate(draw: Callable[[], object], window_s: float) -> float:
    """Transitions a second that a function draws, BATCH_SIZE a call, after a short warm-up."""
    for _ in range(20):
        draw()
    calls, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < window_s:
        draw()
        calls += 1
    return calls * BATCH_SIZE / elapsed


def print_result(**metrics: float) -> None:
    """The line that the benchmark reads."""
    print(json.dumps(metrics), flush=True)
