"""Python functions of each row: what the plan knows of them is that they read a node's rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from raylab.frame.plan.nodes import HIDDEN, Node
from raylab.frame.plan.schema import OBJECT, Field, Schema

RESULTS = f"{HIDDEN}results"


class Task(Protocol):
    """What is done with the rows of one partition."""

    @property
    def fingerprint(self) -> str:
        """The identity of the task: no two are the same, so that each runs once."""
        ...

    def run(self, rows: object) -> bytes:
        """The results of the rows, pickled; a failure is a result, too."""
        ...


@dataclass(frozen=True, eq=False)
class Opaque(Node):
    """One row per partition of the child: what a task made of its rows, in their order."""

    child: Node
    task: Task

    @cached_property
    def schema(self) -> Schema:
        return {RESULTS: Field(OBJECT, nullable=False)}

    def describe(self) -> str:
        return f"Opaque({self.task})"
