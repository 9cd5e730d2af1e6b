"""The node whose rows are wanted for later plans, too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from raylab.frame.plan.base import Node
from raylab.frame.plan.schema import Schema


@dataclass(frozen=True, eq=False)
class Keep(Node):
    """The child's rows, which the run also gives as a result of their own.

    No rule moves anything through it: what is kept must be the rows of the original plan.

    Attributes:
        child: the rows.
        original: the plan that they are the result of, by fingerprint.
        columns: the columns that are kept and that may be read above.
        limit: more rows than these are not given as a result: the first that are too many are.
            With 0 the rows are in no order and none is given: several readers share them.
    """

    child: Node
    original: str
    columns: tuple[str, ...]
    limit: int | None = None
    keeps_rows: ClassVar[bool] = True

    @cached_property
    def schema(self) -> Schema:
        return {name: self.child.schema[name] for name in self.columns}

    @cached_property
    def unique(self) -> frozenset[str] | None:
        unique = self.child.unique
        return unique if unique is not None and unique <= frozenset(self.columns) else None

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (frozenset(self.columns),)
