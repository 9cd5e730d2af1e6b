"""raylab's replay: single frames in the network's layout, uniform and prioritized.

What is drawn are windows of five frames, ``uint8 [32, 5, 21, 21, 16]``, which hold both observations.
The pass that brings them into the network's layout, ``[32, 21, 21, 64]`` each, is timed on top of it
(``laid_out_per_s``); the peers leave theirs to the network.
"""

import numpy as np
import torch
from window import (
    BATCH_SIZE,
    EPISODE_STEPS,
    IMPORTANCE_EXPONENT,
    NUM_ENVS,
    PRIORITY_EXPONENT,
    arguments,
    print_result,
    rate,
)

from raylab.rl.envs import Episode, Step
from raylab.rl.replay import Replay, ReplaySpec

STORED = (21, 21, 64)


def filled(capacity: int, seed: int, *, prioritized: bool) -> Replay:
    replay = Replay(
        ReplaySpec(
            num_envs=NUM_ENVS,
            capacity=capacity,
            stored_shape=STORED,
            stored_dtype=np.dtype(np.uint8),
            stack=4,
            num_actions=6,
            n_step=1,
            discount=0.99,
            sign_rewards=True,
            prioritized=prioritized,
        )
    )
    rng = np.random.default_rng(seed)
    pool = rng.integers(256, size=(64, NUM_ENVS, *STORED), dtype=np.uint8)
    nothing, none = np.zeros((0, *STORED), np.uint8), np.zeros(0, np.int64)
    replay.begin(pool[0])
    for t in range(1, capacity // NUM_ENVS + 1):
        over = np.full(NUM_ENVS, t % EPISODE_STEPS == 0)
        games = tuple(Episode(row, 0.0, EPISODE_STEPS, 0) for row in np.flatnonzero(over))
        stored = pool[t % 64]
        step = Step(
            stored,
            rng.integers(-1, 2, NUM_ENVS).astype(np.float32),
            over,
            ~over & False,
            nothing,
            none,
            games,
        )
        replay.add(rng.integers(6, size=NUM_ENVS), step, stored, nothing)
    return replay


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    uniform = filled(options.capacity, options.seed, prioritized=False)
    bytes_each = uniform.nbytes / options.capacity
    uniform_rate = rate(lambda: uniform.sample(BATCH_SIZE, generator), options.window_s)

    laid_out_rate = rate(
        lambda: uniform.sample(BATCH_SIZE, generator).observations(), options.window_s
    )
    prioritized = filled(options.capacity, options.seed, prioritized=True)

    def draw_and_update() -> None:
        sample = prioritized.sample(BATCH_SIZE, generator)
        sample.importance_weights(IMPORTANCE_EXPONENT)
        prioritized.set_masses(sample.keys, rng.random(BATCH_SIZE) ** PRIORITY_EXPONENT)

    print_result(
        bytes_per_transition=bytes_each,
        uniform_per_s=uniform_rate,
        laid_out_per_s=laid_out_rate,
        prioritized_per_s=rate(draw_and_update, options.window_s),
    )


if __name__ == "__main__":
    main()
