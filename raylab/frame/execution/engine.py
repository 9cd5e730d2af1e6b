"""Running plans: optimize, choose partitions, run, keep the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

import raylab.frame.execution.aggregates
import raylab.frame.execution.joins
import raylab.frame.execution.windows  # noqa: F401  these register the rules of their nodes
from raylab.errors import ExecutionError, RaylabError
from raylab.frame import settings, sites
from raylab.frame.execution.cache import CACHE
from raylab.frame.execution.keeping import inexact_aggregate, keeping
from raylab.frame.execution.local import run_stages
from raylab.frame.execution.lowering import Lowering
from raylab.frame.execution.placement import Placement, choose, partitions_on_ray
from raylab.frame.execution.planner import plan_stages
from raylab.frame.execution.trust import run_trusting
from raylab.frame.execution.uses import SHARE, USES, Wanted, reused
from raylab.frame.kernels.carrying import taken_out
from raylab.frame.optimizer import optimize
from raylab.frame.optimizer.estimates import estimated_bytes, scanned_bytes
from raylab.frame.optimizer.pruning import columns_read, prune_columns
from raylab.frame.optimizer.rewriting import walk, walk_distinct
from raylab.frame.optimizer.windows import compute_windows, has_windows
from raylab.frame.plan.expressions import Column, Expr, Literal, Membership
from raylab.frame.plan.functions import AGGREGATIONS
from raylab.frame.plan.nodes import (
    Aggregate,
    AggregateCall,
    Node,
    Project,
    Scan,
)
from raylab.frame.sources.memory import FrameSource
from raylab.frame.sources.stored import StoredSource


def execute(node: Node) -> pl.DataFrame:
    """The rows of a plan, in their order; kept for later plans while they fit.

    Raises:
        SourceChangedError: a scanned file is not what it was.
        ExecutionError: the engine failed; the cause says why.
    """
    plan = compute_windows(node)
    return _once(plan, lambda: run(plan, ordered=True))


def persist(node: Node) -> Scan:
    """A scan of a plan's rows, computed now and kept in the object store; raises as execute."""
    from raylab.frame.execution.remote import persist_on_ray

    plan, members = _prepared(compute_windows(node))
    stage = plan_stages(plan, partitions_on_ray(plan), ordered=True)
    partitions = persist_on_ray(stage, members)
    return Scan(StoredSource(tuple(partitions), node.schema), tuple(node.schema))


def _prepared(node: Node) -> tuple[Node, dict[str, pl.Series]]:
    """The optimized plan over sources that are what they were, and the values it looks up."""
    plan = optimize(node, kept)
    check_sources(plan)
    return plan, {m.fingerprint: _members(m) for m in _memberships(plan)}


def run(node: Node, *, ordered: bool) -> pl.DataFrame:
    """The rows of a plan, computed now; what an earlier trigger computed, too, is kept."""
    return _run_keeping(node, reused(node, ordered=ordered), ordered=ordered)


def _run_keeping(node: Node, wanted: Mapping[str, Wanted], *, ordered: bool) -> pl.DataFrame:
    """The rows of a plan; those of some of its nodes are kept on the way."""
    if not wanted:
        return _run(node, ordered=ordered)
    if not in_one_pass(node):
        for below in walk_distinct(node)[::-1]:
            if below.fingerprint in wanted:
                _keep(below, wanted[below.fingerprint])
        return _run(node, ordered=ordered)
    plan, members = _prepared(keeping(node, wanted))

    def collected(plan: Node) -> dict[str, pl.DataFrame]:
        lowering = Lowering(members=members)
        last = lowering.root(plan, ordered=ordered)
        frames = pl.collect_all([*lowering.kept.values(), last], engine="streaming")
        return dict(zip((*lowering.kept, ""), frames, strict=True))

    with _engine_errors(plan):
        kept_rows = run_trusting(plan, collected)
    result = kept_rows.pop("")
    for fingerprint, frame in kept_rows.items():
        limit = wanted[fingerprint].limit
        if limit is not None and frame.height > limit:
            USES.refuse(fingerprint)
        else:
            CACHE.put(fingerprint, frame)
    return result.select(list(node.schema))


def _keep(node: Node, wanted: Wanted) -> None:
    """Computes and keeps rows in a run of their own; not through this process from a cluster."""
    if wanted.limit is None or choose(node).runner == "local":
        columns = tuple((name, Column(name)) for name in wanted.columns)
        CACHE.put(node.fingerprint, _run(Project(node, columns), ordered=True))


