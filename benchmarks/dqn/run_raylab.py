"""raylab's DQN on Pong with the shared settings, as any experiment is trained.

The whole of it is measured: the supervisor, the actors, the metrics and their files. The times
are those that the run records about itself, at the end of each update.
"""

import json
import tempfile

from window import (
    BATCH_SIZE,
    CAPACITY,
    EPSILON,
    LEARNING_RATE,
    LEARNING_STARTS,
    NUM_ENVS,
    TARGET_EVERY,
    TRAIN_EVERY,
    arguments,
)

from raylab.experiment import Checkpointing, Evaluating, Experiment, Placement, Until, train
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import Atari

WARMUP_S = 12.0  # for the warm-up's agent steps, which are not learned from at first


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        experiment = Experiment(
            name="bench-dqn",
            env=Atari(game="pong", protocol="classic"),
            algorithm=DQN(
                num_envs=NUM_ENVS,
                unroll_length=32,
                train_every=TRAIN_EVERY,
                batch_size=BATCH_SIZE,
                capacity=CAPACITY,
                learning_starts=LEARNING_STARTS,
                target_every=TARGET_EVERY,
                learning_rate=LEARNING_RATE,
                initial_epsilon=EPSILON,
                final_epsilon=EPSILON,
                precision=options.precision,
            ),
            until=Until(wall_time_s=options.window_s + WARMUP_S),
            seeds=(options.seed,),
            placement=Placement(kind="inline", threads=options.threads, address="local"),
            checkpointing=Checkpointing(every_agent_steps=10_000_000, replay="never"),
            evaluation=Evaluating(episodes=0),
            runs_dir=folder,
        )
        (run,) = train(experiment)
        metrics = run.metrics().sort_values("update")
        timed = metrics[metrics["agent_steps"] >= options.warmup_steps]
        precision = run.environment["precision"]
    if len(timed) < 2:
        raise SystemExit("nothing is left of the window after the warm-up; make --window-s longer")
    agent_steps = int(timed["agent_steps"].iloc[-1] - timed["agent_steps"].iloc[0])
    elapsed = float(timed["wall_time_s"].iloc[-1] - timed["wall_time_s"].iloc[0])
    result = {
        "agent_steps_per_s": agent_steps / elapsed,
        "agent_steps": agent_steps,
        "window_s": elapsed,
        "bfloat16": float(precision == "bfloat16"),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
