"""Where the wall time of a run's updates went: a pure function of its metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from raylab.errors import RunError
from raylab.rl.laps import ROLLOUT_PHASES

_MEANING: Final = {
    "act": "forward passes and sampling of actions",
    "env": "the environments step",
    "store": "observations and rewards into the trajectory",
    "targets": "advantages and value targets",
    "gather": "minibatches copied out of the trajectory",
    "forward": "forward passes and losses",
    "backward": "gradients",
    "optimize": "clipping, Adam, the copy in the body's precision",
    "other": "what no phase covers",
    "system": "Ray, the supervisor and recording, as far as the trainer waits for them",
}


@dataclass(frozen=True)
class Part:
    """One phase of an update."""

    group: str  # "rollout", "learn" or "system"
    phase: str
    seconds: float  # of a mean update
    share: float  # of a mean update, 0 to 1

    @property
    def meaning(self) -> str:
        """The phase in words; empty for one that only its algorithm knows."""
        return _MEANING.get(self.phase, "")


def first_with_every_phase(columns: Mapping[str, Sequence[float]]) -> int:
    """Return which update is the first that has a number in every column; their count if none.

    Before DQN has filled its replay, its updates have no phases of learning.
    """
    whole = np.isfinite(np.stack([np.asarray(column, np.float64) for column in columns.values()]))
    return next((int(index) for index in np.flatnonzero(whole.all(axis=0))), whole.shape[1])


def breakdown(columns: Mapping[str, Sequence[float]], *, overlaps: bool = False) -> list[Part]:
    """Split the wall time of updates into phases; means over the updates, so that they add up.

    Args:
        columns: of consecutive updates: ``wall_time_s`` at their ends, ``time/rollout_s``,
            ``time/learn_s``, and ``time/<phase>_s`` of any phases; NaN where an update had none.
        overlaps: rollout and learning go on side by side, as in placement ``async``: what is
            left of the wall time then tells nothing, and the part "system" is left out.

    Returns:
        The parts in the order of the loop; their shares add up to 1, unless they overlap.

    Raises:
        RunError: there are fewer than two updates.
    """
    table = {name: np.nan_to_num(np.asarray(values, float)) for name, values in columns.items()}
    walls = np.diff(table["wall_time_s"])
    if len(walls) < 1:
        raise RunError(
            "fewer than two updates that have every phase of learning; give --seconds more."
        )
    phases = {
        name.removeprefix("time/").removesuffix("_s"): values[1:]
        for name, values in table.items()
        if name.startswith("time/")
    }
    nothing = np.zeros_like(walls)
    wholes = {group: phases.pop(group, nothing) for group in ("rollout", "learn")}
    seconds: dict[tuple[str, str], np.ndarray] = {}
    for group, whole in wholes.items():
        inside = {p: s for p, s in phases.items() if (p in ROLLOUT_PHASES) == (group == "rollout")}
        seconds |= {(group, phase): values for phase, values in inside.items()}
        seconds[group, "other"] = whole - sum(inside.values(), nothing)
    if not overlaps:
        seconds["system", "system"] = walls - wholes["rollout"] - wholes["learn"]
    total = float(np.mean(walls))
    return [
        Part(group, phase, float(np.mean(values)), float(np.mean(values)) / total)
        for (group, phase), values in seconds.items()
    ]