def _run(node: Node, *, ordered: bool) -> pl.DataFrame:
    plan, members = _prepared(node)
    placement = choose(plan)
    with _engine_errors(plan):
        if placement.runner == "ray":
            from raylab.frame.execution.remote import run_on_ray

            stage = plan_stages(plan, placement.partitions, ordered=ordered)
            frame = run_on_ray(stage, members)
        elif placement.partitions > 1:
            stage = plan_stages(plan, placement.partitions, ordered=ordered)
            frame = pl.concat(run_stages(stage, members))
        else:
            frame = run_trusting(
                plan, lambda p: collect(Lowering(members=members).root(p, ordered=ordered))
            )
    return frame.select(list(node.schema))


def _told(plan: Node) -> str:
    """A plan in two lines: its last node, and what it reads."""
    leaves = [node.describe() for node in walk(plan) if not node.children]
    return "\n".join(dict.fromkeys((plan.describe(), *leaves)))


def batches(node: Node, rows: int) -> Iterator[pl.DataFrame]:
    """The rows of a plan in their order, so many at a time; at least one batch, maybe empty.

    A result that takes a fair part of the cache is kept, as by ``execute``; a larger one is never
    whole in this process. Raises as ``execute``.
    """
    if estimated_bytes(node) <= settings.get("cache_bytes") // SHARE:
        frames: Iterable[pl.DataFrame] = [execute(node)]
    else:
        frames = _streamed(node, rows)
    given = False
    for frame in _regrouped(frames, rows):
        given = True
        yield frame
    if not given:
        yield execute(node)


def _streamed(node: Node, rows: int) -> Iterator[pl.DataFrame]:
    plan, members = _prepared(compute_windows(node))
    placement = choose(plan)
    names = list(node.schema)
    with _engine_errors(plan):
        if placement.runner == "ray":
            from raylab.frame.execution.remote import stream_on_ray

            stage = plan_stages(plan, placement.partitions, ordered=True)
            frames: Iterable[pl.DataFrame] = stream_on_ray(stage, members)
        else:
            lowered = Lowering(members=members).root(plan, ordered=True)
            frames = lowered.collect_batches(chunk_size=rows, engine="streaming")
        for frame in frames:
            yield frame.select(names)


