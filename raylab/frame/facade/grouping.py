"""groupby and its aggregations."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy

from raylab.frame.execution import engine
from raylab.frame.facade.accessors import LazyCompanion
from raylab.frame.facade.base import EMPTY, WRAPPERS, LazyObject, native, wrap
from raylab.frame.facade.dataframe import without_rows
from raylab.frame.facade.following import Owner
from raylab.frame.facade.group_keys import as_keys, is_own
from raylab.frame.facade.positions import over_rows
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import (
    FrameState,
    Levels,
    Occurring,
    RangeSpec,
    SeriesState,
    same_rows,
    settle,
)
from raylab.frame.kernels.aggregations import as_floats
from raylab.frame.plan.expressions import Column, Expr, Literal, call
from raylab.frame.plan.functions import AGGREGATIONS
from raylab.frame.plan.nodes import HIDDEN, Aggregate, AggregateCall, Filter, Node, Slice, typed
from raylab.frame.plan.schema import FLOAT64, INT64, NotNative, is_category, is_number

_WIDE = (np.dtype("int64"), np.dtype("uint64"))


@dataclass(frozen=True)
class GroupState:
    """A lazy groupby.

    Attributes:
        frame: what is grouped.
        by: the argument as it was given, for pandas' own groupby.
        keys: the grouping expressions by name.
        labels: the columns that are grouped by, which are not aggregated.
        selected: the chosen columns: one label for a SeriesGroupBy, None for all.
        made: what was grouped when the keys were given, where it was changed since.
    """

    frame: FrameState
    by: Any
    keys: tuple[tuple[Hashable, Expr], ...]
    labels: frozenset[str]
    as_index: bool
    sort: bool
    dropna: bool
    selected: str | tuple[str, ...] | None = None
    made: FrameState | None = None

    @property
    def values(self) -> list[str]:
        """The labels of the columns that are aggregated."""
        if isinstance(self.selected, str):
            return [self.selected]
        if self.selected is not None:
            return list(self.selected)
        return [label for label in self.frame.columns if label not in self.labels]

    @property
    def may_miss_keys(self) -> bool:
        """True when a row may have a missing key."""
        return any(typed(expr, self.frame.rows).may_miss for _, expr in self.keys)


class LazyGroupBy(LazyCompanion):
    """What the two share: keys are fixed when they are made, the rows are those of their owner.

    pandas keeps the columns without the keys from the first operation that needs them on: what is
    changed later no longer shows in operations on all columns. ``_kept`` is the owner's state of
    that moment.
    """

    def _state(self, operation: str = "") -> Any:
        state = super()._state(operation)
        as_index = self.__dict__.get("as_index")  # which pandas' code changes for a moment
        return state if state is None or as_index is None else replace(state, as_index=as_index)

    def _followed(self, state: GroupState, now: Any, operation: str) -> GroupState | None:
        keeps = "_kept" in self.__dict__ and not _of_owner(state, operation)
        return None if keeps else followed(state, now)

    def _use(self, operation: str, arguments: dict[str, Any]) -> None:
        own = self.__dict__
        state, owner = own["_lazy_state"], own.get("_owner")
        if owner is None or isinstance(state.selected, str) or _of_owner(state, operation):
            return
        if operation in ("agg", "aggregate") and not isinstance(arguments.get("func"), str | list):
            return  # each column on its own
        if "_set_up" in own:
            own.setdefault("_kept", owner.now())
        elif state.labels or state.selected:
            _ = self._obj_with_exclusions  # pandas keeps it itself

    def _like(self, operation: str, arguments: dict[str, Any]) -> Any:
        if operation in ("agg", "aggregate"):
            given = arguments.get("func")
            parts = given.values() if isinstance(given, dict) else (given,)
            return self if all(isinstance(part, str) for part in parts) else None
        if operation == "transform":
            return None if isinstance(self, SeriesGroupBy) else self
        return None if operation in _WITHOUT_ATTRS else self

    def _as_set_up(self, set_up: Callable[[Any], Any]) -> Any:
        own = self.__dict__
        state, kept = own["_lazy_state"], own.get("_kept")
        groups = set_up(state)
        groups.obj.attrs = copy.deepcopy(own["_attrs"] or {})
        if kept is not None and kept is not own["_owner"].seen:
            seen, groups.obj = groups.obj, wrap(kept)
            _ = groups._obj_with_exclusions
            groups.obj = seen
        elif kept is not None:
            _ = groups._obj_with_exclusions
        return groups


_WITHOUT_ATTRS = frozenset(
    (
        *("size", "count", "nunique", "quantile", "cumcount", "ngroup"),
        *("cumsum", "cumprod", "cummin", "cummax", "rank", "ffill", "bfill", "pct_change"),
    )
)
"""Operations whose results have no attrs in pandas."""

_OF_OWNER = frozenset(
    ("__getitem__", "ewm", "expanding", "filter", "head", "nth", "rolling", "size", "tail")
)
"""Operations on all columns that do not use those which pandas keeps."""


def _of_owner(state: GroupState, operation: str) -> bool:
    return state.selected is None and operation in _OF_OWNER


class LazyDataFrameGroupBy(LazyGroupBy, DataFrameGroupBy):
    """pandas' groupby over a lazy frame."""

    def __getattribute__(self, name: str) -> Any:
        if "_lazy_state" in object.__getattribute__(self, "__dict__") and not hasattr(
            type(self), name
        ):
            state: GroupState | None = self._state("__getitem__")
            if state is not None and name in state.frame.columns:
                return self[name]
        return super().__getattribute__(name)


