"""Further groupby results: products, truth, quantiles, labels of extremes, counts of values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy

from raylab.frame.execution import engine
from raylab.frame.facade.base import native
from raylab.frame.facade.grouping import GroupState, groupby, numeric, one_function
from raylab.frame.facade.running import over
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, SeriesState, settle
from raylab.frame.plan.expressions import Column, Expr, Literal, call
from raylab.frame.plan.nodes import HIDDEN, Aggregate, AggregateCall, Filter, Node, Sort, typed
from raylab.frame.plan.schema import NotNative

_COUNT = f"{HIDDEN}count"


@native(pd.Series, name="groupby")
def group_series(
    series: SeriesState,
    by: Any = None,
    sort: bool = True,
    observed: bool = True,
    dropna: bool = True,
) -> GroupState:
    keys = by if isinstance(by, list) else [by]
    if type(series.name) is not str or not all(isinstance(key, pd.Series) for key in keys):
        raise NotNative("keys that are no series, or a series without a name")
    frame = settle(series).frame(series.name)
    return replace(groupby(frame, by, True, sort, observed, dropna), selected=series.name)


@native(DataFrameGroupBy, SeriesGroupBy)
def prod(group: GroupState, numeric_only: bool = False) -> Any:
    return one_function(numeric(group, numeric_only), "prod")


@native(DataFrameGroupBy, SeriesGroupBy, name="any")
def any_(group: GroupState) -> Any:
    return one_function(group, "any")


@native(DataFrameGroupBy, SeriesGroupBy, name="all")
def all_(group: GroupState) -> Any:
    return one_function(group, "all")


@native(DataFrameGroupBy, SeriesGroupBy)
def quantile(
    group: GroupState, q: Any = 0.5, interpolation: str = "linear", numeric_only: bool = False
) -> Any:
    if not isinstance(q, float) or not 0 <= q <= 1 or interpolation not in ("linear", "midpoint"):
        raise NotNative("several quantiles, or argument interpolation")
    chosen = numeric(group, numeric_only)
    if any(chosen.frame.fields[label].kind == "bool" for label in chosen.values):
        raise NotNative("quantiles of bool")
    return one_function(chosen, "quantile", q=q, interpolation=interpolation)


def _label_of_extreme(group: GroupState, extreme: str) -> SeriesState:
    """The label of the first row of each group that has the group's extreme value."""
    if not (isinstance(group.selected, str) and group.sort and group.as_index):
        raise NotNative("labels of several columns, or of groups not sorted or not the index")
    state = group.frame.pinned().settled([group.selected])
    index = state.index
    if not isinstance(index, Levels) or len(index.exprs) > 1:
        raise NotNative("labels of several levels")
    (label,) = index.exprs
    values = state.columns[group.selected]
    if typed(label, state.rows).may_miss or typed(label, state.rows).kind == "opaque":
        raise NotNative("labels that are missing or have no kernels")
    keys = tuple(expr for _, expr in group.keys)
    _refuse_empty_groups(group, state.rows, values)
    drops = group.dropna
    best = over(state.rows, "of_group_or_null", values, keys, dropna=drops, aggregate=extreme)
    rows = Filter(state.rows, call("eq", values, best))
    named = tuple((f"{HIDDEN}key{i}", key) for i, key in enumerate(keys))
    result = Aggregate(
        rows, named, ((group.selected, AggregateCall("first", label)),), True, group.dropna
    )
    levels = Levels(tuple(Column(n) for n, _ in named), tuple(name for name, _ in group.keys))
    return SeriesState(result, Column(group.selected), group.selected, levels)


def _refuse_empty_groups(group: GroupState, rows: Node, values: Expr) -> None:
    """Leaves the error for a group without values to pandas: a trigger where there can be one."""
    if not typed(values, rows).may_miss:
        return
    named = tuple((f"{HIDDEN}key{i}", key) for i, (_, key) in enumerate(group.keys))
    counts = Aggregate(rows, named, ((_COUNT, AggregateCall("count", values)),), True, group.dropna)
    if engine.has_rows(Filter(counts, call("eq", Column(_COUNT), Literal(0)))):
        raise NotNative("a group without values")


@native(SeriesGroupBy)
def idxmin(group: GroupState) -> SeriesState:
    return _label_of_extreme(group, "min")


@native(SeriesGroupBy)
def idxmax(group: GroupState) -> SeriesState:
    return _label_of_extreme(group, "max")


@native(SeriesGroupBy, name="value_counts")
def count_values(
    group: GroupState,
    normalize: bool = False,
    sort: bool = True,
    ascending: bool = False,
    dropna: bool = True,
) -> Any:
    return _counted(group, group.values, normalize, sort, ascending, dropna)


@native(DataFrameGroupBy, name="value_counts")
def count_rows(
    group: GroupState,
    subset: Any = None,
    normalize: bool = False,
    sort: bool = True,
    ascending: bool = False,
    dropna: bool = True,
) -> Any:
    chosen = None if subset is None else set(label_list(group.frame, subset))
    labels = [label for label in group.values if chosen is None or label in chosen]
    if chosen is not None and len(labels) < len(chosen):
        raise NotNative("a subset with keys or unselected columns")
    return _counted(group, labels, normalize, sort, ascending, dropna)


def _counted(
    group: GroupState, labels: list[str], normalize: bool, sort: bool, ascending: bool, dropna: bool
) -> Any:
    """How often each combination of values occurs in each group; ties as they first appear."""
    names = [name for name, _ in group.keys]
    if not (dropna and group.dropna) or set(labels) & {*names, *group.labels}:
        raise NotNative("missing values as values, or keys as values")
    if len(names) == 1 and group.sort:
        # pandas sorts a single level by an algorithm that is not stable.
        raise NotNative("counts sorted by one key; say sort=False")
    frame = group.frame.settled(labels)
    if any(frame.fields[label].kind == "opaque" for label in labels):
        raise NotNative("counting values without kernels")
    exprs = [*(expr for _, expr in group.keys), *(frame.columns[label] for label in labels)]
    hidden = [f"{HIDDEN}key{i}" for i in range(len(exprs))]
    size = AggregateCall("size", Literal(True))
    named = tuple(zip(hidden, exprs, strict=True))
    rows: Node = Aggregate(frame.rows, named, ((_COUNT, size),), sort=False)
    by = [*(hidden[: len(names)] if group.sort else []), *([_COUNT] if sort else [])]
    if by:
        rows = Sort(rows, tuple(by), tuple(c == _COUNT and not ascending for c in by))
    value: Expr = Column(_COUNT)
    if normalize:
        keys = tuple(Column(name) for name in hidden[: len(names)])
        value = call("truediv", value, over(rows, "of_group", value, keys, aggregate="sum"))
    name = "proportion" if normalize else "count"
    levels = tuple(Column(name) for name in hidden)
    if group.as_index:
        return SeriesState(rows, value, name, Levels(levels, (*names, *labels)))
    titles = [*names, *labels]
    if not all(type(title) is str for title in titles) or name in titles:
        raise NotNative("keys without names, or named like the counts")
    columns: dict[str, Expr] = {str(t): level for t, level in zip(titles, levels, strict=True)}
    return FrameState(rows, {**columns, name: value}, RangeSpec())