def _regrouped(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The same rows in frames of so many, the last one with the rest; none for no rows."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        while sum(part.height for part in waiting) >= rows:
            whole = pl.concat(waiting)
            yield whole.head(rows)
            waiting = [whole.slice(rows)]
    if any(part.height for part in waiting):
        yield pl.concat(waiting)


_OPTIMIZATIONS = pl.QueryOptFlags(comm_subplan_elim=False)
"""Work that is read twice is shared already; a scan is better read twice, by what each reader needs."""


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """Runs a lowered plan on the streaming engine."""
    return frame.collect(engine="streaming", optimizations=_OPTIMIZATIONS)


def kept(node: Node, columns: frozenset[str]) -> Node | None:
    """A scan of the node's kept result, where it has these columns."""
    frame = CACHE.get(node, columns)
    if frame is None:
        return None
    names = [name for name in node.schema if name in frame.columns]
    fields = {name: node.schema[name] for name in names}
    source = FrameSource(frame, fields, f"kept:{node.fingerprint}")
    return Scan(source, tuple(names)).prune(columns)


def check_sources(node: Node) -> None:
    """Raises SourceChangedError when a file of the plan is not what was scanned."""
    for leaf in walk(node):
        if isinstance(leaf, Scan):
            leaf.source.check()


def has_rows(probe: Node) -> bool:
    """Whether a plan gives any row: a question of the library's own, no use of what is below."""
    plan = compute_windows(_counting(probe))
    return int(_once(plan, lambda: _run(plan, ordered=False)).item()) > 0


def count_rows(node: Node) -> int:
    """The number of rows of a plan: from the footers where they tell, else computed once."""
    below = node
    while below.keeps_rows:
        (below,) = below.children
    if isinstance(below, Scan):
        return below.rows
    cached = CACHE.get(below, frozenset())
    if cached is not None:
        return cached.height
    return int(execute_small(_counting(below)).item())


Calls: TypeAlias = tuple[tuple[str, AggregateCall], ...]

_LITTLE_TO_READ = 256 << 20
"""Up to so many bytes are read for what nobody has asked yet."""


@dataclass(frozen=True, slots=True)
class Reductions:
    """Aggregations over all rows of a node."""

    rows: Node
    calls: Calls

    def plan(self) -> Aggregate:
        """One row, in which each aggregation is named by its fingerprint."""
        return Aggregate(self.rows, (), tuple({c.fingerprint: c for _, c in self.calls}.items()))


def reduce_rows(
    node: Node, calls: Calls, together: Calls = (), beside: Reductions | None = None
) -> pl.DataFrame:
    """One row of aggregations over all rows of a node; float aggregates below are kept.

    Each aggregation is computed once, whatever others it is asked for with.

    Args:
        node: the rows.
        calls: what is asked for.
        together: what is computed in the same pass where that costs little, for later questions.
        beside: what the same pass computes over rows below, of which the node's are a part.
    """
    plan = compute_windows(Reductions(node, calls).plan())
    asked = frozenset(plan.schema)
    if together:
        cheap = together if in_one_pass(plan) else tuple(c for c in together if _splits(c[1]))
        plan = compute_windows(Reductions(node, (*cheap, *calls)).plan())
    all_calls = Aggregate(node, (), ()).fingerprint
    row = CACHE.compute_once(all_calls, asked, lambda: _run_and_keep(plan, beside))
    return row.select(pl.col(c.fingerprint).alias(name) for name, c in calls)


def _splits(call: AggregateCall) -> bool:
    return AGGREGATIONS[call.function].split is not None


def _run_and_keep(plan: Node, beside: Reductions | None) -> pl.DataFrame:
    wanted = reused(plan, ordered=False)
    sums = inexact_aggregate(plan)
    if sums is not None:
        wanted[sums.fingerprint] = Wanted(tuple(sums.schema))
    if beside is not None and not wanted and in_one_pass(plan):
        together = _run_together(plan, beside)
        if together is not None:
            return together
    return _run_keeping(plan, wanted, ordered=False)


def _run_together(plan: Node, beside: Reductions) -> pl.DataFrame | None:
    """The plan and what stands beside it, in one pass; None where it is known, or much to read."""
    other = beside.plan()
    all_calls = Aggregate(beside.rows, (), ())
    if CACHE.get(all_calls, frozenset(other.schema)) is not None or has_windows(other):
        return None
    if scanned_bytes(prune_columns(other, None)) > _LITTLE_TO_READ:
        return None
    read = (columns_read(whole, beside.rows) for whole in (plan, other))
    names = frozenset().union(*read)
    columns = tuple(name for name in beside.rows.schema if name in names)
    share = {beside.rows.fingerprint: Wanted(columns, 0)}
    plans: list[Node] = []
    members: dict[str, pl.Series] = {}
    for whole in (plan, other):
        prepared, looked_up = _prepared(keeping(whole, share))
        plans.append(prepared)
        members |= looked_up
    lowering = Lowering(members=members)
    lowered = [lowering.root(prepared, ordered=False) for prepared in plans]
    with _engine_errors(plan):
        row, other_row = pl.collect_all(lowered, engine="streaming")
    CACHE.put(all_calls.fingerprint, other_row)
    return row


@contextmanager
def _engine_errors(plan: Node) -> Iterator[None]:
    """Says on which plan the engine failed, unless one of its files has changed.

    What pandas' own code raised is raised as it was, with a note that names the user's line.
    """
    try:
        yield
    except RaylabError:
        raise
    except Exception as error:
        found = taken_out(error) or error
        if isinstance(found, pl.exceptions.PolarsError):
            check_sources(plan)
            raise ExecutionError(f"the engine failed on\n{_told(plan)}\n{found}") from found
        if note := sites.told(plan):
            found.add_note(note)
        if found is error:
            raise
        raise found from None


def in_one_pass(plan: Node) -> bool:
    """Whether one streaming query of this process computes a plan."""
    return choose(plan) == Placement("local", 1)


def execute_small(node: Node) -> pl.DataFrame:
    """The rows of a plan with a small result."""
    plan = compute_windows(node)
    return _once(plan, lambda: run(plan, ordered=False))


def _once(plan: Node, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    names = list(plan.schema)
    return CACHE.compute_once(plan.fingerprint, frozenset(names), compute).select(names)


def _counting(node: Node) -> Node:
    return Aggregate(node, (), (("rows", AggregateCall("size", Literal(True))),))


def _memberships(plan: Node) -> list[Membership]:
    """The memberships that no rule could turn into a join."""
    found: dict[str, Membership] = {}

    def visit(expr: Expr) -> None:
        if isinstance(expr, Membership):
            found[expr.fingerprint] = expr
        for operand in expr.operands:
            visit(operand)

    for node in walk(plan):
        for expr in node.expressions:
            visit(expr)
    return list(found.values())


def _members(membership: Membership) -> pl.Series:
    values = execute(membership.values).to_series().unique()
    return values.fill_nan(None) if values.dtype.is_float() else values
