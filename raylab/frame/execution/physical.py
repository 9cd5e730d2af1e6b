"""The physical plan: stages of fused work, with exchanges of rows between them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal

from raylab.frame.plan.nodes import Input, Node, RowNumber, Scan


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
    """How the partitions of one stage reach the tasks of the next.

    Attributes:
        stage: what is computed first.
        kind: ``keep``: partition i feeds task i. ``hash``: rows with equal keys meet in one task.
            ``gather``: every task gets all rows, in the order of the partitions (a broadcast when
            there are several tasks).
        keys: the columns of a hash exchange.
        number: a column that numbers the rows over all partitions: name, start, step.
    """

    stage: Stage
    kind: Literal["keep", "hash", "gather"]
    keys: tuple[str, ...] = ()
    number: tuple[str, int, int] | None = None


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
        """The work so far as a stage."""
        if self.scan is None:
            plans: tuple[Node, ...] = (self.fragment,) * self.partitions
        else:
            cuts = cut(self.scan, self.partitions)
            plans = tuple(_with_part(self.fragment, self.scan, part) for part in cuts)
        return Stage(plans, self.inputs, self.ordered)

    def on(self, fragment: Node) -> Spread:
        """Other work on the same partitions."""
        return replace(self, fragment=fragment)


def leaf(slot: int, below: Node) -> Input:
    """The place in a plan where an exchange delivers the rows of another one."""
    return Input(slot, tuple(below.schema.items()), below.unique)


def cut(scan: Scan, partitions: int) -> list[Scan]:
    """The rows of a scan in consecutive parts of nearly equal size."""
    bounds = [scan.rows * i // partitions for i in range(partitions + 1)]
    return [
        replace(scan, start=scan.start + low, length=high - low)
        for low, high in itertools.pairwise(bounds)
    ]


def _with_part(node: Node, scan: Scan, part: Scan) -> Node:
    """The plan on one part of the scan; numbers of rows go on over the parts."""
    if node is scan:
        return part
    if isinstance(node, RowNumber) and node.child is scan:
        start = node.start + (part.start - scan.start) * node.step
        return RowNumber(part, node.name, start, node.step)
    return node.with_children(tuple(_with_part(child, scan, part) for child in node.children))
