"""Learning MinAtar Breakout: PPO and DQN of raylab and of Stable-Baselines3, on the same budget.

    python -m benchmarks.learn_minatar              train what is missing, then report
    python -m benchmarks.learn_minatar --jobs 2     two seeds at a time, a thread each
    python -m benchmarks.learn_minatar --algorithms ppo dqn-single      what both systems have

Every (system, algorithm, seed) is a process of its own, one thread, and a run's folder below
``--folder``; what is there and has ended is not trained again, and raylab's go on from their last
checkpoint. ``benchmarks/minatar/contenders.py`` says who learns by which settings, and where the
two systems differ. Evaluated is the policy as it trains (PPO samples, DQN takes a random action in
one of twenty cases) in 100 games of their own, with seeds that follow from the run's. What comes
out: ``<out>/learn_minatar.json``, and ``learn_minatar.md``, the table of ``raylab report``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import RESULTS, ROOT, Result, Row, installed_versions
from benchmarks.minatar.contenders import (
    ENV,
    EPISODES,
    FEATURES,
    PEER,
    RAYLAB,
    experiment_of,
    peer_settings,
    record_every,
)
from benchmarks.minatar.foreign import is_finished, write_foreign_run
from benchmarks.peers import peer_python, peer_versions
from raylab.analysis.report import Report, make_report
from raylab.experiment import codec, files
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.roles.evaluator import evaluation_seed

REQUIREMENTS = (
    "stable-baselines3==2.9.2",
    "torch==2.13.0",
    "gymnasium==1.4.0",
    "MinAtar==1.0.15",
)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Unit:
    """One training: who, by what, with which seed, how long."""

    system: str  # "raylab" or "sb3"
    algorithm: str
    seed: int
    agent_steps: int
    folder: Path

    @property
    def path(self) -> Path:
        """Folder of its run."""
        return self.experiment_folder / str(self.seed)

    @property
    def experiment_folder(self) -> Path:
        """Folder of the run and of those with other seeds."""
        if self.system == "raylab":
            return experiment_of(self.algorithm, self.agent_steps, str(self.folder)).folder
        return self.folder / PEER[self.algorithm]


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing, report, write ``<out>/learn_minatar.json`` and ``.md``."""
    options = _parser().parse_args(argv)
    # The length decides the learning rates: runs of another length are other runs.
    folder = (options.folder / f"{options.steps}-agent-steps").resolve()
    files.make_folder(folder)
    units = [
        Unit(system, algorithm, seed, options.steps, folder)
        for seed in range(1, options.seeds + 1)  # seed by seed: an interrupted comparison is even
        for algorithm in options.algorithms
        for system in ("raylab", "sb3")
        if system == "raylab" or algorithm in PEER
    ]
    python = peer_python("sb3-minatar", REQUIREMENTS)
    theirs = peer_versions(python, [name.partition("==")[0] for name in REQUIREMENTS])
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda unit: _train(unit, python, theirs), units))
    systems = {unit.experiment_folder: (unit.system, unit.algorithm) for unit in units}
    report = make_report(list(systems), folder / "report")
    table = report.table.read_text(encoding="utf-8")
    files.make_folder(options.out)
    (options.out / "learn_minatar.md").write_text(table, encoding="utf-8")
    print(table)
    by_name = {path.name: system for path, system in systems.items()}
    print(_result(report, by_name, options.steps, theirs).write(options.out))


def _train(unit: Unit, python: Path, versions: dict[str, str]) -> None:
    """Train a unit in a process of its own, unless it has ended already."""
    if is_finished(unit.path):
        return
    start_s = time.perf_counter()
    log = unit.folder / f"{unit.system}-{unit.algorithm}-{unit.seed}.log"
    train = _train_raylab if unit.system == "raylab" else _train_peer
    with log.open("a", encoding="utf-8") as output:
        train(unit, python, versions, output.fileno())
    took_s = time.perf_counter() - start_s
    print(f"{unit.system} {unit.algorithm}, seed {unit.seed}: {took_s:.0f} s", flush=True)


def _train_raylab(unit: Unit, _: Path, __: dict[str, str], output: int) -> None:
    experiment = experiment_of(unit.algorithm, unit.agent_steps, str(unit.folder))
    config = unit.folder / f"{experiment.name}-{unit.seed}.json"
    files.write_json(config, experiment.to_json())
    command = [sys.executable, "-m", "raylab.cli", "train", str(config), "--seeds", str(unit.seed)]
    _run(command, output)


