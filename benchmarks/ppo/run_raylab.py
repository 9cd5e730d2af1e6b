"""raylab's PPO on Pong with the shared settings, as any experiment is trained.

The whole of it is measured: the supervisor, the actors, the metrics and their files. The times
are those that the run records about itself, at the end of each update.
"""

import json
import tempfile

from window import (
    BATCH_SIZE,
    EPOCHS,
    LEARNING_RATE,
    MINIBATCHES,
    NUM_ENVS,
    UNROLL_LENGTH,
    arguments,
)

from raylab.experiment import Evaluating, Experiment, Placement, Until, train
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        experiment = Experiment(
            name="bench-ppo",
            env=Atari(game="pong", protocol="classic"),
            algorithm=PPO(
                num_envs=NUM_ENVS,
                unroll_length=UNROLL_LENGTH,
                epochs=EPOCHS,
                minibatches=MINIBATCHES,
                learning_rate=LEARNING_RATE,
                precision=options.precision,
            ),
            # Until wants a time from the start; the warm-up is a few updates of about a second.
            until=Until(wall_time_s=options.window_s + 2.0 * options.warmup_updates),
            seeds=(options.seed,),
            placement=Placement(kind="inline", threads=options.threads, address="local"),
            evaluation=Evaluating(episodes=0),
            runs_dir=folder,
        )
        (run,) = train(experiment)
        metrics = run.metrics().sort_values("update")
        timed = metrics[metrics["update"] >= options.warmup_updates]
        precision = run.environment["precision"]
    agent_steps = int(timed["agent_steps"].iloc[-1] - timed["agent_steps"].iloc[0])
    elapsed = float(timed["wall_time_s"].iloc[-1] - timed["wall_time_s"].iloc[0])
    if agent_steps < BATCH_SIZE:
        raise SystemExit("no update fits into the window; make --window-s longer")
    inside = metrics["time/rollout_s"] + metrics["time/learn_s"]
    waited = elapsed - float(inside[metrics["update"] > timed["update"].iloc[0]].sum())
    result = {
        "agent_steps_per_s": agent_steps / elapsed,
        "agent_steps": agent_steps,
        "window_s": elapsed,
        "waiting_share": waited / elapsed,
        "bfloat16": float(precision == "bfloat16"),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
