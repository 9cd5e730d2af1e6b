"""The in-process runner: stages one after the other, partitions as Polars frames."""

from __future__ import annotations

import polars as pl

from raylab.frame.execution.lowering import Lowering
from raylab.frame.execution.physical import Exchange, Stage
from raylab.frame.execution.planner import plan_stages
from raylab.frame.plan.nodes import Node

_HASH_SEED = 20_261_123


def run_partitioned(
    plan: Node, partitions: int, members: dict[str, pl.Series], *, ordered: bool
) -> pl.DataFrame:
    """The rows of a plan, computed in partitions."""
    (result,) = _Run(members).stage(plan_stages(plan, partitions, ordered=ordered))
    return result


class _Run:
    """One execution; a stage that feeds several others runs once."""

    def __init__(self, members: dict[str, pl.Series]) -> None:
        self._members = members
        self._done: dict[int, list[pl.DataFrame]] = {}

    def stage(self, stage: Stage) -> list[pl.DataFrame]:
        """The partitions that a stage gives."""
        if id(stage) not in self._done:
            inputs = [self._exchanged(exchange, stage.partitions) for exchange in stage.inputs]
            self._done[id(stage)] = [
                self._task(plan, [parts[i] for parts in inputs], stage.ordered)
                for i, plan in enumerate(stage.plans)
            ]
        return self._done[id(stage)]

    def _task(self, plan: Node, inputs: list[pl.DataFrame], ordered: bool) -> pl.DataFrame:
        frames = {slot: frame.lazy() for slot, frame in enumerate(inputs)}
        lowered = Lowering(frames, self._members).root(plan, ordered=ordered)
        return lowered.collect(engine="streaming")

    def _exchanged(self, exchange: Exchange, tasks: int) -> list[pl.DataFrame]:
        """What each task of the next stage is given."""
        parts = self.stage(exchange.stage)
        if exchange.number is not None:
            parts = numbered(parts, *exchange.number)
        match exchange.kind:
            case "keep":
                return parts
            case "gather":
                return [pl.concat(parts)] * tasks
            case "hash":
                cut = [split_by_hash(part, exchange.keys, tasks) for part in parts]
                return [pl.concat([pieces[task] for pieces in cut]) for task in range(tasks)]


def split_by_hash(frame: pl.DataFrame, keys: tuple[str, ...], parts: int) -> list[pl.DataFrame]:
    """The rows in ``parts`` frames; equal keys, and missing ones, go to the same frame.

    The place of a row depends on its keys alone, so that a task that runs again gives the same.
    """
    columns = [
        pl.col(key).fill_nan(None) if frame.schema[key].is_float() else pl.col(key) for key in keys
    ]
    target = frame.select(pl.struct(columns).hash(_HASH_SEED) % parts).to_series()
    return [frame.filter(target == part) for part in range(parts)]


def numbered(parts: list[pl.DataFrame], name: str, start: int, step: int) -> list[pl.DataFrame]:
    """The partitions with their rows numbered on from one to the next."""
    result = []
    before = 0
    for part in parts:
        number = (pl.col(name).cast(pl.Int64) + before) * step + start
        result.append(part.with_row_index(name).with_columns(number))
        before += part.height
    return result
