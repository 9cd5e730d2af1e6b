"""The in-process runner: stages one after the other, partitions as Polars frames."""

from __future__ import annotations

import itertools

import polars as pl

from raylab.frame.execution import exchanges
from raylab.frame.execution.lowering import Lowering
from raylab.frame.execution.physical import Exchange, Stage
from raylab.frame.execution.progress import StageBars
from raylab.frame.execution.trust import run_trusting
from raylab.frame.plan.nodes import Node

_OPTIMIZATIONS = pl.QueryOptFlags(join_order=False)
"""The engine knows the height of broadcast frames only, and would join these with each other."""


def run_stages(last: Stage, members: dict[str, pl.Series]) -> list[pl.DataFrame]:
    """The partitions that the last stage of a plan gives.

    Args:
        last: the stage, with all that come before it.
        members: the values of each ``Membership``, by fingerprint.
    """
    with StageBars() as bars:
        return _Run(members, bars).stage(last)


def run_fragment(
    plan: Node, inputs: list[pl.DataFrame], members: dict[str, pl.Series], *, ordered: bool
) -> pl.DataFrame:
    """The work of one task: a plan over the rows of its inputs, by slot."""
    frames = {slot: frame.lazy() for slot, frame in enumerate(inputs)}

    def run(plan: Node) -> pl.DataFrame:
        lowered = Lowering(frames, members).root(plan, ordered=ordered)
        return lowered.collect(engine="streaming", optimizations=_OPTIMIZATIONS)

    return run_trusting(plan, run)


class _Run:
    """One execution; a stage that feeds several others runs once."""

    def __init__(self, members: dict[str, pl.Series], bars: StageBars) -> None:
        self._members = members
        self._bars = bars
        self._done: dict[int, list[pl.DataFrame]] = {}

    def stage(self, stage: Stage) -> list[pl.DataFrame]:
        if id(stage) not in self._done:
            inputs = [self._exchanged(exchange, stage.partitions) for exchange in stage.inputs]
            self._bars.expect(id(stage), stage.plans[0].describe(), stage.partitions)
            done = self._done[id(stage)] = []
            for plan, parts in zip(stage.plans, _by_task(inputs, stage), strict=True):
                done.append(run_fragment(plan, list(parts), self._members, ordered=stage.ordered))
                self._bars.done(id(stage))
        return self._done[id(stage)]

    def _exchanged(self, exchange: Exchange, tasks: int) -> list[pl.DataFrame]:
        """What each task of the next stage is given."""
        parts = [part for stage in exchange.stages for part in self.stage(stage)]
        if exchange.number is not None:
            before = itertools.accumulate((part.height for part in parts), initial=0)
            parts = [
                exchanges.numbered(part, exchange.number, rows)
                for part, rows in zip(parts, before, strict=False)
            ]
        if exchange.kind == "keep":
            return parts
        if exchange.kind == "gather":
            return [pl.concat(parts)] * tasks
        if exchange.kind == "hash":
            cut = [exchanges.split_by_hash(part, exchange.keys, tasks) for part in parts]
        else:
            samples = [exchanges.sample(part, exchange.order, tasks) for part in parts]
            bounds = exchanges.choose_bounds(samples, exchange.order, tasks)
            cut = [exchanges.split_by_range(part, exchange.order, bounds) for part in parts]
        return [pl.concat(pieces) for pieces in zip(*cut, strict=True)]


def _by_task(inputs: list[list[pl.DataFrame]], stage: Stage) -> list[tuple[pl.DataFrame, ...]]:
    return list(zip(*inputs, strict=True)) if inputs else [()] * stage.partitions
