"""``raylab runs``: one line a run, the newest first; damaged folders are named, not fatal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Literal

from raylab.cli.parser import VerbParser
from raylab.errors import RaylabError, RunNotFoundError
from raylab.experiment.files import default_runs_dir

_STYLES = {"running": "green", "finished": "", "failed": "red", "damaged": "red"}

_COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("experiment", "left"),
    ("seed", "right"),
    ("state", "left"),
    ("agent steps", "right"),
    ("return, last 100", "right"),
    ("age", "right"),
)


@dataclass(frozen=True)
class Line:
    """What is said of one run."""

    experiment_id: str
    seed: str
    state: str
    agent_steps: int
    episode_return: float  # mean of the last 100 training episodes; NaN before the first
    updated_at: float  # seconds since the epoch
    problem: str = ""


def run(arguments: Sequence[str]) -> int:
    """List runs."""
    parser = VerbParser(
        "runs",
        (
            "raylab runs",
            "raylab runs --state running",
            "raylab runs --runs-dir /data/runs",
            "raylab runs --store s3://bucket/runs",
        ),
    )
    parser.add_argument(
        "--runs-dir",
        "--store",
        default=default_runs_dir(),
        help="folder or URL of the runs (default: RAYLAB_RUNS_DIR, else runs)",
    )
    parser.add_argument(
        "--state",
        choices=("queued", "running", "interrupted", "failed", "finished", "damaged"),
        help="only runs in this state",
    )
    options = parser.parse_args(arguments)

    from raylab.analysis.folders import find_runs
    from raylab.analysis.formats import count, duration, score
    from raylab.cli.terminal import console, plain_table, say
    from raylab.experiment.stores import WITHOUT_TABLES, local_copy

    out = console()
    try:
        paths = find_runs([local_copy(options.runs_dir, without=WITHOUT_TABLES)])
    except RunNotFoundError:
        say(
            out,
            f"no runs in {options.runs_dir}. `raylab train experiments/cartpole_ppo.py` makes one; "
            f"--runs-dir looks elsewhere.",
        )
        return 0
    lines = sorted(map(read_line, paths), key=lambda line: line.updated_at, reverse=True)
    shown = [line for line in lines if options.state in (None, line.state)]
    table = plain_table()
    for name, justify in _COLUMNS:
        table.add_column(name, justify=justify, overflow="fold")
    now = time.time()
    for line in shown:
        table.add_row(
            line.experiment_id,
            line.seed,
            line.state,
            count(line.agent_steps),
            score(line.episode_return),
            duration(max(0.0, now - line.updated_at)),
            style=_STYLES.get(line.state, "yellow"),
        )
    out.print(table)
    for line in shown:
        if line.problem:
            say(out, f"damaged  {line.problem}", style="yellow")
    return 0


def read_line(path: Path) -> Line:
    """Read what a run last wrote about itself; a run that cannot be read is damaged."""
    from raylab.experiment.run import Run

    resolved = path.resolve()
    run = Run(path)
    try:
        run.config  # noqa: B018 - read for its errors: without it the run cannot be resumed
        status, state, problem = run.status, str(run.state), ""
        if not status and (path / "status.json").exists():
            state = "damaged"
            problem = (
                f"{path / 'status.json'} cannot be read; `raylab resume {path}` writes it anew"
            )
    except (RaylabError, KeyError, TypeError) as error:
        status, state, problem = {}, "damaged", str(error) or f"{path}: {error!r}"
    value = status.get("episode_return")
    return Line(
        experiment_id=resolved.parent.name,
        seed=resolved.name,
        state=state,
        agent_steps=int(status.get("agent_steps", 0)),
        episode_return=nan if value is None else float(value),
        updated_at=float(status.get("updated_at", path.stat().st_mtime)),
        problem=problem,
    )
