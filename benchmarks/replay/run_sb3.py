"""Stable-Baselines3's replay buffer, default and with optimised memory."""

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from window import BATCH_SIZE, EPISODE_STEPS, NUM_ENVS, arguments, print_result, rate

SHAPE = (4, 84, 84)


def filled(capacity: int, seed: int, *, optimised: bool) -> ReplayBuffer:
    buffer = ReplayBuffer(
        capacity,
        spaces.Box(0, 255, SHAPE, np.uint8),
        spaces.Discrete(6),
        device="cpu",
        n_envs=NUM_ENVS,
        optimize_memory_usage=optimised,
        handle_timeout_termination=False,
    )
    rng = np.random.default_rng(seed)
    pool = rng.integers(256, size=(64, NUM_ENVS, *SHAPE), dtype=np.uint8)
    for t in range(capacity // NUM_ENVS):
        over = np.full(NUM_ENVS, (t + 1) % EPISODE_STEPS == 0)
        rewards = rng.integers(-1, 2, NUM_ENVS).astype(np.float32)
        actions = rng.integers(6, size=(NUM_ENVS, 1))
        buffer.add(pool[t % 64], pool[(t + 1) % 64], actions, rewards, over, [{}] * NUM_ENVS)
    return buffer


def nbytes(buffer: ReplayBuffer) -> int:
    arrays = [value for value in vars(buffer).values() if isinstance(value, np.ndarray)]
    return sum(array.nbytes for array in arrays)


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    np.random.seed(options.seed)  # noqa: NPY002 - what the buffer draws with
    default = filled(options.capacity, options.seed, optimised=False)
    default_bytes = nbytes(default) / options.capacity
    default_rate = rate(lambda: default.sample(BATCH_SIZE), options.window_s)

    optimised = filled(options.capacity, options.seed, optimised=True)
    print_result(
        bytes_per_transition=default_bytes,
        uniform_per_s=default_rate,
        optimised_bytes_per_transition=nbytes(optimised) / options.capacity,
        optimised_uniform_per_s=rate(lambda: optimised.sample(BATCH_SIZE), options.window_s),
    )


if __name__ == "__main__":
    main()
