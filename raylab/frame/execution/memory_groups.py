"""Aggregations of groups of rows in memory: pandas' own loops over dense codes, a thread a column.

The engine's hash table is made for streams of which nothing is known. Where a groupby reads
pandas' arrays as they are, codes cost a tenth of it, and pandas' loops give pandas' last bits.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from raylab.frame.execution.codes import POOL, Codes, codes_of, combined, taken_apart, tightened
from raylab.frame.execution.equal_widths import Array
from raylab.frame.kernels.types import physical
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import Aggregate, AggregateCall, Node, Project, Scan
from raylab.frame.plan.schema import FLOAT64, INT64, STR
from raylab.frame.sources.memory import PandasSource

_loops: Any = importlib.import_module("pandas._libs.groupby")

_FEWEST_ROWS = 50_000
"""With fewer rows the engine is as fast."""

_FEW_GROUPS = 1024
"""Up to so many groups by whole numbers fit the table that the engine keeps at hand."""

_SPREAD = 2
"""So many codes for each row are worth the memory; beyond, the codes are sorted."""


def groups_in_memory(node: Aggregate, *, ordered: bool) -> pl.DataFrame | None:
    """The groups in the order of their keys; None where the engine is to compute them."""
    found = _arrays(node) if node.keys and (node.sort or not ordered) else None
    if found is None:
        return None
    source, names = found
    rows = source.rows
    keys = _codes([source.array(names[name]) for name in _keys(node)], _SPREAD * rows)
    if keys is None or not (node.dropna or all(key.complete for key in keys)):
        return None
    whole = combined(keys)
    if whole is None:  # the codes are too large
        keys = [tightened(key) for key in keys]
        whole = combined(keys)
    if whole is None:
        return None
    arrays = {name: source.array(names[name]) for name in _arguments(node)}
    if whole.size <= _SPREAD * rows:
        return _dense(node, keys, whole, arrays)
    return _sorted(node, keys, whole, arrays)


def _codes(columns: list[Any], most: int) -> list[Codes] | None:
    """The codes of all keys; None where one has none, or where the engine is as fast."""
    found: dict[int, Codes] = {}
    for i in sorted(range(len(columns)), key=lambda i: columns[i].dtype == STR):  # texts last
        codes = codes_of(columns[i], most)
        if codes is None:
            return None
        found[i] = codes
    by_text = any(codes.texts is not None for codes in found.values())
    if not by_text and math.prod(codes.size for codes in found.values()) <= _FEW_GROUPS:
        return None
    return [found[i] for i in range(len(columns))]


def _arrays(node: Aggregate) -> tuple[PandasSource, dict[str, str]] | None:
    """The source of an aggregation of pandas' arrays as they are, and their names in it."""
    below: Node = node.child
    names = {name: name for name in below.schema}
    if isinstance(below, Project) and below.selects_only:
        names = {name: expr.name for name, expr in below.columns if isinstance(expr, Column)}
        below = below.child
    if not isinstance(below, Scan) or not isinstance(below.source, PandasSource):
        return None
    whole = below.start == 0 and below.length is None and below.rows >= _FEWEST_ROWS
    plain = all(isinstance(expr, Column) for _, expr in node.keys)
    if not whole or not plain or not all(_has_loop(call, node) for _, call in node.calls):
        return None
    return below.source, names


def _has_loop(call: AggregateCall, node: Aggregate) -> bool:
    if call.function == "size":
        return True
    if call.function not in LOOPS or not isinstance(call.arg, Column):
        return False
    return node.child.schema[call.arg.name].dtype in (INT64, FLOAT64)


def _keys(node: Aggregate) -> list[str]:
    return [expr.name for _, expr in node.keys if isinstance(expr, Column)]


def _arguments(node: Aggregate) -> set[str]:
    return {c.arg.name for _, c in node.calls if isinstance(c.arg, Column) and c.function != "size"}


def _dense(
    node: Aggregate, keys: list[Codes], whole: Codes, arrays: Mapping[str, Array]
) -> pl.DataFrame:
    """Groups addressed by their code."""
    sizes, *columns = _computed(node, whole.values, whole.size, arrays, complete=whole.complete)
    present = np.flatnonzero(sizes)
    if len(present) < whole.size:
        sizes, *columns = (column[present] for column in (sizes, *columns))
    return _frame(node, keys, present, sizes, columns)


