"""Which run folders lie under a path; needs neither pandas nor torch."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from raylab.errors import RunError, RunNotFoundError

_RUN_ENTRIES = ("status.json", "environment.json", "metrics")


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """Return the run folders under the given run, experiment or runs folders, without repeats.

    Raises:
        RunNotFoundError: a path does not exist, or no run is in it.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for run in _runs_below(path):
            found.setdefault(run.resolve(), run)
    return list(found.values())


def is_run(path: Path) -> bool:
    """Whether the folder looks like a run, be it damaged or only begun.

    An experiment's folder has a ``config.json`` too; a run's folder is named by its seed.
    """
    begun = path.resolve().name.isdecimal() and (path / "config.json").exists()
    return begun or any((path / entry).exists() for entry in _RUN_ENTRIES)


def _runs_below(path: Path) -> list[Path]:
    if not path.is_dir():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, siblings, n=1)
        hint = f" Did you mean {path.parent / near[0]}?" if near else ""
        raise RunNotFoundError(f"{path} is not a folder.{hint} `raylab runs` lists the runs.")
    if is_run(path):
        return [path]
    children = _folders(path)
    runs = [child for child in children if is_run(child)]
    runs += [
        run for child in children if child not in runs for run in _folders(child) if is_run(run)
    ]
    if not runs:
        raise RunNotFoundError(
            f"no run in {path}: a run holds config.json and metrics/. "
            f"Give runs/<experiment>/<seed> or runs/<experiment>; `raylab runs` lists them."
        )
    return runs


def _folders(path: Path) -> list[Path]:
    try:
        return sorted((entry for entry in path.iterdir() if entry.is_dir()), key=_natural)
    except OSError as error:
        raise RunError(f"cannot list {path}: {error.strerror}; check its permissions.") from error


def _natural(path: Path) -> tuple[int, str]:
    """Order seeds as numbers: 2 before 10."""
    return (int(path.name) if path.name.isdecimal() else 0, path.name)
