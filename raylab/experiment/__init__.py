"""Experiments as typed values, their runs on disk, and the functions that train them.

Importing it is light: ray and torch are loaded by what trains.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raylab.experiment.experiment import Experiment, Placement, load_config
    from raylab.experiment.resuming import resume
    from raylab.experiment.run import Run, list_runs
    from raylab.experiment.runner import train
    from raylab.experiment.watching import attach
    from raylab.rl.schedule import Checkpointing, Evaluating, Until

_HOMES = {
    **dict.fromkeys(("Experiment", "Placement", "load_config"), "raylab.experiment.experiment"),
    **dict.fromkeys(("Run", "list_runs"), "raylab.experiment.run"),
    "attach": "raylab.experiment.watching",
    "resume": "raylab.experiment.resuming",
    "train": "raylab.experiment.runner",
    **dict.fromkeys(("Checkpointing", "Evaluating", "Until"), "raylab.rl.schedule"),
}

__all__ = [
    "Checkpointing",
    "Evaluating",
    "Experiment",
    "Placement",
    "Run",
    "Until",
    "attach",
    "list_runs",
    "load_config",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