def _sorted(
    node: Aggregate, keys: list[Codes], whole: Codes, arrays: Mapping[str, Array]
) -> pl.DataFrame:
    """Groups of more possible codes than rows: the rows by their codes, then by numbers of groups."""
    order = pl.Series(whole.values).arg_sort().to_numpy()
    codes = whole.values[order]
    if not whole.complete:
        order, codes = order[codes >= 0], codes[codes >= 0]
    begins = np.empty(len(codes), dtype=bool)
    begins[:1] = True
    np.not_equal(codes[1:], codes[:-1], out=begins[1:])
    present = codes[begins]
    moved = dict(zip(arrays, POOL.map(lambda array: array[order], arrays.values()), strict=True))
    numbers = np.cumsum(begins) - 1
    sizes, *columns = _computed(node, numbers, len(present), moved, complete=True)
    return _frame(node, keys, present, sizes, columns)


def _computed(
    node: Aggregate, labels: Array, groups: int, arrays: Mapping[str, Array], *, complete: bool
) -> list[Array]:
    """The sizes of the groups, then what is aggregated, in the order of the calls."""

    def sizes() -> Array:
        if complete:
            return np.bincount(labels, minlength=groups)
        return np.bincount(labels + 1, minlength=groups + 1)[1:]

    calls = [c for _, c in node.calls if c.function != "size"]
    work = [[sizes], *(_parts(call, arrays[_named(call)], labels, groups) for call in calls)]
    done = POOL.map(lambda run: run(), itertools.chain.from_iterable(work))
    first, *rest = [np.concatenate([next(done) for _ in parts]) for parts in work]
    results = iter(rest)
    return [first, *(first if c.function == "size" else next(results) for _, c in node.calls)]


def _parts(
    call: AggregateCall, values: Array, labels: Array, groups: int
) -> list[Callable[[], Array]]:
    """What computes an aggregation: in one part, or one for each half of the groups.

    The loops leave out labels of -1, and read outside of their memory for smaller ones.
    """
    loop: Any = functools.partial(LOOPS[call.function], **dict(call.params))
    if call.function != "median" or groups < 2:
        return [lambda: loop(values, labels, groups)]
    middle = groups // 2
    return [
        lambda: loop(values, np.where(labels < middle, labels, -1), middle),
        lambda: loop(values, np.where(labels < middle, -1, labels - middle), groups - middle),
    ]


def _named(call: AggregateCall) -> str:
    return call.arg.name if isinstance(call.arg, Column) else ""


def _frame(
    node: Aggregate, keys: list[Codes], present: Array, sizes: Array, columns: list[Array]
) -> pl.DataFrame:
    parts = zip(node.keys, keys, taken_apart(keys, present), strict=True)
    decoded = [
        key.decoded(name, codes, physical(node.schema[name].dtype))
        for (name, _), key, codes in parts
    ]
    values = [
        pl.Series(name, column, dtype=physical(node.schema[name].dtype), nan_to_null=False)
        for (name, _), column in zip(node.calls, columns, strict=True)
    ]
    return pl.DataFrame([*decoded, *values])


# --- pandas' loops ------------------------------------------------------------------------------


def _filled(name: str, values: Array, labels: Array, groups: int, **params: Any) -> Array:
    """One of pandas' loops over a column; rows with a negative label are left out."""
    out = np.zeros((groups, 1), dtype=values.dtype)
    counts = np.zeros(groups, dtype=np.int64)
    loop = getattr(_loops, name)
    loop(out, counts, values.reshape(-1, 1), labels, mask=None, result_mask=None, **params)
    return out[:, 0]


def _of_floats(name: str) -> Callable[..., Array]:
    def run(values: Array, labels: Array, groups: int, **params: Any) -> Array:
        floats = values.astype(np.float64, copy=False)
        return _filled(name, floats, labels, groups, min_count=-1, **params)

    return run


def _std(values: Array, labels: Array, groups: int, ddof: int = 1) -> Array:
    variance = LOOPS["var"](values, labels, groups, ddof=ddof)
    return np.sqrt(variance, out=variance)


def _count(values: Array, labels: Array, groups: int) -> Array:
    present = labels if values.dtype.kind == "i" else np.where(np.isnan(values), -1, labels)
    return np.bincount(present + 1, minlength=groups + 1)[1:]


LOOPS: dict[str, Callable[..., Array]] = {
    "sum": lambda values, labels, groups: _filled("group_sum", values, labels, groups, min_count=0),
    "min": lambda values, labels, groups: _filled("group_min", values, labels, groups),
    "max": lambda values, labels, groups: _filled("group_max", values, labels, groups),
    "mean": _of_floats("group_mean"),
    "median": _of_floats("group_median_float64"),
    "var": _of_floats("group_var"),
    "std": _std,
    "count": _count,
}
"""Aggregations that have one: of values and labels [rows] to results [groups]."""
