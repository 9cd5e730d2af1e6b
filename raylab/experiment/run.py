"""A run on disk: one seed of an experiment, open for reading while it is trained or long after."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raylab.errors import CorruptDataError, RunNotFoundError
from raylab.experiment import checkpoint, files, tables
from raylab.experiment.checkpoint import Checkpoint
from raylab.experiment.experiment import Experiment, load_config
from raylab.experiment.files import Json
from raylab.rl.schedule import RunState
from raylab.runtime.machine import ProcessId

if TYPE_CHECKING:
    import raylab.frame as pd

SILENCE_S = 120.0  # a trainer on another host that wrote nothing for so long is taken for dead


@dataclass(frozen=True)
class Run:
    """A run's folder; get one with :meth:`open` or :func:`list_runs`."""

    path: Path

    @staticmethod
    def open(path: str | Path) -> Run:
        """Return the run in a folder: ``runs/<experiment id>/<seed>``.

        An experiment's folder will do when it holds one run.

        Raises:
            RunNotFoundError: there is none, or there are several; says what is there.
        """
        path = Path(path)
        if is_run(path):
            return Run(path)
        inside = [run.path for run in list_runs(path)] if path.is_dir() else []
        if len(inside) == 1:
            return Run(inside[0])
        if inside:
            names = ", ".join(str(run) for run in inside[:5])
            raise RunNotFoundError(f"{path} holds {len(inside)} runs; name one of {names}.")
        raise RunNotFoundError(f"no run in {path}; {_near(path)}")

    @property
    def id(self) -> str:
        """``<experiment id>/<seed>``."""
        resolved = self.path.resolve()
        return f"{resolved.parent.name}/{resolved.name}"

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.experiment.seeds[0]

    @property
    def config(self) -> Json:
        """The resolved configuration, as JSON."""
        return files.read_json(self.path / "config.json", "restore it from a copy")

    @cached_property
    def experiment(self) -> Experiment:
        """The resolved configuration; its only seed is the run's."""
        return load_config(self.path / "config.json")

    @property
    def environment(self) -> Json:
        """Versions, commit, processor, threads and protocol of the newest attempt."""
        return files.read_json(self.path / "environment.json", "the next attempt writes it again")

    @property
    def status(self) -> Json:
        """What the run last wrote about itself.

        Empty before its first sign of life, and when the file is damaged: the run's other files
        tell all that matters, and its next attempt writes this one again.
        """
        try:
            return files.read_json(self.path / "status.json", "the next attempt writes it")
        except CorruptDataError:
            return {}

    @property
    def state(self) -> RunState:
        """How the run is; one that says that it runs and does not is interrupted."""
        status = self.status
        state: RunState = status.get("state", "interrupted")
        if state in ("queued", "running") and not self.is_alive:
            return "interrupted"
        return state

    @property
    def is_alive(self) -> bool:
        """Whether the process that last wrote the status still trains the run."""
        status = self.status
        if status.get("state") not in ("queued", "running"):
            return False
        alive = ProcessId(**status["process"]).is_alive()
        if alive is None:
            return bool(time.time() - status["updated_at"] < SILENCE_S)
        return alive

    @property
    def checkpoints(self) -> list[Path]:
        """Folders of the checkpoints, oldest first."""
        return checkpoint.list_checkpoints(self.path / "checkpoints")

    def latest_checkpoint(self) -> Checkpoint:
        """Return the newest checkpoint that is whole.

        Raises:
            RunNotFoundError: the run has none yet.
            CorruptDataError: none is whole; names the newest one's damage.
        """
        found, damage = newest_whole(self.path)
        if found is not None:
            return found
        if damage:
            raise damage[0]
        raise RunNotFoundError(
            f"{self.path} has no checkpoint yet; `raylab resume {self.path}` trains it."
        )

    def checkpoint_at(self, agent_steps: int) -> Checkpoint:
        """Return the checkpoint that was saved after so many agent steps.

        Raises:
            RunNotFoundError: there is none; says which there are.
            CorruptDataError: it is damaged.
        """
        there = {checkpoint.steps_of(path): path for path in self.checkpoints}
        if agent_steps not in there:
            names = ", ".join(str(steps) for steps in there) or "none yet"
            raise RunNotFoundError(
                f"{self.path} has no checkpoint at {agent_steps} agent steps; there are {names}."
            )
        return checkpoint.load(there[agent_steps])

    def metrics_parts(self) -> list[Path]:
        """Parquet parts that hold the metrics, one row an update and attempt."""
        return tables.list_parts(self.path / "metrics")

    def episodes_parts(self) -> list[Path]:
        """Parquet parts that hold the episodes, one row each."""
        return tables.list_parts(self.path / "episodes")

    def metrics(self) -> pd.DataFrame:
        """Return the metrics, one row an update: rows that were rolled back are left out.

        Raises:
            CorruptDataError: a part is damaged; names it and the way out.
        """
        return self._current(self.metrics_parts(), ["update", "agent_steps"])

    def episodes(self) -> pd.DataFrame:
        """Return the episodes in the order of their updates; raises as :meth:`metrics`."""
        return self._current(self.episodes_parts(), ["update", "agent_steps", "episode_return"])

    def evaluations(self) -> list[Json]:
        """Results of evaluations, in the order of agent steps."""
        paths = sorted((self.path / "evaluations").glob("*.json"))
        return [files.read_json(path, "evaluate again, or remove it") for path in paths]

    def _current(self, parts: list[Path], columns: list[str]) -> pd.DataFrame:
        import raylab.frame as pd

        if not parts:
            return pd.DataFrame({column: [] for column in columns})
        metrics = [tables.read_part(path) for path in self.metrics_parts()]
        starts = tables.first_updates(metrics)
        table = tables.current_rows([tables.read_part(path) for path in parts], starts)
        return pd.DataFrame(table.to_pandas())


def newest_whole(path: Path) -> tuple[Checkpoint | None, list[CorruptDataError]]:
    """Return a run's newest whole checkpoint, and what is wrong with the newer ones."""
    damage: list[CorruptDataError] = []
    for folder in reversed(checkpoint.list_checkpoints(path / "checkpoints")):
        try:
            return checkpoint.load(folder), damage
        except CorruptDataError as error:
            damage.append(error)
    return None, damage


def is_run(path: Path) -> bool:
    """Whether a folder is a run's: it has a configuration of one seed, and is named by it."""
    try:
        content: Any = json.loads((path / "config.json").read_text(encoding="utf-8"))
        return [str(seed) for seed in content["seeds"]] == [path.resolve().name]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def list_runs(root: str | Path = "runs") -> list[Run]:
    """Return all runs in a folder of runs or of one experiment, in the order of their names."""
    root = Path(root)
    found = [Run(path) for path in _folders(root) if is_run(path)]
    if not found:
        found = [Run(p) for folder in _folders(root) for p in _folders(folder) if is_run(p)]
    return found


def _folders(path: Path) -> Iterator[Path]:
    entries = [entry for entry in path.iterdir() if entry.is_dir()] if path.is_dir() else []
    yield from sorted(entries, key=lambda p: (int(p.name) if p.name.isdecimal() else 0, p.name))


def _near(path: Path) -> str:
    siblings = [entry.name for entry in _folders(path.parent)]
    near = difflib.get_close_matches(path.name, siblings, n=1, cutoff=0.5)
    if near:
        return f"did you mean {path.parent / near[0]}?"
    return "`raylab runs` lists what is there."
