"""One line a seed and one line an experiment: what a report's tables say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any

import raylab.frame as pd
from raylab.analysis.curves import last_return, smoothed_returns
from raylab.analysis.records import Evaluation, Json, RunRecord
from raylab.analysis.statistics import Estimate, stratified_bootstrap

_BACKENDS = {"atari": "Atari", "minatar": "MinAtar"}


@dataclass(frozen=True)
class SeedSummary:
    """What one run reached."""

    run: RunRecord
    updates: int
    attempts: int
    agent_steps: int
    frames: int
    wall_time_s: float
    episodes: int
    last_return: float  # mean raw return of the last 100 episodes; NaN without an episode
    best_return: float  # highest such mean during training
    steps_per_s: float
    evaluations: tuple[Evaluation, ...]  # of the agent, by agent steps
    random_baseline: Evaluation | None


@dataclass(frozen=True)
class ExperimentSummary:
    """What the seeds of one experiment reached together."""

    experiment_id: str
    label: str  # what tables and plots call it: its id, or what distinguishes it in a sweep
    name: str
    environment: str  # such as "Atari pong"; experiments with the same one are compared
    protocol: str  # such as "machado: sticky 0.25, 4 frames a step"
    algorithm: str
    seeds: tuple[SeedSummary, ...]
    last_return: Estimate | None
    evaluation: Estimate | None  # of the newest evaluation of each seed
    random_baseline: float  # NaN when none was measured

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """The run of each seed."""
        return tuple(seed.run for seed in self.seeds)

    @property
    def newest_video(self) -> Path | None:
        """Last video of the seed that trained furthest; None when there is none."""
        filmed = [seed for seed in self.seeds if seed.run.videos]
        return max(filmed, key=lambda seed: seed.agent_steps).run.videos[-1] if filmed else None

    @property
    def steps_per_s(self) -> float:
        """Median agent steps per second over the seeds."""
        speeds = sorted(seed.steps_per_s for seed in self.seeds if isfinite(seed.steps_per_s))
        return float(pd.Series(speeds).median()) if speeds else nan


def summarise(
    runs: Sequence[RunRecord], labels: Mapping[str, str] | None = None
) -> list[ExperimentSummary]:
    """Group runs by experiment folder and summarise each group, in the order given.

    Args:
        runs: of any experiments.
        labels: by experiment id; what is not named is called by its id.
    """
    totals = _totals(runs)
    experiments: dict[Path, list[RunRecord]] = {}
    for run in runs:
        experiments.setdefault(run.path.resolve().parent, []).append(run)
    return [_summarise_experiment(group, totals, labels or {}) for group in experiments.values()]


def describe_environment(environment: Json) -> str:
    """Name an environment by its record: ``Atari pong``, ``CartPole-v1``."""
    if "id" in environment:
        return str(environment["id"])
    backend = str(environment.get("backend", environment.get("kind", "")))
    game = str(environment.get("game", "unknown environment"))
    return f"{_BACKENDS.get(backend, backend)} {game}".strip()


def describe_protocol(environment: Json) -> str:
    """Say what a score depends on: protocol name, sticky actions, frames a step, life loss."""
    parts = []
    name = environment.get("protocol")
    sticky = environment.get("sticky_actions")
    if sticky is not None:
        parts.append(f"sticky {sticky}" if sticky else "no sticky actions")
    skip = environment.get("frames_per_step", environment.get("frame_skip"))
    if skip is not None:
        parts.append(f"{skip} frames a step" if skip != 1 else "1 frame a step")
    if environment.get("life_loss_terminates"):
        parts.append("life loss ends the return")
    if environment.get("full_action_set"):
        parts.append("full action set")
    limit = environment.get("max_episode_steps")
    if limit is not None:
        parts.append(f"at most {limit} steps")
    text = ", ".join(parts)
    if name and (departures := environment.get("departures")):
        name = f"{name} except {', '.join(map(str, departures)).replace('_', ' ')}"
    if name and text:
        return f"{name}: {text}"
    return str(name or text or "as registered")


def _totals(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """Counters of every run, by its path."""
    columns = ["attempt", "update", "agent_steps", "frames", "wall_time_s"]
    rows = pd.concat([run.metrics[columns].assign(run=str(run.path)) for run in runs])
    totals: pd.DataFrame = rows.groupby("run").agg(
        updates=("update", "count"),
        attempts=("attempt", "max"),
        agent_steps=("agent_steps", "max"),
        frames=("frames", "max"),
        wall_time_s=("wall_time_s", "max"),
    )
    return totals


def _summarise_experiment(
    runs: list[RunRecord], totals: pd.DataFrame, labels: Mapping[str, str]
) -> ExperimentSummary:
    config = next((run.config for run in runs if run.config), {})
    environment = _environment_of(runs)
    seeds = tuple(_summarise_seed(run, totals) for run in runs)
    baselines = [seed.random_baseline.mean for seed in seeds if seed.random_baseline]
    newest = [seed.evaluations[-1].mean for seed in seeds if seed.evaluations]
    return ExperimentSummary(
        experiment_id=runs[0].experiment_id,
        label=labels.get(runs[0].experiment_id, runs[0].experiment_id),
        name=str(config.get("name", runs[0].experiment_id)),
        environment=describe_environment(environment),
        protocol=describe_protocol(environment),
        algorithm=_algorithm_of(config),
        seeds=seeds,
        last_return=_estimate([seed.last_return for seed in seeds]),
        evaluation=_estimate(newest),
        random_baseline=sum(baselines) / len(baselines) if baselines else nan,
    )


def _summarise_seed(run: RunRecord, totals: pd.DataFrame) -> SeedSummary:
    name = str(run.path)
    counters: dict[Any, Any] = totals.loc[name].to_dict() if name in totals.index else {}
    smoothed = smoothed_returns(run)
    random = [evaluation for evaluation in run.evaluations if evaluation.policy == "random"]
    return SeedSummary(
        run=run,
        updates=int(counters.get("updates", 0)),
        attempts=int(counters.get("attempts", 0)),
        agent_steps=int(counters.get("agent_steps", 0)),
        frames=int(counters.get("frames", 0)),
        wall_time_s=float(counters.get("wall_time_s", 0.0)),
        episodes=len(run.episodes),
        last_return=last_return(run),
        best_return=float(smoothed["mean_return"].max()),
        steps_per_s=_speed(run),
        evaluations=tuple(e for e in run.evaluations if e.policy != "random"),
        random_baseline=random[-1] if random else None,
    )


def _speed(run: RunRecord) -> float:
    """Agent steps per second of training time, summed over the attempts."""
    span = run.metrics.groupby("attempt").agg(
        first_steps=("agent_steps", "min"),
        last_steps=("agent_steps", "max"),
        first_s=("wall_time_s", "min"),
        last_s=("wall_time_s", "max"),
    )
    seconds = float((span["last_s"] - span["first_s"]).sum())
    return float((span["last_steps"] - span["first_steps"]).sum()) / seconds if seconds else nan


def _environment_of(runs: Sequence[RunRecord]) -> Json:
    """Return the resolved protocol that a run recorded, else the configuration's."""
    for run in runs:
        for source in (run.environment, run.config):
            if isinstance(record := source.get("env"), dict) and record:
                return record
    return {}


def _algorithm_of(config: Json) -> str:
    algorithm = config.get("algorithm")
    return str(algorithm.get("kind", "unknown")) if isinstance(algorithm, dict) else "unknown"


def _estimate(scores: Sequence[float]) -> Estimate | None:
    finite = [score for score in scores if isfinite(score)]
    return stratified_bootstrap([finite]) if finite else None
