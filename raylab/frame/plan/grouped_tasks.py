"""Python functions of each group: rows of one group meet in one task."""

from __future__ import annotations

from dataclasses import dataclass

from raylab.frame.plan.nodes import show
from raylab.frame.plan.opaque import Opaque


@dataclass(frozen=True, eq=False)
class OpaqueGroups(Opaque):
    """One row per task: what it made of the groups that it was given.

    Attributes:
        keys: the columns of the groups; rows with equal keys, and missing ones, meet in a task.
    """

    keys: tuple[str, ...]

    def describe(self) -> str:
        return f"OpaqueGroups({self.task}, keys={show(self.keys)})"
