"""The physical plan: stages of fused work, with exchanges of rows between them."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias

from raylab.frame.plan.nodes import Input, Node, RowNumber, Scan, show
from raylab.frame.plan.schema import INT64, Field, Schema

PLACES = 1 << 40
"""Places of one partition: more rows than it can have."""

TINY = 32
"""A part of the aimed size of partitions for which a stage of its own takes longer than its work."""

Kind: TypeAlias = Literal["keep", "hash", "range", "gather"]


@dataclass(frozen=True)
class Order:
    """The order that a range exchange gives: columns, directions, where missing values go."""

    by: tuple[str, ...]
    descending: tuple[bool, ...]
    nulls_last: bool = True

    @classmethod
    def rising(cls, by: tuple[str, ...]) -> Order:
        """Ascending in all columns, missing values last."""
        return cls(by, (False,) * len(by))


@dataclass(frozen=True, eq=False)
class Stage:
    """Fused work that one task does on one partition.

    Attributes:
        plans: the plan of each partition; ``Input`` leaves are filled from ``inputs``.
        inputs: the exchanges that feed the plans, by slot.
        ordered: the order of the rows matters to what follows.
    """

    plans: tuple[Node, ...]
    inputs: tuple[Exchange, ...]
    ordered: bool

    @property
    def partitions(self) -> int:
        """The number of tasks."""
        return len(self.plans)


@dataclass(frozen=True, eq=False)
class Exchange:
    """How the partitions of one or more stages reach the tasks of the next.

    Attributes:
        stages: what is computed first; their partitions count one stage after the other.
        kind: ``keep``: partition i feeds task i. ``hash``: rows with equal keys meet in one task,
            in the order of the partitions. ``range``: the tasks get consecutive parts of the
            order; equal rows meet in one task. ``gather``: every task gets all rows, in the order
            of the partitions; with several tasks it is a broadcast.
        keys: the columns of a hash exchange.
        order: of a range exchange.
        number: a column that numbers the rows over all partitions: name, start, step.
    """

    stages: tuple[Stage, ...]
    kind: Kind
    keys: tuple[str, ...] = ()
    order: Order = Order((), ())
    number: tuple[str, int, int] | None = None

    @property
    def partitions(self) -> int:
        """The number of partitions that go in."""
        return sum(stage.partitions for stage in self.stages)

    def describe(self, tasks: int) -> str:
        """The line that ``explain`` prints, for the number of tasks that it feeds."""
        name = "broadcast" if self.kind == "gather" and tasks > 1 else self.kind
        columns = self.keys or self.order.by
        by = f" by {show(columns)}" if columns else ""
        numbered = f", rows numbered as {show(self.number[0])}" if self.number else ""
        return f"{name}{by}, {self.partitions} -> {tasks} partitions{numbered}"


@dataclass(frozen=True, eq=False)
class Place(Node):
    """The child's rows with an int64 column that rises from row to row, over all partitions.

    Other than a row number it is known without counting the rows of the partitions before.
    """

    child: Node
    name: str
    partition: int = 0
    keeps_rows: ClassVar[bool] = True

    @cached_property
    def schema(self) -> Schema:
        return {**self.child.schema, self.name: Field(INT64, nullable=False)}

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return frozenset((self.name,))

    def number(self) -> RowNumber:
        """The numbering that gives the places of this partition."""
        return RowNumber(self.child, self.name, self.partition * PLACES)


@dataclass(frozen=True, eq=False)
class Spread:
    """Work under construction, spread over partitions.

    Attributes:
        fragment: the plan since the last exchange.
        inputs: the exchanges that feed it.
        partitions: the number of partitions.
        scan: the leaf whose rows are cut into partitions, where there is one.
        ordered: the partitions, one after the other, hold the rows in their order.
    """

    fragment: Node
    inputs: tuple[Exchange, ...]
    partitions: int
    scan: Scan | None = None
    ordered: bool = True

    def stage(self) -> Stage:
        """The work so far as a stage; always the same one."""
        return self._stage

    @cached_property
    def _stage(self) -> Stage:
        match self.fragment, self.inputs:
            case Input(), (Exchange((stage,), "keep", number=None),):
                return stage  # which gives these rows as they are
        cuts = [None] if self.scan is None else cut(self.scan, self.partitions)
        parts = cuts * self.partitions if self.scan is None else cuts
        plans = (_of_partition(self.fragment, self.scan, p, i) for i, p in enumerate(parts))
        return Stage(tuple(plans), self.inputs, self.ordered)

    def on(self, fragment: Node) -> Spread:
        """Other work on the same partitions."""
        return replace(self, fragment=fragment)


def leaf(slot: int, below: Node) -> Input:
    """The place in a plan where an exchange delivers the rows of another one."""
    return Input(slot, tuple((n, _settled(f)) for n, f in below.schema.items()), below.unique)


def computed(below: Spread) -> Spread:
    """The same partitions, which a stage of its own computes once for all that read them."""
    exchange = Exchange((below.stage(),), "keep")
    rows = leaf(0, below.fragment)
    return Spread(rows, (exchange,), below.partitions, ordered=below.ordered)


def gathered(below: Spread) -> Spread:
    """All rows in one partition, in their order when they have one."""
    if below.partitions == 1:
        return below
    exchange = Exchange((below.stage(),), "gather")
    return Spread(leaf(0, below.fragment), (exchange,), 1, ordered=below.ordered)


def hashed(below: Spread, keys: tuple[str, ...], partitions: int) -> Spread:
    """Rows with equal keys in one partition; there they are in their order."""
    exchange = Exchange((below.stage(),), "hash", keys)
    return Spread(leaf(0, below.fragment), (exchange,), partitions, ordered=False)


def fused(node: Node, children: Sequence[Spread]) -> Spread:
    """A node over children that have one partition each, in one stage."""
    inputs: list[Exchange] = []
    fragments: list[Node] = []
    for child in children:
        slots = []
        for exchange in child.inputs:
            if exchange not in inputs:
                inputs.append(exchange)
            slots.append(inputs.index(exchange))
        fragments.append(_reslotted(child.fragment, slots))
    return Spread(node.with_children(tuple(fragments)), tuple(inputs), 1)


def _reslotted(node: Node, slots: Sequence[int]) -> Node:
    """The fragment with other numbers for its inputs."""
    if isinstance(node, Input):
        return replace(node, slot=slots[node.slot])
    return node.with_children(tuple(_reslotted(child, slots) for child in node.children))


def ranged(below: Spread, order: Order, partitions: int) -> Spread:
    """Consecutive parts of the order in the partitions; within one, rows are not yet sorted."""
    exchange = Exchange((below.stage(),), "range", order=order)
    return Spread(leaf(0, below.fragment), (exchange,), partitions)


def cut(scan: Scan, partitions: int) -> list[Scan]:
    """The rows of a scan in consecutive parts of nearly equal size.

    Where the source is stored in pieces (row groups), parts begin with a piece if that makes them
    less than a quarter larger or smaller.
    """
    bounds = [scan.rows * i // partitions for i in range(partitions + 1)]
    pieces = [start - scan.start for start in getattr(scan.source, "piece_starts", ())]
    if len(pieces) == partitions and scan.rows == scan.source.rows:
        bounds = [*pieces, scan.rows]
    slack = scan.rows // partitions // 8
    bounds = [0, *(_nearest(pieces, bound, slack) for bound in bounds[1:-1]), scan.rows]
    return [
        replace(scan, start=scan.start + low, length=high - low)
        for low, high in itertools.pairwise(bounds)
    ]


def _nearest(starts: Sequence[int], bound: int, slack: int) -> int:
    """The start that is closest to the bound, if it is close enough, else the bound."""
    at = bisect.bisect_left(starts, bound)
    near = [start for start in starts[max(0, at - 1) : at + 1] if abs(start - bound) <= slack]
    return min(near, key=lambda start: abs(start - bound), default=bound)


_UNKNOWN = Input(-1, ())


def _settled(field: Field) -> Field:
    """The field without the probes of its dtype, which stand on plans of their own."""
    return replace(field, promotions=(_UNKNOWN,)) if field.promotions else field


def _of_partition(node: Node, scan: Scan | None, part: Scan | None, partition: int) -> Node:
    """The plan of one partition: its part of the scan; numbers of rows go on over the parts."""
    if part is not None and scan is not None:
        if node is scan:
            return part
        if isinstance(node, RowNumber) and node.child is scan:
            start = node.start + (part.start - scan.start) * node.step
            return RowNumber(part, node.name, start, node.step)
    children = (_of_partition(child, scan, part, partition) for child in node.children)
    node = node.with_children(tuple(children))
    return replace(node, partition=partition) if isinstance(node, Place) else node
