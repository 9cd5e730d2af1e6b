"""The Ray runner: one task per partition of a stage; references move, rows do not.

The process that asks for a result submits all tasks and owns what they return. It sees rows only
when it fetches the result, and the samples from which it fixes the bounds of range exchanges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from raylab import runtime
from raylab.errors import ClusterError, ExecutionError
from raylab.frame import settings
from raylab.frame.execution import exchanges
from raylab.frame.execution.blocks import Block, own_memory
from raylab.frame.execution.physical import TINY, Exchange, Stage
from raylab.frame.execution.progress import StageBars
from raylab.frame.execution.shipping import Shipping
from raylab.frame.execution.tasks import (
    Delivery,
    Output,
    Summary,
    Task,
    cut_by_hash,
    cut_by_range,
    run_task,
    sampled,
)
from raylab.frame.optimizer.estimates import scanned_bytes
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.nodes import Node
from raylab.frame.sources.stored import Partition
from raylab.runtime import machine
from raylab.runtime.metrics import publish

_ENVIRONMENT = {"POLARS_MAX_THREADS": "1"}
"""A task has one core: more threads would fight for it, and could sum floats in another order."""

_LEAST_IN_FLIGHT = 64 << 20
_LABEL = 200


def run_on_ray(last: Stage, members: dict[str, pl.Series]) -> pl.DataFrame:
    """The rows of a plan, computed on the cluster; a local one is started where there is none.

    Raises:
        ExecutionError: the engine failed, or the cluster did; names the node and the partition.
        ClusterError: there is no cluster and none can be started.
    """
    return pl.concat(list(stream_on_ray(last, members)))


def stream_on_ray(last: Stage, members: dict[str, pl.Series]) -> Iterator[pl.DataFrame]:
    """The partitions of a plan one after the other, computed on the cluster; raises as above."""
    partitions = persist_on_ray(last, members)[::-1]
    while partitions:  # each is let go of before the next one comes
        yield own_memory(_get(partitions.pop().reference, "the result").frame)


def persist_on_ray(last: Stage, members: dict[str, pl.Series]) -> list[Partition]:
    """The partitions of a plan, computed on the cluster and left there; raises as above."""
    connect()
    with StageBars() as bars:
        run = _Run(last, members, bars)
        parts = run.stage(last)
        told = run.summaries()
    publish("", "frame", {"frame_tasks": 0, "frame_bytes": sum(s.nbytes for s in told.values())})
    summaries = [told[part.summary] for part in parts]
    return [
        Partition(part.block, summary.rows, summary.nbytes)
        for part, summary in zip(parts, summaries, strict=True)
    ]


def connect() -> None:
    """Uses the cluster that there is, or starts one with much of this machine's shared memory."""
    if not runtime.is_connected():
        store = min(machine.memory_bytes() // 4, machine.shared_memory_bytes() * 9 // 10)
        runtime.connect(object_store_bytes=store)


@dataclass(frozen=True, eq=False)
class _Part:
    """Rows on the cluster: a block by its reference, its guessed size, the summary of its task.

    ``empty`` stands for none of the block's rows, only for its columns.
    """

    block: Any
    nbytes: int
    summary: Any = None
    empty: bool = False


class _Run:
    """One execution: submits the tasks of all stages; a stage that feeds several runs once."""

    def __init__(self, last: Stage, members: dict[str, pl.Series], bars: StageBars) -> None:
        limit = max(_LEAST_IN_FLIGHT, runtime.object_store_bytes() // 2)
        self._flow = runtime.Flow(limit, _ENVIRONMENT)
        self._shipping = Shipping()
        values = {name: Block(series.to_frame()) for name, series in members.items()}
        self._members = [runtime.put(values)] if values else []
        self._users = _users(last)
        self._whole: dict[int, list[_Part]] = {}
        self._labels: dict[Any, str] = {}
        self._bars = bars
        self._stages: dict[Any, int] = {}
        self._told: dict[Any, Summary] = {}

    def stage(self, stage: Stage) -> list[_Part]:
        """The partitions of a stage, each as one block."""
        if id(stage) not in self._whole:
            self._whole[id(stage)] = [parts[0] for parts in self._submit(stage, Output())]
        return self._whole[id(stage)]

    def summaries(self) -> dict[Any, Summary]:
        """Waits for all tasks; what each tells about its rows, by the reference of its summary.

        Raises:
            ExecutionError: the first task that failed.
        """
        for reference in self._labels:
            self._wait(reference)
        return self._told

    def _wait(self, summary: Any) -> None:
        """Waits for a task; raises as above."""
        if summary not in self._told:
            self._told[summary] = _get(summary, self._labels[summary])
            self._bars.done(self._stages[summary])

    def _submit(self, stage: Stage, output: Output) -> list[list[_Part]]:
        """Submits the tasks of a stage; gives the pieces of each."""
        fed = [self._fed(exchange, stage.partitions) for exchange in stage.inputs]
        made = []
        self._bars.expect(id(stage), stage.plans[0].describe(), stage.partitions)
        for number, plan in enumerate(stage.plans):
            arguments = _Arguments(self._members)
            for exchange, feeds in zip(stage.inputs, fed, strict=True):
                before = self._before(exchange, number)
                arguments.deliver(feeds[number], exchange.number, before)
            portable, inputs = self._shipping.portable(plan, len(fed))
            for blocks in inputs:
                arguments.deliver([_Part(block, 0) for block in blocks])
            label = f"{_named(plan)}, partition {number + 1} of {stage.partitions}"
            deliveries = tuple(arguments.deliveries)
            members = 0 if self._members else None
            task = Task(portable, label, stage.ordered, deliveries, members, output)
            size = scanned_bytes(plan) + arguments.nbytes
            *blocks, summary = self._flow.submit(
                run_task,
                task,
                *arguments.values,
                returns=output.pieces + 1,
                nbytes=size,
                label=label,
            )
            self._labels[summary] = label
            self._stages[summary] = id(stage)
            publish("", "frame", {"frame_tasks": self._flow.pending})
            made.append([_Part(block, size // output.pieces, summary) for block in blocks])
        for exchange in stage.inputs:
            for below in exchange.stages:
                self._release(below)
        return made

    def _release(self, stage: Stage) -> None:
        """Lets go of the rows of a stage once everything that reads them is submitted."""
        self._users[id(stage)] -= 1
        if not self._users[id(stage)]:
            self._whole.pop(id(stage), None)

    def _fed(self, exchange: Exchange, count: int) -> list[list[_Part]]:
        """The parts that each of so many tasks is given."""
        if exchange.kind == "keep":
            return [[part] for part in self._parts(exchange)]
        if exchange.kind == "gather":
            return [self._parts(exchange)] * count
        if exchange.kind == "hash":
            cut = [row for stage in exchange.stages for row in self._hashed(stage, exchange, count)]
        else:
            cut = self._ranged(exchange, count)
        return [list(pieces) for pieces in zip(*cut, strict=True)]

    def _parts(self, exchange: Exchange) -> list[_Part]:
        return [part for stage in exchange.stages for part in self.stage(stage)]

    def _before(self, exchange: Exchange, number: int) -> list[Any]:
        """The summaries of the partitions before one, where rows are numbered."""
        if exchange.number is None:
            return []
        return [part.summary for part in self._parts(exchange)[:number]]

    def _hashed(self, stage: Stage, exchange: Exchange, count: int) -> list[list[_Part]]:
        """The pieces of each partition; the task that makes the rows cuts them, if it can."""
        if self._users[id(stage)] == 1:
            return self._submit(stage, Output(count, exchange.keys))
        return self._cut(self.stage(stage), count, cut_by_hash, exchange.keys, count)

    def _ranged(self, exchange: Exchange, count: int) -> list[list[_Part]]:
        """The pieces of each partition between bounds that are chosen here, from samples."""
        parts, order = self._parts(exchange), exchange.order
        for part in parts:
            self._wait(part.summary)
        size = sum(self._told[part.summary].nbytes for part in parts)
        if size <= settings.get("target_partition_bytes") // TINY:  # it was guessed to be more
            none = replace(parts[0], empty=True)
            return [[part, *[none] * (count - 1)] for part in parts]
        samples = [self._cut([part], 1, sampled, order, count)[0][0].block for part in parts]
        chosen = [_get(sample, "a sample").frame for sample in samples]
        bounds = Block(exchanges.choose_bounds(chosen, order, count))
        return self._cut(parts, count, cut_by_range, order, bounds)

    def _cut(
        self, parts: list[_Part], count: int, function: Callable[..., Any], *args: Any
    ) -> list[list[_Part]]:
        """Cuts each part by a task of its own."""
        cut = []
        for part in parts:
            label = f"{function.__name__} of {self._labels[part.summary]}"
            pieces = self._flow.submit(
                function, *args, part.block, returns=count, nbytes=part.nbytes, label=label
            )
            cut.append([_Part(piece, part.nbytes // count) for piece in pieces])
        return cut


class _Arguments:
    """The arguments of a task after its description, and how they make up its inputs."""

    def __init__(self, members: list[Any]) -> None:
        self.values: list[Any] = [*members]
        self.deliveries: list[Delivery] = []
        self.nbytes = 0

    def deliver(
        self,
        parts: list[_Part],
        number: tuple[str, int, int] | None = None,
        before: Sequence[Any] = (),
    ) -> None:
        """Adds an input."""
        first = len(self.values)
        self.values += [part.block for part in parts]
        after = len(self.values)
        self.values += before
        self.nbytes += sum(part.nbytes for part in parts)
        empty = all(part.empty for part in parts)
        places = tuple(range(first, after)), number, tuple(range(after, len(self.values)))
        self.deliveries.append(Delivery(*places, empty))


def _get(reference: Any, label: str) -> Any:
    try:
        return runtime.get(reference, label)
    except ClusterError as error:
        raise ExecutionError(str(error)) from error


def _users(last: Stage) -> Counter[int]:
    """How many exchanges read each stage."""
    users: Counter[int] = Counter()
    seen: set[int] = set()

    def visit(stage: Stage) -> None:
        if id(stage) in seen:
            return
        seen.add(id(stage))
        for exchange in stage.inputs:
            users.update(map(id, exchange.stages))
            for below in exchange.stages:
                visit(below)

    visit(last)
    return users


def _named(plan: Node) -> str:
    """A plan in a few words: its first node and what it reads."""
    leaves = [node.describe() for node in walk(plan) if not node.children]
    text = f"{plan.describe()} over {', '.join(leaves)}" if plan.children else plan.describe()
    return text.replace("\n", " ") if len(text) <= _LABEL else f"{text[:_LABEL]}..."
