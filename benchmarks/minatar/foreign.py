"""A peer's training as a run folder, so that ``raylab report`` draws it beside raylab's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from raylab.experiment import files, tables
from raylab.experiment.evaluation import write_evaluation
from raylab.rl.envs import EnvConfig
from raylab.rl.evaluate import Evaluation


def write_foreign_run(
    path: Path,
    content: dict[str, Any],
    *,
    env: EnvConfig,
    algorithm: dict[str, Any],
    versions: dict[str, str],
    evaluation_seed: int,
) -> None:
    """Write what a peer measured into a run's folder; the status comes last, and ends it.

    Args:
        path: ``<runs>/<name>/<seed>``.
        content: ``agent_steps`` and ``evaluation``, and the rows of ``updates`` and ``episodes``.
        env: the environment that the peer's is equal to.
        algorithm: its settings; ``kind`` is what the report calls it.
        versions: of the peer's environment.
        evaluation_seed: of the evaluation's games.
    """
    for name in ("metrics", "episodes", "evaluations"):
        files.make_folder(path / name)
    record = env.record()
    config = {
        "name": path.parent.name,
        "env": record,
        "algorithm": algorithm,
        "seeds": [int(path.name)],
    }
    files.write_json(path / "config.json", config)
    files.write_json(path / "environment.json", {"versions": versions, "env": record})
    frames_per_step = env.frames_per_step
    updates = [
        {"attempt": 1, **row, "frames": row["agent_steps"] * frames_per_step}
        for row in content["updates"]
    ]
    tables.write_part(path / "metrics", 1, updates)
    if content["episodes"]:
        episodes = [{"attempt": 1, **row} for row in content["episodes"]]
        tables.write_part(path / "episodes", 1, episodes)
    lengths = tuple(content["evaluation"]["lengths_steps"])
    write_evaluation(
        path,
        env,
        "sampled",
        Evaluation(
            returns=tuple(content["evaluation"]["returns"]),
            lengths_steps=lengths,
            lengths_frames=tuple(length * frames_per_step for length in lengths),
            frames=(),
        ),
        None,
        agent_steps=content["agent_steps"],
        seed=evaluation_seed,
        weight_hash=None,
    )
    status = {
        "run": f"{path.parent.name}/{path.name}",
        "state": "finished",
        "cause": f"trained {content['agent_steps']:,} agent steps",
        "attempt": 1,
        "agent_steps": content["agent_steps"],
        "wall_time_s": updates[-1]["wall_time_s"],
    }
    files.write_json(path / "status.json", status)


def is_finished(path: Path) -> bool:
    """Whether a run in this folder, raylab's or a peer's, has reached its end."""
    status = path / "status.json"
    return status.exists() and json.loads(status.read_text(encoding="utf-8"))["state"] == "finished"
