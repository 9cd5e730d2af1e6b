"""The work of one task of a stage, on any process: a pure function of its plan and its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

import raylab.frame.execution.engine  # noqa: F401  registers the rules of all nodes
from raylab.errors import ExecutionError, RaylabError
from raylab.frame.execution import exchanges
from raylab.frame.execution.blocks import Block
from raylab.frame.execution.local import run_fragment
from raylab.frame.execution.physical import Order
from raylab.frame.kernels.carrying import taken_out
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.nodes import Node, Scan


@dataclass(frozen=True)
class Summary:
    """What is told about the rows that a task made.

    Attributes:
        rows: their number.
        nbytes: their size.
    """

    rows: int
    nbytes: int


@dataclass(frozen=True)
class Delivery:
    """How one input of a plan is made from the arguments of its task.

    Attributes:
        parts: the positions of the blocks that make it up, in order.
        number: a column that numbers the rows over all partitions: name, start, step.
        before: the positions of the summaries of the partitions before this one.
        empty: none of the rows.
    """

    parts: tuple[int, ...]
    number: tuple[str, int, int] | None = None
    before: tuple[int, ...] = ()
    empty: bool = False


@dataclass(frozen=True)
class Output:
    """What a task gives beside its summary: all rows, or rows cut by the hash of keys.

    Attributes:
        pieces: the number of blocks.
        keys: the columns that decide.
    """

    pieces: int = 1
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """The work of one task.

    Attributes:
        plan: over the inputs.
        label: what errors call it: the node and the partition.
        ordered: the order of the rows matters.
        deliveries: the inputs, by slot.
        members: the position of the values of memberships among the arguments.
        output: what it gives.
    """

    plan: Node
    label: str
    ordered: bool
    deliveries: tuple[Delivery, ...]
    members: int | None
    output: Output


def run_task(task: Task, *args: Any) -> list[Any]:
    """The blocks that a task gives, then their summary.

    Raises:
        ExecutionError: the engine failed; names the node and the partition.
        SourceChangedError: a scanned file is not what it was.
    """
    _check_sources(task.plan)
    inputs = [_delivered(delivery, args) for delivery in task.deliveries]
    members = {} if task.members is None else _members(args[task.members])
    try:
        frame = run_fragment(task.plan, inputs, members, ordered=task.ordered)
    except RaylabError:
        raise
    except Exception as error:
        found = taken_out(error) or error
        if isinstance(found, pl.exceptions.PolarsError):
            _check_sources(task.plan)
            raise ExecutionError(f"the engine failed on {task.label}: {found}") from found
        found.add_note(f"raylab: raised on {task.label}.")
        if found is error:
            raise
        raise found from None
    summary = Summary(frame.height, int(frame.estimated_size()))
    if not task.output.keys:
        return [Block(frame), summary]
    return [*cut_by_hash(task.output.keys, task.output.pieces, Block(frame)), summary]


def cut_by_hash(keys: tuple[str, ...], pieces: int, block: Block) -> list[Block]:
    """The rows of a partition in as many blocks; equal keys in one of them."""
    return [Block(piece) for piece in exchanges.split_by_hash(block.frame, keys, pieces)]


def cut_by_range(order: Order, bounds: Block, block: Block) -> list[Block]:
    """The rows of a partition between the bounds of a range exchange."""
    pieces = exchanges.split_by_range(block.frame, order, bounds.frame)
    return [Block(piece) for piece in pieces]


def sampled(order: Order, pieces: int, block: Block) -> list[Block]:
    """Rows of a partition, from which the bounds of a range exchange are chosen."""
    return [Block(exchanges.sample(block.frame, order, pieces))]


def _members(blocks: dict[str, Block]) -> dict[str, pl.Series]:
    return {fingerprint: block.frame.to_series() for fingerprint, block in blocks.items()}


def _delivered(delivery: Delivery, args: tuple[Any, ...]) -> pl.DataFrame:
    frame: pl.DataFrame = pl.concat([args[position].frame for position in delivery.parts])
    frame = frame.clear() if delivery.empty else frame
    if delivery.number is None:
        return frame
    before = sum(args[position].rows for position in delivery.before)
    return exchanges.numbered(frame, delivery.number, before)


def _check_sources(plan: Node) -> None:
    for node in walk(plan):
        if isinstance(node, Scan):
            node.source.check()
