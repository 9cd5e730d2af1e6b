"""groupby with Python functions: run over groups in tasks, at once, each group once.

What pandas makes of the results (scalars, series, frames; the index that comes of it) is pandas'
own code: it runs over the same groups with functions that only hand out the results.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy

from raylab.frame.execution import engine
from raylab.frame.execution.grouped_tasks import EachGroup, Part, first_rows, run_groups
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.aggregating import aggregate_frame, aggregate_series
from raylab.frame.facade.base import native
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.grouped_rows import chosen_rows
from raylab.frame.facade.grouped_rows import transform as transform_natively
from raylab.frame.facade.grouping import GroupState
from raylab.frame.facade.memory import in_pandas, is_in_memory
from raylab.frame.facade.operators import constant
from raylab.frame.facade.state import FrameState, SeriesState, dtype_of, value_node
from raylab.frame.plan.expressions import Expr, call
from raylab.frame.plan.grouped_tasks import OpaqueGroups
from raylab.frame.plan.nodes import HIDDEN, Filter, RowNumber, hidden_name, typed
from raylab.frame.plan.schema import NotNative

_common: Any = importlib.import_module("pandas.core.common")
_KEY = f"{HIDDEN}group"
_INDEXED = (pd.Series, pd.DataFrame)


class _Results:
    """The results of functions in the groups of a groupby.

    Attributes:
        groupby: pandas' groupby of the same rows.
    """

    def __init__(self, group: GroupState, parts: list[Part], *, named: bool) -> None:
        wide, keys = _with_keys(group)
        rows, level_columns = value_node(wide)
        position = hidden_name(rows, "place")
        level_names: tuple[Any, ...] = wide.index.names  # type: ignore[union-attr]  # pinned
        levels = tuple(
            (column, dtype_of(rows.schema[column]), name)
            for column, name in zip(level_columns, level_names, strict=True)
        )
        dtypes = tuple((label, dtype_of(rows.schema[label])) for label in wide.columns)
        title = wide.columns_name
        options = (tuple(keys), position, title, group.dropna, named)
        task = EachGroup(tuple(parts), dtypes, levels, *options)
        by_place = run_groups(OpaqueGroups(RowNumber(rows, position), task, tuple(keys)))
        self.groupby = _pandas_groups(group, _values(group, wide))
        self._results = [by_place[place] for place in first_rows(self.groupby).tolist()]

    def of(self, part: int) -> list[Any]:
        """The results of one part, in the order of the groups."""
        return [results[part] for results in self._results]


def _with_keys(group: GroupState) -> tuple[FrameState, list[str]]:
    """The columns that are chosen or grouped by, the keys as further ones, and their labels."""
    frame = group.frame
    if group.selected is not None:
        frame = frame.select(c for c in frame.columns if c in group.labels or c in group.values)
    frame = frame.settled(frame.columns).pinned()
    keys: dict[str, Expr] = {f"{_KEY}{i}": expr for i, (_, expr) in enumerate(group.keys)}
    return frame.assign(keys), list(keys)


def _pandas_groups(group: GroupState, values: Any) -> Any:
    """The groupby of pandas, with its keys as they were given: labels, or series."""
    columns = group.frame.columns
    if any(columns[n].fingerprint != e.fingerprint for n, e in group.keys if n in group.labels):
        raise NotNative("a key whose column was changed since")
    given = group.by if isinstance(group.by, list) else [group.by]
    keys = [f"{_KEY}{i}" for i in range(len(given))]
    by = [
        values[key].rename(name) if isinstance(label, pd.Series) else label
        for label, key, (name, _) in zip(given, keys, group.keys, strict=True)
    ]
    rows = values.drop(columns=keys)
    single = by if isinstance(group.by, list) else by[0]
    groupby = rows.groupby(single, as_index=group.as_index, sort=group.sort, dropna=group.dropna)
    if group.selected is None:
        return groupby
    return groupby[group.selected if isinstance(group.selected, str) else list(group.selected)]


def _values(group: GroupState, wide: FrameState) -> pd.DataFrame:
    """The rows of a groupby with its keys, in this process; in memory they are there already."""
    labels = group.by if isinstance(group.by, list) else [group.by]
    if not is_in_memory(group.frame) or not all(isinstance(label, str) for label in labels):
        return compute_frame(wide)
    values = in_pandas(group.frame)
    return values.assign(**{f"{_KEY}{i}": values[label] for i, label in enumerate(labels)})


def _whole_groups(group: GroupState) -> Any:
    """The groupby of pandas over all rows, in this process."""
    return _pandas_groups(group, _values(group, _with_keys(group)[0]))


@native(DataFrameGroupBy, SeriesGroupBy)
def __iter__(group: GroupState) -> Iterator[tuple[Any, Any]]:
    return ((key, adopt(rows)) for key, rows in _whole_groups(group))


@native(DataFrameGroupBy, SeriesGroupBy)
def get_group(group: GroupState, name: Any) -> Any:
    names = name if isinstance(name, tuple) else (name,)
    if isinstance(group.by, list) != isinstance(name, tuple) or len(names) != len(group.keys):
        raise NotNative("a name that does not fit the keys")
    rows = group.frame.rows
    tests = [
        call("eq", expr, constant(SeriesState(rows, expr, None), value))
        for (_, expr), value in zip(group.keys, names, strict=True)
    ]
    predicate = reduce(lambda a, b: call("and", a, b), tests)
    typed(predicate, rows)
    if not engine.has_rows(Filter(rows, predicate)):
        raise NotNative("a group that does not exist")
    return chosen_rows(group, predicate)


def _bound(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[Any], Any]:
    if not callable(func) or isinstance(func, type):
        raise NotNative(f"a function given as {type(func).__name__}")
    if not args and not kwargs:
        function: Callable[[Any], Any] = func
        return function

    def bound(group: Any) -> Any:
        return func(group, *args, **kwargs)

    bound.__name__ = bound.__qualname__ = getattr(func, "__name__", type(func).__name__)
    return bound


def _columns(group: GroupState, labels: list[str]) -> str | tuple[str, ...]:
    return group.selected if isinstance(group.selected, str) else tuple(labels)


def _replay(method: str, group: GroupState, function: Callable[[Any], Any], **options: Any) -> Any:
    """A groupby method that calls a function once per group."""
    everything = method == "filter" and group.selected is None
    labels = list(group.frame.columns) if everything else group.values
    if engine.in_one_pass(group.frame.rows):
        own = _whole_groups(group)
        return adopt(getattr(own, method)(_telling(function), **options))
    results = _Results(group, [Part(function, _columns(group, labels))], named=True)
    found = results.of(0)
    if method == "apply" and found and not any(isinstance(one, _INDEXED) for one in found):
        # Without an index pandas looks at the results alone: the groups need not be cut for that.
        own = results.groupby
        return adopt(
            own._wrap_applied_output(own._obj_with_exclusions, found, not_indexed_same=True)
        )
    rest = iter(found)
    return adopt(getattr(results.groupby, method)(lambda _: next(rest), **options))


def _telling(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function; what it raises names the group."""

    @functools.wraps(function)
    def told(group: Any) -> Any:
        try:
            return function(group)
        except Exception as error:
            error.add_note(
                f"raylab: {getattr(function, '__qualname__', type(function).__name__)} raised in "
                f"group {getattr(group, 'name', None)!r} (partition 1 of 1)."
            )
            raise

    return told