def _train_peer(unit: Unit, python: Path, versions: dict[str, str], output: int) -> None:
    config = _config(unit.algorithm)
    settings = peer_settings(config, unit.agent_steps)
    kind = "ppo" if isinstance(config, PPO) else "dqn"
    result = unit.folder / f"{unit.system}-{unit.algorithm}-{unit.seed}.result.json"
    arguments = {
        "--algorithm": kind,
        "--settings": json.dumps(settings),
        "--num-envs": config.num_envs,
        "--features": FEATURES,
        "--seed": unit.seed,
        "--agent-steps": unit.agent_steps,
        "--max-episode-steps": ENV.max_episode_steps,
        "--record-every": record_every(config),
        "--episodes": EPISODES,
        "--evaluation-seed": evaluation_seed(unit.seed),
        "--result": result,
    }
    program = ROOT / "benchmarks" / "minatar" / "run_sb3.py"
    words = [str(word) for pair in arguments.items() for word in pair]
    _run([str(python), str(program), *words], output)
    write_foreign_run(
        unit.path,
        files.read_json(result, "remove it, and run the benchmark again"),
        env=ENV,
        algorithm={"kind": f"Stable-Baselines3 {kind.upper()}", **settings},
        versions=versions,
        evaluation_seed=evaluation_seed(unit.seed),
    )


def _run(command: list[str], output: int) -> None:
    environment = {**os.environ, **_ONE_THREAD}
    subprocess.run(
        command, check=True, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
    )


def _result(
    report: Report, systems: dict[str, tuple[str, str]], agent_steps: int, theirs: dict[str, str]
) -> Result:
    """The report's figures in the common shape.

    Args:
        report: of all experiments.
        systems: experiment's folder to system and algorithm.
        agent_steps: trained by each.
        theirs: versions of the peer's environment.
    """
    rows: list[Row] = []
    intervals: dict[str, list[float]] = {}
    scores: dict[tuple[str, str], float] = {}
    by_seed: dict[str, list[float]] = {}
    for experiment in report.experiments:
        system, algorithm = systems[experiment.experiment_id]
        label = f"{system}, {algorithm}"
        n = len(experiment.seeds)
        for metric, found in (
            (
                f"interquartile mean over seeds of {EPISODES} evaluation games",
                experiment.evaluation,
            ),
            (
                "interquartile mean over seeds of the last 100 training games",
                experiment.last_return,
            ),
        ):
            if found is None:  # too short a training for one game to end
                continue
            rows.append(Row(system=label, metric=metric, value=found.value, unit="points", n=n))
            if math.isfinite(found.low):
                intervals[f"{label}: {metric}"] = [found.low, found.high]
        if experiment.evaluation is not None:
            scores[system, algorithm] = experiment.evaluation.value
        by_seed[label] = [seed.evaluations[-1].mean for seed in experiment.seeds]
        speed = {"metric": "agent steps per second, median over seeds", "unit": "1/s"}
        rows.append(Row(system=label, value=experiment.steps_per_s, n=n, **speed))
    random = [e.random_baseline for e in report.experiments if math.isfinite(e.random_baseline)]
    return Result(
        name="learn_minatar",
        rows=tuple(rows),
        ratios={
            f"{system}, {algorithm}": scores["raylab", algorithm] / score
            for (system, algorithm), score in scores.items()
            if system != "raylab" and score > 0.0 < scores["raylab", algorithm]
        },
        versions=installed_versions(["raylab-platform", "torch", "MinAtar", "ray"])
        | {f"sb3: {name}": version for name, version in theirs.items()},
        settings={
            "environment": ENV.record(),
            "agent_steps": agent_steps,
            "evaluated": f"{EPISODES} games a seed by the policy as it trains, not greedy",
            "interval_95": intervals,
            "evaluation_by_seed": by_seed,
            "random_policy": statistics.fmean(random),
            "algorithms": {
                name: codec.to_json(experiment.algorithm) for name, experiment in RAYLAB.items()
            },
            "peer_algorithms": {name: peer_settings(_config(name), agent_steps) for name in PEER},
            "rates": "of one thread, on a machine that others used too: no comparison of speed",
        },
    )


def _config(algorithm: str) -> PPO | DQN:
    config = RAYLAB[algorithm].algorithm
    assert isinstance(config, PPO | DQN)
    return config


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 1 on")
    parser.add_argument("--steps", type=int, default=300_000, help="agent steps of a training")
    parser.add_argument("--algorithms", nargs="+", choices=RAYLAB, default=list(RAYLAB))
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, a thread each")
    parser.add_argument("--folder", type=Path, default=Path("runs/learn-minatar"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