class LazySeriesGroupBy(LazyGroupBy, SeriesGroupBy):
    """pandas' groupby over one column of a lazy frame."""


def _face(state: GroupState, like: Any = None) -> Any:
    kind = LazySeriesGroupBy if isinstance(state.selected, str) else LazyDataFrameGroupBy
    return kind._standing(state, pandas_groupby, owner_for(state.selected, like), like)


def owner_for(selected: Any, like: Any) -> Owner | None:
    """Whom a groupby follows that is made from a frame, a series, or by brackets from another.

    One column of a frame is taken out when the brackets are written: it follows nothing.
    """
    if isinstance(like, LazyObject):
        return Owner(like)
    owner: Owner | None = getattr(like, "__dict__", {}).get("_owner")
    return None if owner is None or isinstance(selected, str) else Owner(owner.obj)


WRAPPERS[GroupState] = _face


def followed(state: GroupState, now: Any) -> GroupState | None:
    """The same groups of what the frame or series is now; None where its rows are others."""
    if isinstance(now, SeriesState):
        if now.name != state.selected:
            return None
        now = settle(now).frame(str(now.name))
    wanted = {state.selected} if isinstance(state.selected, str) else set(state.selected or ())
    if not (state.labels | wanted) <= set(now.columns):
        return None
    for frame in (now, now.pinned()):
        if same_rows(frame.rows, state.frame.rows):
            return replace(state, frame=frame, made=state.made or state.frame)
    return None


def _without_rows(state: GroupState) -> Any:
    """Pandas' groupby of the same columns, without rows."""
    frame: Any = without_rows(state.frame)
    keys = [name if name in state.labels else pd.Series([], name=name) for name, _ in state.keys]
    groups: Any = frame.groupby(keys, as_index=state.as_index)
    if state.selected is None:
        return groups
    return groups[state.selected if isinstance(state.selected, str) else list(state.selected)]


EMPTY[GroupState] = _without_rows


def pandas_groupby(state: GroupState) -> Any:
    """The groupby of pandas over the same rows."""
    own: Any = pd.DataFrame.groupby
    groupby = own(
        wrap(state.made or state.frame),
        by=state.by,
        as_index=state.as_index,
        sort=state.sort,
        dropna=state.dropna,
    )
    if state.made is not None:
        groupby.obj = wrap(state.frame)
    if state.selected is None:
        return groupby
    return groupby[state.selected if isinstance(state.selected, str) else list(state.selected)]


def _fixed(key: Any) -> Any:
    """A key that later changes of a series do not reach."""
    return key.copy(deep=False) if isinstance(key, pd.Series) else key


