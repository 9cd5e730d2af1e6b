"""``groupby.agg`` in all its spellings: names, lists, dictionaries, named aggregations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy

from raylab.frame.facade.base import native
from raylab.frame.facade.grouping import GroupState, aggregated, one_function, size
from raylab.frame.facade.labelling import labelled
from raylab.frame.facade.selection import label_list
from raylab.frame.plan.schema import NotNative


@native(DataFrameGroupBy, name="agg")
@native(DataFrameGroupBy, name="aggregate")
def aggregate_frame(group: GroupState, func: Any = None, **kwargs: Any) -> Any:
    _refuse_nothing(func, kwargs)
    if func is None:
        calls: dict[str, tuple[str, str, dict[str, Any]]] = {}
        for label, spec in kwargs.items():
            column, function = _pair(spec)
            calls[label] = (_known(group, column), _named(function), {})
        return replace(aggregated(group, calls), columns_name=None)
    if kwargs:
        raise NotNative("arguments of aggregation functions")
    if func == "size":
        return size(group)
    if isinstance(func, list):
        func = dict.fromkeys(group.values, func)
    if isinstance(func, dict) and any(isinstance(f, list) for f in func.values()):
        return _several_each(group, func)
    if isinstance(func, dict):
        calls = {_known(group, label): (label, _named(f), {}) for label, f in func.items()}
        return aggregated(group, calls)
    return one_function(group, _named(func))


def _refuse_nothing(func: Any, kwargs: dict[str, Any]) -> None:
    """Leaves an aggregation by nothing to pandas, which words the error or gives no columns."""
    if (isinstance(func, list | dict) and not func) or (func is None and not kwargs):
        raise NotNative("no aggregation")


def _pair(spec: Any) -> tuple[Any, Any]:
    """Column and function of a named aggregation."""
    if isinstance(spec, tuple) and len(spec) == 2:
        return spec[0], spec[1]
    if isinstance(spec, pd.NamedAgg) and not (spec.args or spec.kwargs):
        return spec.column, spec.aggfunc
    raise NotNative("a named aggregation that is no pair")


def _several_each(group: GroupState, functions: dict[Any, Any]) -> Any:
    """Several aggregations of a column, below its label: columns of two levels, computed."""
    pairs: list[tuple[str, str]] = []
    for label, given in functions.items():
        column = _known(group, label)
        pairs += [(column, _named(f)) for f in (given if isinstance(given, list) else [given])]
    if len(set(pairs)) < len(pairs) or not pairs or not group.as_index:
        raise NotNative("an aggregation twice, none, or groups that are not the index")
    calls: dict[str, tuple[str, str, dict[str, Any]]] = {
        f"{i}": (column, function, {}) for i, (column, function) in enumerate(pairs)
    }
    given = [f if isinstance(f, list) else [f] for f in functions.values()]
    known = {function for _, function in pairs}
    # pandas keeps the order that all columns share.
    listed = pd.Index(given[0] if all(f == given[0] for f in given) else sorted(known))
    names = [group.frame.columns_name, None]
    return labelled(aggregated(group, calls), _paired(pairs, listed, names))


def _paired(pairs: list[tuple[str, str]], functions: pd.Index, names: list[Any]) -> pd.MultiIndex:
    """The labels of columns and functions, stored as they appear and as pandas lists them."""
    columns: Any = pd.Index(list(dict.fromkeys(column for column, _ in pairs)))
    levels: Any = [columns, functions]
    codes: Any = [
        level.get_indexer(list(labels))
        for level, labels in zip(levels, zip(*pairs, strict=True), strict=True)
    ]
    return pd.MultiIndex(levels, codes, names=names)


@native(SeriesGroupBy, name="agg")
@native(SeriesGroupBy, name="aggregate")
def aggregate_series(group: GroupState, func: Any = None, **kwargs: Any) -> Any:
    (column,) = group.values
    _refuse_nothing(func, kwargs)
    if isinstance(func, list) and not kwargs:
        kwargs = {_named(f): f for f in func}
        if len(kwargs) < len(func):
            raise NotNative("one aggregation twice")
        func = None
    if func is None:
        result = aggregated(group, {label: (column, _named(f), {}) for label, f in kwargs.items()})
        return replace(result, columns_name=None)
    if kwargs:
        raise NotNative("arguments of aggregation functions")
    return size(group) if func == "size" else one_function(group, _named(func))


def _known(group: GroupState, label: Any) -> str:
    (column,) = label_list(group.frame, [label])
    if group.selected is not None and column not in group.values:
        raise NotNative("a column outside of the selection")
    return column


def _named(function: Any) -> str:
    """The name of a native aggregation."""
    if not isinstance(function, str) or function not in _AGGREGATIONS:
        raise NotNative(f"aggregation {function!r}")
    return function


_AGGREGATIONS = frozenset(
    (
        "sum",
        "mean",
        "min",
        "max",
        "median",
        "first",
        "last",
        "count",
        "nunique",
        "std",
        "var",
        "size",
        "prod",
        "any",
        "all",
        "sem",
        "skew",
        "kurt",
    )
)
