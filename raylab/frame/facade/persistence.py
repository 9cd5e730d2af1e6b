"""Frames whose rows stay in the object store of a cluster."""

from __future__ import annotations

from typing import Any

from raylab.frame import settings
from raylab.frame.execution import engine
from raylab.frame.facade.state import LEVEL, FrameState, Levels
from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.nodes import HIDDEN, Project, Scan
from raylab.frame.sources.memory import FrameSource
from raylab.frame.sources.stored import Partition, StoredSource


def persisted(state: FrameState) -> FrameState:
    """The frame over rows that are computed and kept on the cluster, or here."""
    return _kept(state, here=settings.get("execution") == "local")


def kept_on_ray(state: FrameState) -> FrameState:
    """The frame over rows that are computed and kept on the cluster."""
    return _kept(state, here=False)


def kept_here(state: FrameState) -> FrameState:
    """The frame over rows that are computed and kept in this process."""
    return _kept(state, here=True)


def _kept(state: FrameState, *, here: bool) -> FrameState:
    state = state.settled(list(state.columns))
    index = state.index
    levels: dict[str, Expr] = {}
    if isinstance(index, Levels):
        levels = {_level_name(i, expr): expr for i, expr in enumerate(index.exprs)}
        index = index.of(tuple(Column(name) for name in levels))
    node = Project(state.rows, (*state.columns.items(), *levels.items()))
    if here:
        rows = Scan(FrameSource(engine.execute(node), node.schema), tuple(node.schema))
    else:
        rows = engine.persist(node)
    columns: dict[str, Expr] = {label: Column(label) for label in state.columns}
    return FrameState(rows, columns, index, state.columns_name)


def _level_name(number: int, expr: Expr) -> str:
    """A hidden name; what is left of a RangeIndex is told by its name."""
    is_position = isinstance(expr, Column) and expr.name.startswith(f"{HIDDEN}row")
    return f"{HIDDEN}row{number}" if is_position else f"{LEVEL}{number}"


def stored_partitions(state: Any) -> list[Partition]:
    """The partitions of a persisted frame; none where it is not one."""
    if isinstance(state, FrameState) and isinstance(state.rows, Scan):
        source = state.rows.source
        if isinstance(source, StoredSource):
            return list(source.partitions)
    return []
