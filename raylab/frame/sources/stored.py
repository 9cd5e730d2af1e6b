"""Rows in the object store of a cluster, in partitions that are known by reference."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from raylab.frame.plan.fingerprint import new_token
from raylab.frame.plan.schema import Schema
from raylab.frame.sources.memory import numbered_part


@dataclass(frozen=True)
class Partition:
    """Consecutive rows of a persisted frame.

    Attributes:
        reference: of the block in the object store; whoever holds it keeps the rows alive.
        rows: their number.
        nbytes: their size.
    """

    reference: Any
    rows: int
    nbytes: int


@dataclass(frozen=True, eq=False)
class StoredSource:
    """A persisted frame.

    Attributes:
        partitions: in the order of their rows.
        fields: the columns of each partition.
    """

    partitions: tuple[Partition, ...]
    fields: Schema
    fingerprint: str = field(default_factory=new_token)

    @cached_property
    def piece_starts(self) -> tuple[int, ...]:
        """The first row of each partition: where cutting the rows costs nothing."""
        rows = (partition.rows for partition in self.partitions[:-1])
        return tuple(itertools.accumulate(rows, initial=0))

    @cached_property
    def rows(self) -> int:
        """The number of rows."""
        return sum(partition.rows for partition in self.partitions)

    @cached_property
    def nbytes(self) -> int:
        """The size of all partitions."""
        return sum(partition.nbytes for partition in self.partitions)

    def overlapping(self, start: int, length: int) -> tuple[list[Any], int]:
        """References of the partitions with these rows, and where the rows begin in the first."""
        ends = [first + p.rows for first, p in zip(self.piece_starts, self.partitions, strict=True)]
        inside = [
            i
            for i, (first, end) in enumerate(zip(self.piece_starts, ends, strict=True))
            if end > start and first < start + length
        ]
        if not inside:
            return [self.partitions[0].reference], 0
        return [self.partitions[i].reference for i in inside], start - self.piece_starts[inside[0]]

    def read(
        self,
        columns: tuple[str, ...],
        row_index: str | None,
        start: int = 0,
        length: int | None = None,
    ) -> pl.LazyFrame:
        """The columns, brought into this process."""
        from raylab import runtime

        blocks = [runtime.get(p.reference, "a persisted partition") for p in self.partitions]
        frame: pl.DataFrame = pl.concat([block.frame.select(columns) for block in blocks])
        return numbered_part(frame.lazy(), row_index, start, length)

    def check(self) -> None:
        """Stored rows stay what they were."""

    def describe(self) -> str:
        """A short name for ``explain``."""
        return f"persisted, {self.rows} rows in {len(self.partitions)} partitions"
