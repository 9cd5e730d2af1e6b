"""Write run directories in raylab's layout, without training: input for report and CLI tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

PROTOCOL = {
    "backend": "atari",
    "game": "breakout",
    "protocol": "machado",
    "sticky_actions": 0.25,
    "frames_per_step": 4,
    "life_loss_terminates": False,
    "full_action_set": True,
}


def write_run(
    folder: Path,
    *,
    updates: int = 60,
    attempt: int = 1,
    first_update: int = 1,
    part_updates: int = 20,
    state: str = "finished",
    level: float = 20.0,
    env: dict[str, Any] | None = None,
    evaluations: bool = True,
    speed: float = 1000.0,
) -> Path:
    """Write a run whose return rises to ``level``; 1,000 agent steps and 3 episodes an update."""
    seed = int(folder.name) if folder.name.isdecimal() else 0
    random = np.random.default_rng([seed, attempt])
    env = env or PROTOCOL
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "name": folder.parent.name.rsplit("-", 1)[0],
        "env": env,
        "algorithm": {"kind": "PPO", "num_envs": 8, "learning_rate": 2.5e-4},
        "seeds": [seed],
    }
    write_json(folder / "config.json", config)
    write_json(
        folder / "environment.json",
        {"versions": {"torch": "2.13.0"}, "commit": "0" * 40, "cpu": "Synthetic CPU", "env": env},
    )
    write_json(
        folder / "status.json",
        {
            "run": f"{folder.parent.name}/{folder.name}",
            "state": state,
            "attempt": attempt,
            "cause": "trained 60,000 agent steps",
            "agent_steps": (first_update + updates - 1) * 1000,
            "episode_return": level,
            "updated_at": 1_700_000_000.0,
        },
    )
    for start in range(first_update, first_update + updates, part_updates):
        numbers = np.arange(start, min(start + part_updates, first_update + updates))
        _write_part(folder, attempt, numbers, random, level, speed)
    if evaluations:
        last = (first_update + updates - 1) * 1000
        for name, steps, mean, policy in (
            ("random", 0, 1.5, "random"),
            ("greedy", last // 2, level * 0.6, "greedy"),
            ("greedy", last, level * 1.1, "greedy"),
        ):
            returns = random.normal(mean, 0.2 * abs(mean), size=20)
            write_json(
                folder / "evaluations" / f"{steps:012d}-{name}.json",
                {
                    "agent_steps": steps,
                    "policy": policy,
                    "episodes": 20,
                    "returns": returns.tolist(),
                    "mean": float(returns.mean()),
                    "std": float(returns.std()),
                    "environment": env,
                    "date": "2026-11-23T08:00:00+00:00",
                },
            )
    return folder


def write_json(path: Path, content: object) -> None:
    """Write JSON, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _write_part(
    folder: Path,
    attempt: int,
    updates: np.ndarray,
    random: np.random.Generator,
    level: float,
    speed: float,
) -> None:
    count = len(updates)
    name = f"part-{attempt:04d}-{updates[0]:08d}.parquet"
    progress = 1 - np.exp(-updates / 25)
    (folder / "metrics").mkdir(exist_ok=True)
    (folder / "episodes").mkdir(exist_ok=True)
    pl.DataFrame(
        {
            "attempt": np.full(count, attempt),
            "update": updates,
            "agent_steps": updates * 1000,
            "simulated_agent_steps": updates * 1000,
            "frames": updates * 4000,
            "wall_time_s": updates * 1000 / speed + random.normal(0, 0.01, count),
            "loss/value": 0.5 * (1 - progress) + random.normal(0, 0.02, count),
            "entropy": 1.4 * (1 - 0.6 * progress),
            "kl": random.gamma(2.0, 0.004, count),
        }
    ).write_parquet(folder / "metrics" / name)
    ends = np.repeat(updates, 3)
    pl.DataFrame(
        {
            "attempt": np.full(len(ends), attempt),
            "update": ends,
            "agent_steps": ends * 1000,
            "row": np.tile([0, 3, 5], count),
            "episode_return": np.round(
                1.5 + level * (1 - np.exp(-ends / 25)) + random.normal(0, 2, len(ends))
            ),
            "length_steps": random.integers(100, 400, len(ends)),
            "length_frames": random.integers(400, 1600, len(ends)),
        }
    ).write_parquet(folder / "episodes" / name)
