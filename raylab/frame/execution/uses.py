"""What triggers have used of plans: rows that a second one needs are kept, later ones start there.

A trigger reads only the columns that it needs, so its own plan tells little about the next. What is
recognised is the node as it was written down, before anything was pruned.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from raylab.frame import settings
from raylab.frame.execution.cache import CACHE
from raylab.frame.optimizer.estimates import WORK, estimated_rows, row_bytes
from raylab.frame.optimizer.rewriting import walk_distinct
from raylab.frame.plan.nodes import (
    Aggregate,
    Filter,
    Join,
    Node,
    Project,
    RowNumber,
    Scan,
    SemiJoin,
    Sort,
    TopK,
)
from raylab.frame.plan.windows import Window

SHARE = 4
"""A result above this part of the cache is not kept for triggers that may come."""

_LITTLE = 64 << 20
"""Up to this size all columns of a node are kept."""

_REMEMBERED = 10_000
_WHOLE = (Aggregate, Project, RowNumber, Sort, TopK, Window)
"""Nodes that need all rows of their child; below others a filter or a slice may go deeper."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows to keep.

    Attributes:
        columns: of them, in the order of the node.
        limit: more rows than these are not kept; None for no limit.
    """

    columns: tuple[str, ...]
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class _Use:
    times: int = 0
    columns: frozenset[str] = frozenset()
    too_large: bool = False


class Uses:
    """How often triggers computed a node, and which columns. Thread-safe; forgets the oldest."""

    def __init__(self) -> None:
        self._uses: OrderedDict[str, _Use] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, node: Node, columns: frozenset[str]) -> _Use:
        """Records a use of the node; gives all uses so far with this one."""
        with self._lock:
            known = self._uses.pop(node.fingerprint, _Use())
            use = replace(known, times=known.times + 1, columns=known.columns | columns)
            self._uses[node.fingerprint] = use
            if len(self._uses) > _REMEMBERED:
                self._uses.popitem(last=False)
            return use

    def refuse(self, fingerprint: str) -> None:
        """The rows of a node were found to be too many: they are not tried again."""
        with self._lock:
            self._uses[fingerprint] = replace(self._uses.get(fingerprint, _Use()), too_large=True)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._uses.clear()


USES = Uses()


def reused(plan: Node, *, ordered: bool) -> dict[str, Wanted]:
    """Records what a trigger computes; gives what of it is worth to be kept, by fingerprint.

    These are the uppermost nodes with work below that a trigger has computed before: at the
    second time where all their rows are needed, at the third where a filter, a slice or a join
    above them may need less. The columns are those that were asked for so far; all, where they are
    little data or where those turned out to be too few.
    """
    work = _with_work(plan)
    wanted: dict[str, Wanted] = {}
    required = {plan.fingerprint: (frozenset(plan.schema), True)}
    for node in walk_distinct(plan):
        asked = required.get(node.fingerprint)
        if asked is None or node.fingerprint not in work:
            continue
        columns, whole = asked
        if CACHE.get(node, columns) is not None:
            continue
        use = USES.add(node, columns)
        enough = use.times >= (2 if whole else 3) and not use.too_large
        if enough and node is not plan and (ordered or not _sorts(node)):
            chosen = _affordable(node, use.columns)
            if chosen is not None:
                wanted[node.fingerprint] = chosen
                continue
        whole = whole and isinstance(node, _WHOLE)
        for child, needs in zip(node.children, node.required(columns), strict=True):
            known, all_rows = required.get(child.fingerprint, (frozenset(), True))
            read = known | (needs & frozenset(child.schema))
            required[child.fingerprint] = (read, all_rows and whole)
    return wanted


def _affordable(node: Node, columns: frozenset[str]) -> Wanted | None:
    """The node's rows with the columns, where they are likely to fit into a part of the cache."""
    budget = settings.get("cache_bytes") // SHARE
    known_too_few = CACHE.get(node, frozenset()) is not None
    for names, limit in (
        (frozenset(node.schema), budget if known_too_few else min(budget, _LITTLE)),
        (columns or frozenset(list(node.schema)[:1]), budget),
    ):
        width = row_bytes([node.schema[name] for name in names])
        if estimated_rows(node) * width <= limit:
            kept = tuple(name for name in node.schema if name in names)
            return Wanted(kept, budget // max(width, 1))
    return None


def _with_work(plan: Node) -> set[str]:
    """The nodes where more is done, or further below, than reading and computing row by row."""
    found: set[str] = set()
    for node in reversed(walk_distinct(plan)):
        if isinstance(node, WORK) or any(c.fingerprint in found for c in node.children):
            found.add(node.fingerprint)
    return found


def _sorts(node: Node) -> bool:
    """Whether the node's rows must be sorted to be in their order, which not everybody sees."""
    match node:
        case Sort():
            return True
        case Aggregate() | TopK() | Scan():
            return False
        case Join() | SemiJoin() | Filter() | Project():
            return _sorts(node.children[0])
        case _:
            return any(_sorts(child) for child in node.children)
