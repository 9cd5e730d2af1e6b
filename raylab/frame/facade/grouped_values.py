"""Further groupby results: products, truth, quantiles, labels of extremes, counts of values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy

from raylab.frame.execution import engine
from raylab.frame.facade.base import native
from raylab.frame.facade.grouping import GroupState, aggregated, groupby, numeric, one_function
from raylab.frame.facade.running import over
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.stacking import interleaved
from raylab.frame.facade.state import (
    FrameState,
    Levels,
    Occurring,
    RangeSpec,
    SeriesState,
    is_label,
    settle,
)
from raylab.frame.plan.expressions import Column, Expr, Literal, call
from raylab.frame.plan.nodes import (
    HIDDEN,
    Aggregate,
    AggregateCall,
    Filter,
    Node,
    Slice,
    Sort,
    typed,
)
from raylab.frame.plan.schema import NotNative

_COUNT = f"{HIDDEN}count"


@native(pd.Series, name="groupby")
def group_series(
    series: SeriesState,
    by: Any = None,
    level: Any = None,
    sort: bool = True,
    observed: bool = True,
    dropna: bool = True,
) -> GroupState:
    if not is_label(series.name):
        raise NotNative("a series without a name")
    name = str(series.name)
    frame = settle(series).frame(name)
    index = frame.index
    named = index.names if isinstance(index, Levels) else (index.name,)
    if any(
        isinstance(key, str) and key not in named for key in (by if isinstance(by, list) else [by])
    ):
        raise NotNative("a key that is no level")
    return replace(groupby(frame, by, level, True, sort, observed, dropna), selected=name)


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
    several = list(q) if isinstance(q, list | tuple) else [q]
    if not all(isinstance(one, float) and 0 <= one <= 1 for one in several) or not several:
        raise NotNative("quantiles that are no floats from 0 to 1")
    if interpolation not in ("linear", "midpoint"):
        raise NotNative("argument interpolation")
    chosen = numeric(group, numeric_only)
    if any(chosen.frame.fields[label].kind == "bool" for label in chosen.values):
        raise NotNative("quantiles of bool")
    if not isinstance(q, float):
        if not isinstance(chosen.selected, str) or not chosen.as_index:
            raise NotNative("several quantiles of several columns")
        given = {"interpolation": interpolation}
        calls = {
            f"{i}": (chosen.selected, "quantile", {"q": one, **given})
            for i, one in enumerate(several)
        }
        table = aggregated(chosen, calls)
        result = interleaved(table, dict(table.columns), None, levels=several)
        return replace(result, name=chosen.selected)
    return one_function(chosen, "quantile", q=q, interpolation=interpolation)


def _labels_of_extremes(group: GroupState, extreme: str, numeric_only: bool) -> Any:
    """The label of the first row of each group that has the group's extreme value."""
    group = numeric(group, numeric_only)
    labels = group.values
    state = group.frame.pinned().settled(labels)
    index = state.index
    if not isinstance(index, Levels) or len(index.exprs) > 1 or not labels:
        raise NotNative("labels of several levels, or no columns")
    (label,) = index.exprs
    if typed(label, state.rows).may_miss or typed(label, state.rows).kind == "opaque":
        raise NotNative("labels that are missing or have no kernels")
    columns: dict[str, Expr] = {}
    for name in labels:
        _refuse_empty_groups(group, state.rows, state.columns[name])
        columns[name] = call("with_label", state.columns[name], label)
    return one_function(replace(group, frame=state.assign(columns)), f"label_of_{extreme}")


def _refuse_empty_groups(group: GroupState, rows: Node, values: Expr) -> None:
    """Leaves the error for a group without values to pandas: a trigger where there can be one."""
    if not typed(values, rows).may_miss:
        return
    named = tuple((f"{HIDDEN}key{i}", key) for i, (_, key) in enumerate(group.keys))
    counts = Aggregate(rows, named, ((_COUNT, AggregateCall("count", values)),), True, group.dropna)
    if engine.has_rows(Filter(counts, call("eq", Column(_COUNT), Literal(0)))):
        raise NotNative("a group without values")


@native(DataFrameGroupBy, SeriesGroupBy)
def idxmin(group: GroupState, skipna: bool = True, numeric_only: bool = False) -> Any:
    if not skipna:
        raise NotNative("argument skipna")
    return _labels_of_extremes(group, "min", numeric_only)


@native(DataFrameGroupBy, SeriesGroupBy)
def idxmax(group: GroupState, skipna: bool = True, numeric_only: bool = False) -> Any:
    if not skipna:
        raise NotNative("argument skipna")
    return _labels_of_extremes(group, "max", numeric_only)


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
        stored = tuple(Occurring(frame.rows, expr, sort=group.sort) for expr in exprs)
        index = Levels(levels, (*names, *labels), appearing=True, stored=stored)
        return SeriesState(rows, value, name, index)
    titles = [*names, *labels]
    if not all(type(title) is str for title in titles) or name in titles:
        raise NotNative("keys without names, or named like the counts")
    columns: dict[str, Expr] = {str(t): level for t, level in zip(titles, levels, strict=True)}
    return FrameState(rows, {**columns, name: value}, RangeSpec())


def _extreme_values(name: str, *, largest: bool) -> None:
    def extremes(group: GroupState, n: Any = 5, keep: str = "first") -> SeriesState:
        if keep != "first" or not isinstance(n, int) or n < 0 or not group.sort:
            raise NotNative("argument keep or n, or groups that are not sorted")
        if not isinstance(group.selected, str) or not group.as_index:
            raise NotNative("groups that are no index")
        label = group.selected
        frame = group.frame.settled([label])
        if frame.fields[label].kind not in ("int", "float", "datetime", "timedelta"):
            raise NotNative("values without an order")
        hidden = [f"{HIDDEN}sorted{i}" for i in range(len(group.keys))]
        keys = {name: expr for name, (_, expr) in zip(hidden, group.keys, strict=True)}
        flat = frame.select([label]).assign(keys).pinned().flat()
        rows: Node = flat.rows
        for column in hidden if group.dropna else ():
            if rows.schema[column].may_miss:
                rows = Filter(rows, call("notna", Column(column)))
        if not engine.has_rows(Slice(rows, 0, 1)):
            raise NotNative("no groups, for which pandas gives another index")
        rows = Sort(rows, (*hidden, label), (*(False for _ in hidden), largest))
        place = over(rows, "position", Literal(True), tuple(map(Column, hidden)), dropna=False)
        rows = Filter(rows, call("lt", place, Literal(n)))
        index = flat.index
        assert isinstance(index, Levels)  # noqa: S101  it was pinned
        names = tuple(name for name, _ in group.keys)
        exprs = tuple(map(Column, hidden)) + index.exprs
        return SeriesState(rows, Column(label), label, Levels(exprs, names + index.names))

    native(SeriesGroupBy, name=name)(extremes)


_extreme_values("nlargest", largest=True)
_extreme_values("nsmallest", largest=False)
