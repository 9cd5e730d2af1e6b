"""The node whose rows are wanted for later plans, too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from raylab.frame.plan.base import Node
from raylab.frame.plan.schema import Schema


@dataclass(frozen=True, eq=False)
class Keep(Node):
    """The child's rows with all columns, which the run also gives as a result of their own.

    No rule moves anything through it: what is kept must be the rows of the original plan.

    Attributes:
        child: the rows.
        original: the plan that they are the result of, by fingerprint.
    """

    child: Node
    original: str
    keeps_rows: ClassVar[bool] = True

    @cached_property
    def schema(self) -> Schema:
        return self.child.schema

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.child.unique

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (frozenset(self.child.schema),)
