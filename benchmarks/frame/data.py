"""Seeded data: the db-benchmark's grouping and joining tables, and training metrics.

The shapes follow the db-benchmark (100 groups of low cardinality, no missing values); the rows
are our own. Files lie in ``benchmarks/data/frame/<rows>/<table>.parquet``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

DATA_DIR = Path(__file__).resolve().parents[1] / "data" / "frame"
GROUPS = 100
RUNS = 200
_CHUNK_ROWS = 1 << 20

Maker = Callable[[int, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Tables:
    """The folder of one size."""

    folder: Path
    rows: int

    def path(self, name: str) -> str:
        """The Parquet file of a table."""
        return str(self.folder / f"{name}.parquet")


def load(rows: int, data_dir: Path = DATA_DIR) -> Tables:
    """The tables of a size, generated when they are missing."""
    tables = Tables(data_dir / str(rows), rows)
    tables.folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Maker] = {
        "groups": _groups,
        "left": _left,
        "metrics": _metrics,
        "runs": _runs,
        **{name: _right(name) for name in _RIGHT_ROWS},
    }
    for number, (name, make) in enumerate(makers.items()):
        path = Path(tables.path(name))
        if not path.exists():
            frame = make(rows, np.random.default_rng(number))
            unfinished = path.with_suffix(".tmp")
            frame.to_parquet(unfinished, row_group_size=_CHUNK_ROWS)
            unfinished.replace(path)
    return tables


def _labels(numbers: np.ndarray, width: int) -> pd.Series:
    """``id007``-like strings; formatted once per distinct number."""
    distinct, codes = np.unique(numbers, return_inverse=True)
    texts = pd.Series([f"id{number:0{width}d}" for number in distinct], dtype="str")
    return texts.take(codes).reset_index(drop=True)


def _groups(rows: int, random: np.random.Generator) -> pd.DataFrame:
    """db-benchmark G1: three string keys, three integer keys, two integers and a float."""
    large = max(1, rows // GROUPS)
    return pd.DataFrame(
        {
            "id1": _labels(random.integers(1, GROUPS, rows, endpoint=True), 3),
            "id2": _labels(random.integers(1, GROUPS, rows, endpoint=True), 3),
            "id3": _labels(random.integers(1, large, rows, endpoint=True), 10),
            "id4": random.integers(1, GROUPS, rows, endpoint=True),
            "id5": random.integers(1, GROUPS, rows, endpoint=True),
            "id6": random.integers(1, large, rows, endpoint=True),
            "v1": random.integers(1, 5, rows, endpoint=True),
            "v2": random.integers(1, 15, rows, endpoint=True),
            "v3": np.round(random.uniform(0, 100, rows), 6),
        }
    )


_RIGHT_ROWS = {"small": 1_000_000, "medium": 1_000, "big": 1}  # left rows per right row


def _key_space(rows: int, name: str) -> int:
    """How many keys a right table has; a tenth of the left rows match none of them."""
    return max(10, rows // _RIGHT_ROWS[name])


def _left(rows: int, random: np.random.Generator) -> pd.DataFrame:
    """db-benchmark J1, left: integer keys and their string forms for three right tables."""
    keys = {
        name: random.integers(1, max(11, int(_key_space(rows, name) * 1.1)), rows)
        for name in _RIGHT_ROWS
    }
    return pd.DataFrame(
        {
            "id1": keys["small"],
            "id2": keys["medium"],
            "id3": keys["big"],
            "id4": _labels(keys["small"], 3),
            "id5": _labels(keys["medium"], 6),
            "v1": np.round(random.uniform(0, 100, rows), 6),
        }
    )


def _right(name: str) -> Maker:
    """db-benchmark J1, right: each key once, its string form, and a value."""
    key, text, width = {
        "small": ("id1", "id4", 3),
        "medium": ("id2", "id5", 6),
        "big": ("id3", None, 0),
    }[name]

    def make(rows: int, random: np.random.Generator) -> pd.DataFrame:
        keys = random.permutation(np.arange(1, _key_space(rows, name) + 1))
        columns = {key: keys} | ({text: _labels(keys, width)} if text else {})
        return pd.DataFrame({**columns, "v2": np.round(random.uniform(0, 100, len(keys)), 6)})

    return make


def _metrics(rows: int, random: np.random.Generator) -> pd.DataFrame:
    """Training metrics: updates of ``RUNS`` runs; every tenth update was trained twice."""
    updates = max(10, rows // 10 // RUNS)
    update = np.concatenate([np.arange(updates), np.arange(0, updates, 10)])
    attempt = np.concatenate([np.zeros(updates), np.ones(len(update) - updates)])
    total = len(update) * RUNS
    returns = np.tile(update, RUNS) / updates + random.normal(0, 0.3, total)
    frame = pd.DataFrame(
        {
            "run": np.repeat(np.arange(RUNS), len(update)),
            "attempt": np.tile(attempt, RUNS).astype("int64"),
            "update": np.tile(update, RUNS),
            "agent_steps": np.tile(update, RUNS) * 1024,
            "episode_return": np.where(random.random(total) < 0.05, np.nan, returns),
            "loss": random.exponential(1.0, total),
            "seconds": np.tile(update, RUNS) * 0.8 + random.random(total),
        }
    )
    return frame.sample(frac=1.0, random_state=0, ignore_index=True)


def _runs(rows: int, random: np.random.Generator) -> pd.DataFrame:
    """One row per run: what was trained where; the size of the other tables plays no part."""
    del rows
    numbers = np.arange(RUNS)
    return pd.DataFrame(
        {
            "run": numbers,
            "algorithm": pd.Series(["ppo", "appo", "dqn"]).take(numbers % 3).to_numpy(),
            "game": pd.Series(["Pong", "Breakout"]).take(numbers // 3 % 2).to_numpy(),
            "seed": random.integers(0, 10_000, RUNS),
        }
    )
