"""What bfloat16 costs in learning: PPO on MinAtar Breakout, 5 seeds in each precision.

    python -m benchmarks.compare_precision            train what is missing, then compare

The two differ in the precision of the network's body and in nothing else: the same seeds,
the same environments, one thread. MinAtar's small network is no faster in bfloat16 (so ``auto``
never takes it there), but it shows in minutes whether the rounding hurts what is learned. Every
finished seed is kept in ``--folder``; what is interrupted is continued from there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.common import RESULTS, Result, Row, installed_versions
from raylab.analysis.statistics import stratified_bootstrap
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import MinAtar
from raylab.rl.evaluate import evaluate, random_baseline
from raylab.rl.inline import InlineTrainer

ENV: Final = MinAtar(game="breakout")
PRECISIONS: Final = ("float32", "bfloat16")
EPISODES: Final = 100
EVALUATION_SEED: Final = 1_000_000


def main(argv: Sequence[str] | None = None) -> None:
    """Train and evaluate every seed that is missing, write ``<out>/compare_precision.json``."""
    options = _parser().parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    scores: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for seed in range(1, options.seeds + 1):
        for precision in PRECISIONS:
            kept = options.folder / f"{precision}-{seed}-{options.agent_steps}.json"
            if not kept.exists():
                finished = json.dumps(_trained(precision, seed, options.agent_steps))
                kept.write_text(finished, encoding="utf-8")
            score = json.loads(kept.read_text(encoding="utf-8"))["mean"]
            print(f"{precision}, seed {seed}: {score:.2f}", flush=True)
            scores[precision].append(score)
    print(_result(scores, options.agent_steps).write(options.out))


def _trained(precision: str, seed: int, agent_steps: int) -> dict[str, Any]:
    algorithm = replace(PPO.minatar(), precision=precision)
    trainer = InlineTrainer(ENV, algorithm, seed, agent_steps, threads=1)
    start_s = time.perf_counter()
    while trainer.agent_steps < agent_steps:
        trainer.update()
    elapsed_s = time.perf_counter() - start_s
    played = evaluate(
        ENV, trainer.policy, episodes=EPISODES, seed=EVALUATION_SEED, greedy=False, threads=1
    )
    trainer.close()
    return {"mean": played.mean, "elapsed_s": elapsed_s}


def _result(scores: dict[str, list[float]], agent_steps: int) -> Result:
    estimates = {precision: stratified_bootstrap([found]) for precision, found in scores.items()}
    random = random_baseline(ENV, episodes=EPISODES, seed=EVALUATION_SEED, threads=1)
    rows = [
        Row(
            system=f"raylab, {precision}",
            metric=f"interquartile mean over seeds of the return after {agent_steps} agent steps",
            value=estimate.value,
            unit="points",
            n=estimate.n,
        )
        for precision, estimate in estimates.items()
    ]
    return Result(
        name="compare_precision",
        rows=tuple(rows),
        ratios={"float32": estimates["bfloat16"].value / estimates["float32"].value},
        versions=installed_versions(["raylab-platform", "torch", "MinAtar"]),
        settings={
            "environment": ENV.record(),
            "algorithm": "PPO.minatar(), one thread",
            "agent_steps": agent_steps,
            "scores": f"mean return of {EPISODES} games by the sampled policy, a seed",
            "scores_by_seed": scores,
            "interval_95": {name: [each.low, each.high] for name, each in estimates.items()},
            "random_policy": random.mean,
        },
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--agent-steps", type=int, default=300_000)
    parser.add_argument("--folder", type=Path, default=Path("runs/compare-precision"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
