"""Learning Pong: the score of an evaluation, and the agent steps and wall time that it took.

    python -m benchmarks.learn_pong                 train PPO (or continue), then evaluate
    python -m benchmarks.learn_pong dqn             the same by DQN
    python -m benchmarks.learn_pong --run <folder>  evaluate a run that is there

PPO has the settings of ``experiments/pong_ppo.py`` (the published ones) but for a larger learning
rate and a shorter schedule; it stops early when the mean return of the last 100 episodes reaches
19.5. DQN has those of ``experiments/pong_dqn.py`` but for half as many channels and features, half
as many samples for each step, less exploration, one thread, and a learning rate that begins at
twice theirs and falls to a twentieth of that. The protocol is ``classic``: no sticky actions, minimal
action set. A run that was stopped or killed goes on with the same command.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, Result, Row, installed_versions
from experiments.pong_dqn import experiment as dqn
from experiments.pong_ppo import experiment as published
from raylab.experiment import Experiment, Placement, Run, Until, train
from raylab.experiment.evaluation import evaluate_run
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.networks import NetworkConfig

LEARNING_RATE = 4e-4
PPO_UNTIL = Until(agent_steps=4_000_000, episode_return=19.5)
DQN_UNTIL = Until(agent_steps=600_000)
EPISODES = 20
NAMES = {"ppo": "learn_pong", "dqn": "learn_pong_dqn"}


def main(argv: Sequence[str] | None = None) -> None:
    """Train unless a run is given, evaluate it, write ``<out>/learn_pong[_dqn].json``."""
    options = _parser().parse_args(argv)
    if options.run:
        run = Run.open(options.run)
    else:
        run = train(replace(_experiment(options.algorithm), runs_dir=options.runs_dir))[0]
    evaluations = {
        policy: evaluate_run(run, episodes=EPISODES, greedy=policy == "greedy", threads=1)
        for policy in ("greedy", "sampled")
    }
    name = NAMES[type(run.experiment.algorithm).__name__.lower()]
    print(_result(name, run, evaluations).write(options.out))
    for policy, evaluation in evaluations.items():
        print(f"{policy}: {evaluation['mean']:.2f} over {EPISODES} games")


def _experiment(algorithm: str) -> Experiment:
    if algorithm == "dqn":
        assert isinstance(dqn.algorithm, DQN)
        cheaper = replace(
            dqn.algorithm,
            train_every=4,
            learning_rate=2e-4,
            final_learning_rate=1e-5,
            annealing_steps=500_000,
            exploration_steps=50_000,
            network=NetworkConfig(channels=(16, 32, 32), features=256),
        )
        return replace(
            dqn,
            algorithm=cheaper,
            placement=Placement(kind="inline", threads=1, evaluator=False, address="local"),
            until=DQN_UNTIL,
        )
    faster = replace(published.algorithm, learning_rate=LEARNING_RATE)
    return replace(published, algorithm=faster, until=PPO_UNTIL)


def _result(name: str, run: Run, evaluations: dict[str, dict[str, Any]]) -> Result:
    status, experiment = run.status, run.experiment
    configuration = {k: v for k, v in experiment.to_json().items() if k != "runs_dir"}
    rows = [
        Row(
            system="raylab",
            metric=f"mean return of {EPISODES} evaluation games, {policy} policy",
            value=evaluation["mean"],
            unit="points",
            n=EPISODES,
        )
        for policy, evaluation in evaluations.items()
    ]
    trained = evaluations["greedy"]["agent_steps"]
    for metric, value, unit in (
        ("agent steps trained", trained, "agent steps"),
        ("frames trained", trained * experiment.env.frames_per_step, "frames"),
        ("wall time of training", status["wall_time_s"], "s"),
        ("mean return of the last 100 training episodes", status["episode_return"], "points"),
    ):
        rows.append(Row(system="raylab", metric=metric, value=value, unit=unit, n=1))
    return Result(
        name=name,
        rows=tuple(rows),
        ratios={},
        versions=installed_versions(["raylab-platform", "torch", "ale-py", "gymnasium", "ray"]),
        settings={
            "experiment": configuration,
            "protocol": experiment.env.record(),
            "attempts": status["attempt"],
            "exact": status["exact"],
            "weight_hash": evaluations["greedy"]["weight_hash"],
            "returns": {policy: found["returns"] for policy, found in evaluations.items()},
            "std": {
                policy: statistics.pstdev(found["returns"]) for policy, found in evaluations.items()
            },
        },
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("algorithm", nargs="?", choices=NAMES, default="ppo")
    parser.add_argument("--run", type=Path, help="a run's folder, instead of training one")
    parser.add_argument("--runs-dir", default="runs", help="where the run is kept")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