@native(DataFrameGroupBy, SeriesGroupBy)
def apply(group: GroupState, func: Any, args: Any = (), **kwargs: Any) -> Any:
    return _replay("apply", group, _bound(func, args, kwargs))


@native(DataFrameGroupBy, SeriesGroupBy, name="filter")
def filter_(
    group: GroupState, func: Any, dropna: bool = True, args: Any = (), **kwargs: Any
) -> Any:
    return _replay("filter", group, _bound(func, args, kwargs), dropna=dropna)


@native(SeriesGroupBy)
def transform(group: GroupState, func: Any, args: Any = (), **kwargs: Any) -> Any:
    if isinstance(func, str) and not args and not kwargs:
        return transform_natively(group, func)
    return _replay("transform", group, _bound(func, args, kwargs))


class _Aggregations:
    """The functions in an aggregation's arguments, and what hands out their results."""

    def __init__(self, group: GroupState) -> None:
        self._group = group
        self.parts: list[Part] = []
        self.results: _Results | None = None

    def prepared(self, func: Any, columns: list[str]) -> Any:
        """The argument with its functions replaced by ones that hand out results."""
        if isinstance(func, str):
            return func
        if isinstance(func, list):
            return [self.prepared(f, columns) for f in func]
        if isinstance(func, dict):
            return {label: self.prepared(f, self._known(label)) for label, f in func.items()}
        return self._handing_out(_bound(func, (), {}), columns)

    def named(self, label: str, spec: Any) -> Any:
        """The argument of a named aggregation."""
        if isinstance(self._group.selected, str):
            return self.prepared(spec, [self._group.selected])
        if not isinstance(spec, tuple) or len(spec) != 2:
            raise NotNative(f"the aggregation {label}")
        return (spec[0], self.prepared(spec[1], self._known(spec[0])))

    def _known(self, label: Any) -> list[str]:
        if label not in self._group.frame.columns:
            raise NotNative("a label that is no column")
        return [label]

    def _handing_out(self, function: Callable[[Any], Any], columns: list[str]) -> Any:
        numbers = {}
        for column in columns:
            numbers[column] = len(self.parts)
            self.parts.append(Part(function, column))
        left: dict[str, Iterator[Any]] = {}

        def hand_out(values: Any) -> Any:
            results = self.results
            if results is None or not isinstance(values, pd.Series):
                raise NotNative("a function of whole groups")
            name = str(values.name)
            return next(left.setdefault(name, iter(results.of(numbers[name]))))

        hand_out.__name__ = _common.get_callable_name(function)
        return hand_out


def _aggregate(group: GroupState, func: Any, kwargs: dict[str, Any]) -> Any:
    """The native aggregation, else the functions in tasks and the rest by pandas."""
    one_column = isinstance(group.selected, str)
    try:
        return (aggregate_series if one_column else aggregate_frame)(group, func, **kwargs)
    except NotNative:
        if not _has_function(func, kwargs):
            raise
    collected = _Aggregations(group)
    if func is None:
        kwargs = {label: collected.named(label, spec) for label, spec in kwargs.items()}
    elif kwargs:
        raise NotNative("arguments of aggregation functions")
    else:
        func = collected.prepared(func, group.values)
    collected.results = _Results(group, collected.parts, named=False)
    return adopt(collected.results.groupby.agg(func, **kwargs))


def _has_function(func: Any, kwargs: dict[str, Any]) -> bool:
    match func:
        case None:
            return any(_has_function(spec, {}) for spec in kwargs.values())
        case list() | tuple():
            return any(_has_function(f, {}) for f in func)
        case dict():
            return any(_has_function(f, {}) for f in func.values())
        case _:
            return callable(func)


@native(DataFrameGroupBy, SeriesGroupBy, name="agg")
@native(DataFrameGroupBy, SeriesGroupBy, name="aggregate")
def aggregate(group: GroupState, func: Any = None, **kwargs: Any) -> Any:
    return _aggregate(group, func, kwargs)
