"""Where rows come from: sources, and other stages of the physical plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from raylab.frame.plan.base import Node
from raylab.frame.plan.printing import show
from raylab.frame.plan.schema import Field, Schema


class Source(Protocol):
    """Where rows come from: a file or data held in memory."""

    @property
    def fingerprint(self) -> str:
        """The identity of the data: for files with size and modification time."""
        ...

    @property
    def fields(self) -> Schema:
        """The columns that can be read."""
        ...

    @property
    def rows(self) -> int:
        """The number of rows."""
        ...

    @property
    def nbytes(self) -> int:
        """The estimated size in memory."""
        ...

    def read(
        self,
        columns: tuple[str, ...],
        row_index: str | None,
        start: int = 0,
        length: int | None = None,
    ) -> Any:
        """The engine's lazy frame of the columns, for a part of the rows.

        When asked it has a numbering of the rows, which counts from the first row of the source.
        """
        ...

    def check(self) -> None:
        """Raises SourceChangedError when the data is not what was scanned."""
        ...

    def describe(self) -> str:
        """A short name for ``explain``."""
        ...


@dataclass(frozen=True, eq=False)
class Scan(Node):
    """The rows of a source, or the part of them from ``start`` for ``length`` rows."""

    source: Source
    columns: tuple[str, ...]
    start: int = 0
    length: int | None = None

    @cached_property
    def schema(self) -> Schema:
        return {name: self.source.fields[name] for name in self.columns}

    @property
    def rows(self) -> int:
        """The number of rows."""
        left = self.source.rows - self.start
        return left if self.length is None else min(left, self.length)

    def prune(self, columns: frozenset[str]) -> Node:
        kept = tuple(name for name in self.columns if name in columns) or self.columns[:1]
        return self if len(kept) == len(self.columns) else replace(self, columns=kept)

    def describe(self) -> str:
        part = "" if self.length is None else f", rows={self.start}+{self.length}"
        return f"Scan({self.source.describe()}, columns={show(self.columns)}{part})"


@dataclass(frozen=True, eq=False)
class Input(Node):
    """Rows that another stage of the physical plan delivers."""

    slot: int
    fields: tuple[tuple[str, Field], ...]
    keys: frozenset[str] | None = None

    @cached_property
    def schema(self) -> Schema:
        return dict(self.fields)

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.keys

    def describe(self) -> str:
        return f"Input({self.slot})"
