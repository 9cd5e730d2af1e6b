"""Read run directories for a report: tolerant of what is missing, precise about what is broken.

A report is often asked of runs that were killed, are still running, or lost a file. Everything
that can be read is; everything that cannot becomes a problem that names the file, what the report
lacks without it, and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import raylab.frame as pd
from raylab.errors import CorruptDataError
from raylab.experiment import tables
from raylab.experiment.run import Run

Json = dict[str, Any]

METRICS_COLUMNS = ("attempt", "update", "agent_steps", "frames", "wall_time_s")
EPISODES_COLUMNS = ("attempt", "update", "agent_steps", "episode_return", "length_steps")


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of one checkpoint, or of the random policy."""

    agent_steps: int
    policy: str  # "greedy", "sampled" or "random"
    mean: float
    std: float
    episodes: int
    environment: Json  # the protocol's record
    date: str
    file: str


@dataclass(frozen=True)
class RunRecord:
    """What could be read of one run (one seed of one experiment)."""

    path: Path
    experiment_id: str  # name of the experiment's folder
    seed: str  # name of the run's folder
    state: str  # queued, running, interrupted, failed, finished or unknown
    config: Json
    environment: Json
    status: Json
    metrics: pd.DataFrame  # one row an update, attempts resolved, sorted by update
    episodes: pd.DataFrame  # one row an episode, attempts resolved, sorted by update
    evaluations: tuple[Evaluation, ...]  # by agent steps, then date
    videos: tuple[Path, ...]
    problems: tuple[str, ...]


def load_run(path: Path) -> RunRecord:
    """Read one run folder; what cannot be read is left empty and named in ``problems``."""
    problems: list[str] = []
    config = _read_json(path / "config.json", problems, lacks="the configuration and protocol")
    environment = _read_json(path / "environment.json", problems, lacks="versions and hardware")
    status = _read_json(path / "status.json", problems, lacks="the state")
    metrics = _read_table(path / "metrics", METRICS_COLUMNS, problems)
    episodes = _read_table(path / "episodes", EPISODES_COLUMNS, problems)
    metrics, episodes = resolve_attempts(metrics, episodes)
    if metrics.empty:
        problems.append(
            f"{path} has no metrics yet: it takes part in no curve. Wait for its first update, "
            f"or continue it with `raylab resume {path}`."
        )
    evaluations = [
        evaluation
        for file in _files(path / "evaluations", "*.json")
        if (evaluation := _read_evaluation(file, problems)) is not None
    ]
    evaluations.sort(key=lambda evaluation: (evaluation.agent_steps, evaluation.date))
    resolved = path.resolve()
    return RunRecord(
        path=path,
        experiment_id=resolved.parent.name,
        seed=resolved.name,
        state=_state(path),
        config=config,
        environment=environment,
        status=status,
        metrics=metrics,
        episodes=episodes,
        evaluations=tuple(evaluations),
        videos=tuple(_files(path / "videos", "*.mp4")),
        problems=tuple(problems),
    )


def resolve_attempts(
    metrics: pd.DataFrame, episodes: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Drop the updates that a later attempt rolled back, from both tables alike.

    An attempt continues from a checkpoint, so everything that earlier attempts did from its first
    update on is void: rows that it has trained again and rows that it has not reached yet. The
    first update is that of both tables, because an update need not end an episode.
    """
    updates = pd.concat([metrics[["attempt", "update"]], episodes[["attempt", "update"]]])
    first_update = updates.groupby("attempt")["update"].min()
    for attempt, update in first_update.items():
        metrics = metrics[(metrics["attempt"] >= attempt) | (metrics["update"] < update)]
        episodes = episodes[(episodes["attempt"] >= attempt) | (episodes["update"] < update)]
    return (
        metrics.sort_values("update", kind="stable", ignore_index=True),
        episodes.sort_values("update", kind="stable", ignore_index=True),
    )


def _state(path: Path) -> str:
    """State of a run; one that says that it runs, and whose process is gone, is interrupted."""
    try:
        return Run(path).state
    except (CorruptDataError, KeyError, TypeError):  # named as a problem of status.json
        return "unknown"


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if folder.is_dir() else []


def _read_json(path: Path, problems: list[str], *, lacks: str) -> Json:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(f"{path} is missing: the report lacks {lacks} of this run.")
    except (OSError, ValueError) as error:
        problems.append(
            f"{path} cannot be read ({error}): the report lacks {lacks} of this run. "
            f"Restore the file from a copy, or remove it."
        )
    else:
        if isinstance(content, dict):
            return content
        problems.append(f"{path} holds a JSON {type(content).__name__} where an object belongs.")
    return {}


def _read_evaluation(path: Path, problems: list[str]) -> Evaluation | None:
    content = _read_json(path, problems, lacks="that evaluation")
    try:
        return Evaluation(
            agent_steps=int(content["agent_steps"]),
            policy=str(content["policy"]),
            mean=float(content["mean"]),
            std=float(content["std"]),
            episodes=int(content["episodes"]),
            environment=dict(content["environment"]),
            date=str(content["date"]),
            file=path.name,
        )
    except (KeyError, TypeError, ValueError) as error:
        if content:
            problems.append(
                f"{path} is no evaluation ({error!r}): it is left out. Evaluate again, or remove it."
            )
        return None


def _read_table(folder: Path, columns: Sequence[str], problems: list[str]) -> pd.DataFrame:
    """Scan all sound parts; a corrupt one costs its rows only.

    Parts are verified (their pages carry checksums) before they are scanned, and scanned together
    when they have the same columns: a metric may appear in the middle of a run.
    """
    alike: dict[tuple[str, ...], list[str]] = {}
    for part in _parts(folder):
        try:
            names = tuple(tables.read_part(part).column_names)
        except CorruptDataError as error:
            if not part.exists():  # the run ended just now, and its parts became one
                return _read_table(folder, columns, problems)
            problems.append(str(error))
            continue
        if missing := [column for column in columns if column not in names]:
            problems.append(
                f"{part} lacks the columns {', '.join(missing)}: its rows are left out. "
                f"It was not written by this version of raylab; move it away."
            )
        else:
            alike.setdefault(names, []).append(str(part))
    if not alike:
        return pd.DataFrame({column: pd.Series(dtype="float64") for column in columns})
    scans = [pd.read_parquet(parts) for parts in alike.values()]
    return scans[0] if len(scans) == 1 else pd.concat(scans, ignore_index=True)


def _parts(folder: Path) -> list[Path]:
    try:
        return tables.list_parts(folder)
    except CorruptDataError:  # a compacted part: what it replaced may still be there
        return _files(folder, "part-*.parquet")
