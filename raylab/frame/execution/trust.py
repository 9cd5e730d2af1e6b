"""Float sums of files are taken to be numbers, and looked at: NaN is rare there, nulls are not.

pandas leaves NaN out of a sum. To look for it in every value costs as much as the sum, and a sum of
which one value was NaN is NaN itself: so it is enough to look at the groups. Where one is NaN (be
it by infinities) the plan runs again, with every value looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import polars as pl

from raylab.frame.optimizer.rewriting import bottom_up, walk
from raylab.frame.plan.groups import TrustedAggregate
from raylab.frame.plan.nodes import Aggregate, Input, Node, Scan
from raylab.frame.plan.opaque import Opaque
from raylab.frame.plan.schema import FLOAT64
from raylab.frame.sources.parquet import ParquetSource

Result = TypeVar("Result")

_SUMS = ("sum", "mean", "float_sum")
_FOUND = "raylab: a sum is NaN"
_MOST = 1000
_distrusted: set[str] = set()
"""Files in whose sums NaN was found, or plans over what other stages gave."""


def run_trusting(plan: Node, run: Callable[[Node], Result]) -> Result:
    """Runs a plan without the search for NaN below sums; again with it, where one is NaN."""
    trusted = _trusting(plan)
    if trusted is plan:
        return run(plan)
    try:
        return run(trusted)
    except Exception as error:
        if _FOUND not in str(error):
            raise
    if len(_distrusted) > _MOST:
        _distrusted.clear()
    _distrusted.update(_identities(plan))
    return run(plan)


def checked(frame: pl.LazyFrame, names: tuple[str, ...]) -> pl.LazyFrame:
    """The frame, which fails where one of these columns is NaN."""
    looked_at = [
        pl.col(name).map_batches(_numbers, return_dtype=pl.Float64(), is_elementwise=True)
        for name in names
    ]
    return frame.with_columns(looked_at) if looked_at else frame


def _numbers(values: pl.Series) -> pl.Series:
    if values.is_nan().any():
        raise ArithmeticError(_FOUND)
    return values


def _trusting(plan: Node) -> Node:
    """The plan with trusted aggregations; the plan itself where none is to be."""
    nodes = walk(plan)
    leaves = [node for node in nodes if not node.children]
    files = all(
        isinstance(leaf, Input)
        or (isinstance(leaf, Scan) and isinstance(leaf.source, ParquetSource))
        for leaf in leaves
    )
    if not files or any(isinstance(node, Opaque) for node in nodes):
        return plan
    if _identities(plan) & _distrusted:
        return plan
    return bottom_up(plan, _trusted)


def _trusted(node: Node) -> Node:
    """An aggregation whose sums and averages are taken to be no NaN."""
    if not isinstance(node, Aggregate):
        return node
    names = tuple(
        name
        for name, c in node.calls
        if c.function in _SUMS and node.schema[name].dtype == FLOAT64 and node.schema[name].nan
    )
    if not names:
        return node
    return TrustedAggregate(node.child, node.keys, node.calls, node.sort, node.dropna, names)


def _identities(plan: Node) -> set[str]:
    scans = {leaf.source.fingerprint for leaf in walk(plan) if isinstance(leaf, Scan)}
    return scans or {plan.fingerprint}
