"""One trainer that takes turns with others: an update for every line that it is sent.

Prints "ready" after the warm-up, and then for each line the seconds of the update.
"""

from __future__ import annotations

import argparse
import sys
import time

from raylab.rl.agent import Algorithm
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari
from raylab.rl.inline import InlineTrainer

# As in benchmarks/ppo and benchmarks/dqn: an update is 1,024 agent steps, or 64 minibatches of 32.
ALGORITHMS: dict[str, Algorithm] = {
    "ppo": PPO.atari(),
    "dqn": DQN(
        unroll_length=32,
        capacity=100_000,
        learning_starts=1_000,
        initial_epsilon=0.05,
        final_epsilon=0.05,
    ),
}
WARMUP_STEPS = 2_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--algorithm", choices=ALGORITHMS, required=True)
    algorithm = ALGORITHMS[parser.parse_args().algorithm]
    env = Atari(game="pong", protocol="classic")
    trainer = InlineTrainer(env, algorithm, seed=1, until_agent_steps=10**7, threads=2)
    while trainer.agent_steps < WARMUP_STEPS:
        trainer.update()
    print("ready", flush=True)
    for _ in sys.stdin:
        start_s = time.perf_counter()
        trainer.update()
        print(time.perf_counter() - start_s, flush=True)


if __name__ == "__main__":
    main()
