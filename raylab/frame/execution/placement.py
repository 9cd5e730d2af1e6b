"""Where a plan runs, and in how many partitions: by its size, the memory and the cluster."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Literal

from raylab.frame import settings
from raylab.frame.optimizer.estimates import scanned_bytes
from raylab.frame.optimizer.rewriting import walk
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import Node, Project, RowNumber, Scan
from raylab.frame.plan.opaque import Opaque
from raylab.frame.sources.memory import FrameSource, PandasSource
from raylab.frame.sources.stored import StoredSource
from raylab.runtime import machine

_WORTH_A_CLUSTER = 4
"""So many partitions of the aimed size make it worth to use the other nodes of a cluster."""

_ROWS_OF_A_CALL = 100


@dataclass(frozen=True)
class Placement:
    """The runner of a plan and its partitions."""

    runner: Literal["local", "ray"]
    partitions: int


def choose(plan: Node) -> Placement:
    """The placement of an optimized plan. Never connects to a cluster without need.

    In this process the default is one partition: the streaming engine uses all cores on it.
    """
    asked: int | None = settings.get("npartitions")
    execution = settings.get("execution")
    size = scanned_bytes(plan)
    if execution == "auto":
        execution = "ray" if _is_stored(plan) or _needs_cluster(size) else "local"
    if execution == "local" or _is_small(plan, functions=isinstance(plan, Opaque)):
        return Placement("local", asked or 1)
    if _is_chosen(plan):
        return Placement("local", 1)
    return Placement("ray", partitions_on_ray(plan))


def partitions_on_ray(plan: Node) -> int:
    """So many partitions that each has the size that is aimed at, unless the user says how many."""
    asked: int | None = settings.get("npartitions")
    target: int = settings.get("target_partition_bytes")
    return asked or max(1, -(-scanned_bytes(plan) // target))


def _is_stored(plan: Node) -> bool:
    """Whether the plan reads what lies in the object store."""
    scans = (node for node in walk(plan) if isinstance(node, Scan))
    return any(isinstance(scan.source, StoredSource) for scan in scans)


def _is_small(plan: Node, *, functions: bool) -> bool:
    """Whether all data is in this process's memory and of a size that pandas is best for.

    A row that a Python function is called with counts as a hundred others.
    """
    limit = settings.get("lazy_threshold_rows") // (_ROWS_OF_A_CALL if functions else 1)
    scans = [node for node in walk(plan) if isinstance(node, Scan)]
    return all(in_memory(scan) and scan.rows < limit for scan in scans)


def _is_chosen(plan: Node) -> bool:
    """Whether the plan only chooses among columns and rows in this process: nothing to compute."""
    if isinstance(plan, Project) and not all(isinstance(expr, Column) for _, expr in plan.columns):
        return False
    if isinstance(plan, Project | RowNumber):
        return _is_chosen(plan.child)
    return isinstance(plan, Scan) and in_memory(plan)


def in_memory(scan: Scan) -> bool:
    """Whether the rows are objects of this process, which no other can read."""
    source = scan.source
    return isinstance(source, PandasSource | FrameSource) or getattr(source, "in_process", False)


def _needs_cluster(size: int) -> bool:
    """Whether the data is too large for this machine, or large enough for a cluster that is there."""
    if size > machine.memory_bytes() // 2:
        return True  # the object store spills to disk, the streaming engine does not
    if size < _WORTH_A_CLUSTER * settings.get("target_partition_bytes"):
        return False
    if "ray" not in sys.modules and "RAY_ADDRESS" not in os.environ:
        return False
    from raylab import runtime

    if not runtime.is_connected() and "RAY_ADDRESS" not in os.environ:
        return False
    cluster = runtime.connect()
    return cluster.cpus > cluster.largest_node_cpus