@native(pd.DataFrame)
def groupby(
    frame: FrameState,
    by: Any = None,
    level: Any = None,
    as_index: bool = True,
    sort: bool = True,
    observed: bool = True,
    dropna: bool = True,
) -> GroupState:
    own = [key for key in (by if isinstance(by, list) else [by]) if is_own(frame, key)]
    labels: set[str] = {key.name for key in own}
    frame, by = as_keys(frame, by, level)
    names: list[Hashable] = []
    exprs: list[Expr] = []
    for key in by if isinstance(by, list) else [by]:
        if isinstance(key, pd.Series):
            name, expr = key.name, over_rows(frame.rows, frame.index, key)
            column = settle(SeriesState(frame.rows, expr, name))
        elif type(key) is str and key in frame.columns:
            column = settle(frame.column(key))
            labels.add(key)
        else:
            raise NotNative(f"a key of type {type(key).__name__}")
        by_category = is_category(column.field.dtype) and observed and sort
        if column.field.kind == "opaque" and not by_category:
            raise NotNative(f"a key of dtype {column.field.dtype}")
        names.append(column.name)
        exprs.append(column.expr)
    if not exprs or len(set(names)) < len(names):
        raise NotNative("no keys, or two of the same name")
    keys = tuple(zip(names, exprs, strict=True))
    by = [_fixed(key) for key in by] if isinstance(by, list) else _fixed(by)
    return GroupState(frame, by, keys, frozenset(labels), as_index, sort, dropna)


@native(DataFrameGroupBy)
def __getitem__(group: GroupState, key: Any) -> GroupState:
    if isinstance(key, tuple):
        raise NotNative("a tuple of columns, which pandas refuses")
    labels = label_list(group.frame, key)
    if group.selected is not None or len(set(labels)) < len(labels) or not labels:
        raise NotNative("a selection of a selection, of nothing, or of one column twice")
    if isinstance(key, str):
        return replace(group, selected=key)
    return replace(group, selected=tuple(labels))


def aggregated(group: GroupState, calls: dict[str, tuple[str, str, dict[str, Any]]]) -> FrameState:
    """One row per group: for each new label the column, the aggregation and its parameters."""
    frame = group.frame
    count_only = {"count", "size"}
    frame = frame.settled({c for c, f, _ in calls.values() if f not in count_only})
    nodes = []
    narrow: dict[str, Any] = {}
    columns: dict[str, Expr] = {}
    for label, (column, function, params) in calls.items():
        arg = frame.columns[column]
        nullable = as_floats(typed(arg, frame.rows), function)
        columns[label] = Column(label)
        if nullable is not None:
            arg = call("cast", arg, dtype=FLOAT64)
            columns[label] = call("cast", columns[label], dtype=nullable)
        one = AggregateCall(function, arg, tuple(sorted(params.items())))
        field = typed(one.arg, frame.rows)
        AGGREGATIONS[function].result(field, params)
        if function in ("sum", "prod") and field.kind == "int" and field.dtype not in _WIDE:
            narrow[label] = field.dtype
        nodes.append((label, one))
    hidden = [(f"{HIDDEN}key{i}", expr) for i, (_, expr) in enumerate(group.keys)]
    rows = Aggregate(frame.rows, tuple(hidden), tuple(nodes), group.sort, group.dropna)
    columns |= {label: _narrowed(rows, label, dtype) for label, dtype in narrow.items()}
    return _result(group, rows, columns)


def _narrowed(rows: Node, label: str, dtype: Any) -> Expr:
    """Sums in the narrow dtype of their column, which pandas keeps where all fit: a trigger."""
    bounds = np.iinfo(dtype)
    total = Column(label)
    below = call("lt", total, Literal(int(bounds.min)))
    above = call("gt", total, Literal(int(bounds.max)))
    if engine.has_rows(Slice(Filter(rows, call("or", below, above)), 0, 1)):
        return total
    return call("astype", total, target=str(dtype))


def _result(group: GroupState, rows: Aggregate, columns: dict[str, Expr]) -> FrameState:
    keys = [Column(f"{HIDDEN}key{i}") for i in range(len(group.keys))]
    names = [name for name, _ in group.keys]
    if group.as_index:
        levels = Levels(tuple(keys), tuple(names), not group.sort, missing_last=not group.dropna)
        if not group.sort and group.dropna and len(keys) > 1 and group.may_miss_keys:
            # pandas lists values in the order of all rows, those without a group among them.
            stored = tuple(Occurring(group.frame.rows, expr) for _, expr in group.keys)
            levels = replace(levels, stored=stored)
        return FrameState(rows, columns, levels, group.frame.columns_name)
    if not all(type(name) is str and name not in columns for name in names):
        raise NotNative("a key that has the name of a result, or no name")
    named: dict[str, Expr] = {str(n): key for n, key in zip(names, keys, strict=True)}
    return FrameState(rows, {**named, **columns}, RangeSpec(), group.frame.columns_name)


def one_function(group: GroupState, function: str, **params: Any) -> Any:
    """The same aggregation of every chosen column; a series for a SeriesGroupBy."""
    labels = group.values
    if not labels:
        raise NotNative("no columns to aggregate")
    result = aggregated(group, {label: (label, function, params) for label in labels})
    if not isinstance(group.selected, str):
        return result
    if group.as_index:
        return result.column(group.selected)
    return replace(result, columns_name=None)


def numeric(group: GroupState, numeric_only: bool) -> GroupState:
    """The groupby of the columns with numbers, where only these are asked for."""
    if not numeric_only or isinstance(group.selected, str):
        return group
    kept = [c for c in group.values if is_number(group.frame.fields[c].dtype)]
    if any(not group.frame.fields[c].settled for c in group.values):
        raise NotNative("numeric_only with dtypes that depend on data")
    return replace(group, selected=tuple(kept))


def _declare(name: str) -> None:
    def aggregate_groups(group: GroupState, numeric_only: bool = False) -> Any:
        return one_function(numeric(group, numeric_only), name)

    native(DataFrameGroupBy, SeriesGroupBy, name=name)(aggregate_groups)


for _name in ("mean", "min", "max", "median", "first", "last", "skew", "kurt"):
    _declare(_name)


@native(DataFrameGroupBy, SeriesGroupBy, name="sum")
def sum_(group: GroupState, numeric_only: bool = False, min_count: int = 0) -> Any:
    if not min_count:
        return one_function(numeric(group, numeric_only), "sum")
    chosen = numeric(group, numeric_only)
    if not isinstance(chosen.selected, str):
        raise NotNative("argument min_count of several columns")
    if settle(chosen.frame.column(chosen.selected)).field.kind != "float":
        raise NotNative("argument min_count of other than floats")
    calls: dict[str, tuple[str, str, dict[str, Any]]] = {
        "sum": (chosen.selected, "sum", {}),
        "count": (chosen.selected, "count", {}),
    }
    result = aggregated(replace(chosen, as_index=True), calls)
    enough = call("ge", result.columns["count"], Literal(min_count))
    if not chosen.as_index:
        raise NotNative("argument min_count where groups are no index")
    total = result.column("sum").mapped(call("where_missing", enough, result.columns["sum"]))
    return replace(total, name=chosen.selected)


@native(DataFrameGroupBy, SeriesGroupBy)
def count(group: GroupState) -> Any:
    return one_function(group, "count")


@native(DataFrameGroupBy, SeriesGroupBy)
def nunique(group: GroupState) -> Any:
    return one_function(group, "nunique")


@native(DataFrameGroupBy, SeriesGroupBy)
def std(group: GroupState, ddof: int = 1, numeric_only: bool = False) -> Any:
    return one_function(numeric(group, numeric_only), "std", ddof=ddof)


@native(DataFrameGroupBy, SeriesGroupBy)
def var(group: GroupState, ddof: int = 1, numeric_only: bool = False) -> Any:
    return one_function(numeric(group, numeric_only), "var", ddof=ddof)


@native(DataFrameGroupBy, SeriesGroupBy)
def sem(group: GroupState, ddof: int = 1, numeric_only: bool = False) -> Any:
    return one_function(numeric(group, numeric_only), "sem", ddof=ddof)


@native(DataFrameGroupBy, SeriesGroupBy)
def size(group: GroupState) -> Any:
    some_column = next(iter(group.frame.columns))
    result = aggregated(group, {"size": (some_column, "size", {})})
    if group.frame.fields[some_column].kind == "nullable":  # which is not what is counted
        result = result.assign({"size": call("cast", Column("size"), dtype=INT64)})
    if not group.as_index:
        return replace(result, columns_name=None)
    name = group.selected if isinstance(group.selected, str) else None
    if name is not None and group.frame.fields[name].kind == "nullable":
        raise NotNative("sizes of groups of a nullable column, which are nullable")
    return replace(result.column("size"), name=name)
