"""Values to classes and classes to columns: cut, qcut, get_dummies, crosstab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_list_like

from raylab.frame import support
from raylab.frame.execution import engine
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import LazyObject, state_of, wrap
from raylab.frame.facade.categories import as_text
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.labelling import labelled, occurring
from raylab.frame.facade.metadata import giver
from raylab.frame.facade.operators import constant
from raylab.frame.facade.pivoting import cross_counts
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import FrameState, SeriesState, is_label, same_labelled_rows, settle
from raylab.frame.plan.expressions import Expr, call
from raylab.frame.plan.nodes import AggregateCall
from raylab.frame.plan.schema import BOOL, NotNative, family_of, is_category

_VALUES = "values"
_KNOWN = frozenset(("str", "int", "float", "bool", "datetime", "timedelta"))
"""Kinds of columns of which pandas encodes the first, and leaves the others as they are."""


def natively(own: Callable[..., Any], form: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function of the module: its native form where the first argument is lazy, else pandas'.

    The native form is called with the same arguments and has pandas' names; it returns a state
    or a plain value, or raises NotNative.
    """
    first = args[0] if args else None
    if not isinstance(first, LazyObject) or first._state() is None:
        return adopt(own(*args, **kwargs))
    try:
        return wrap(form(*args, **kwargs), giver(own.__name__, first, {}))
    except NotNative as reason:
        with support.falling_back(own.__name__, str(reason)):
            return adopt(own(*args, **kwargs))
    except TypeError:
        return adopt(own(*args, **kwargs))  # pandas words the error, or knows the argument


# --- cut ----------------------------------------------------------------------------------------


def cut(x: Any, bins: Any, *args: Any, **kwargs: Any) -> Any:
    """As ``pandas.cut``; lazy for a series and labels that are strings or numbers of bins.

    >>> import raylab.frame as pd
    >>> pd.cut(pd.Series([1, 5]), [0, 2, 9], labels=["low", "high"]).tolist()
    ['low', 'high']
    """
    return natively(pd.cut, _cut, x, bins, *args, **kwargs)


def _cut(
    x: Any,
    bins: Any,
    right: bool = True,
    labels: Any = None,
    *,
    include_lowest: bool = False,
    duplicates: str = "raise",
    ordered: bool = True,
) -> SeriesState:
    series = _numbers(x)
    if duplicates != "raise":
        raise NotNative("argument duplicates")
    if isinstance(bins, int) and not isinstance(bins, bool):
        bins = _even_bins(series, bins, right=right)
    elif not is_list_like(bins) or isinstance(bins, pd.IntervalIndex):
        raise NotNative(f"bins of type {type(bins).__name__}")
    edges = tuple(np.asarray(bins).tolist())
    if not all(isinstance(edge, int | float) for edge in edges):
        raise NotNative("bins that are no numbers")
    return _in_bins(series, edges, labels, right=right, lowest=include_lowest, ordered=ordered)


def _numbers(x: Any) -> SeriesState:
    state = state_of(x)
    if not isinstance(state, SeriesState):
        raise NotNative("bins of frames")
    series = settle(state)
    if series.field.kind not in ("int", "float"):
        raise NotNative(f"bins of {series.field.dtype}")
    return series


def _even_bins(series: SeriesState, number: int, *, right: bool) -> Any:
    """The edges of bins of one width, as pandas chooses them: looks at the extremes."""
    calls = tuple((name, AggregateCall(name, series.expr)) for name in ("min", "max"))
    row = engine.reduce_rows(series.rows, calls)
    if row["min"][0] is None:
        raise NotNative("bins of nothing")
    extremes = np.array([row["min"][0], row["max"][0]], dtype=series.field.dtype)  # type: ignore[arg-type]  # numbers
    return pd.cut(extremes, number, right=right, retbins=True, labels=False)[1]


def _in_bins(
    series: SeriesState,
    edges: tuple[Any, ...],
    labels: Any,
    *,
    right: bool,
    lowest: bool,
    ordered: bool = True,
) -> SeriesState:
    named: Any = None
    if labels is not False:
        if not isinstance(labels, list | tuple) or not all(type(la) is str for la in labels):
            raise NotNative("intervals, or labels that are no strings")
        if len(set(labels)) < len(labels) or not all(labels):
            raise NotNative("labels that are empty or not distinct")
        named = tuple(labels)
    options = {"right": bool(right), "include_lowest": bool(lowest), "ordered": bool(ordered)}
    expr = call("cut", series.expr, edges=edges, labels=named, options=tuple(options.items()))
    return series.mapped(expr)


def qcut(x: Any, q: Any, *args: Any, **kwargs: Any) -> Any:
    """As ``pandas.qcut``; looks at the column for its quantiles, the rest is lazy as in ``cut``.

    >>> import raylab.frame as pd
    >>> pd.qcut(pd.Series([1, 2, 3, 4]), 2, labels=["low", "high"]).tolist()
    ['low', 'low', 'high', 'high']
    """
    return natively(pd.qcut, _qcut, x, q, *args, **kwargs)


def _qcut(x: Any, q: Any, labels: Any = None) -> SeriesState:
    series = _numbers(x)
    values = compute_frame(series.frame(_VALUES))[_VALUES]
    edges = np.asarray(pd.qcut(values, q, labels=False, retbins=True)[1])
    if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
        raise NotNative("edges that are not finite and rising")
    return _in_bins(series, tuple(edges.tolist()), labels, right=True, lowest=True)


# --- get_dummies --------------------------------------------------------------------------------


def get_dummies(data: Any, *args: Any, **kwargs: Any) -> Any:
    """As ``pandas.get_dummies``; looks at the values that occur, the rest is lazy.

    >>> import raylab.frame as pd
    >>> list(pd.get_dummies(pd.Series(["b", "a"])).columns)
    ['a', 'b']
    """
    return natively(pd.get_dummies, _dummies, data, *args, **kwargs)


def _dummies(
    data: Any,
    prefix: Any = None,
    prefix_sep: Any = "_",
    dummy_na: bool = False,
    columns: Any = None,
    sparse: bool = False,
    drop_first: bool = False,
    dtype: Any = None,
) -> Any:
    state = state_of(data)
    if sparse or not isinstance(prefix_sep, str):
        raise NotNative("argument sparse or prefix_sep")
    options = (dummy_na, drop_first, BOOL if dtype is None else np.dtype(dtype))
    if isinstance(state, SeriesState):
        if not (prefix is None or isinstance(prefix, str)):
            raise NotNative("argument prefix")
        made, labels = _indicators(state, prefix, prefix_sep, *options)
        named = dict(zip(map(str, range(len(made))), made, strict=True))
        if not named:
            raise NotNative("a frame without columns")
        return labelled(FrameState(state.rows, named, state.index), labels)
    chosen = _encoded(state, columns)
    prefixes = _prefixes(prefix, chosen)
    result = {label: expr for label, expr in state.columns.items() if label not in chosen}
    for label in chosen:
        made, names = _indicators(state.column(label), prefixes[label], prefix_sep, *options)
        if not all(map(is_label, names)) or set(names) & result.keys():
            raise NotNative("labels that are taken")
        result |= dict(zip(names, made, strict=True))
    if not result or not chosen:
        raise NotNative("a frame without columns, or without any that is encoded")
    return replace(state, columns=result, columns_name=None)


def _encoded(frame: FrameState, columns: Any) -> list[str]:
    if columns is not None:
        if not is_list_like(columns):
            raise NotNative("columns that are no list")
        return label_list(frame, list(columns))
    fields = frame.settled(frame.columns).fields
    for field in fields.values():
        nullable = field.kind == "nullable"
        kind = family_of(field.dtype) if nullable else field.kind
        if (kind not in _KNOWN and not is_category(field.dtype)) or (nullable and kind == "str"):
            raise NotNative("columns of objects, or of nullable strings and the like")
    return [c for c, f in fields.items() if f.kind == "str" or is_category(f.dtype)]


def _prefixes(prefix: Any, labels: list[str]) -> dict[str, str]:
    match prefix:
        case None:
            return {label: label for label in labels}
        case str():
            return dict.fromkeys(labels, prefix)
        case dict() if all(isinstance(prefix.get(label), str) for label in labels):
            return {label: prefix[label] for label in labels}
        case list() if len(prefix) == len(labels) and all(isinstance(p, str) for p in prefix):
            return dict(zip(labels, prefix, strict=True))
        case _:
            raise NotNative("argument prefix")


def _indicators(
    series: SeriesState, prefix: str | None, sep: str, dummy_na: bool, drop_first: bool, dtype: Any
) -> tuple[list[Expr], pd.Index]:
    """For each value that occurs whether a row has it; and the labels."""
    series = settle(series)
    values: pd.Index
    if is_category(series.field.dtype):
        values = pd.Index(list(series.field.dtype.categories), dtype="str")  # type: ignore[union-attr]  # a category
        if prefix is None:
            raise NotNative("labels that are categories")
        series = as_text(series)
    elif series.field.kind == "opaque":
        raise NotNative(f"indicators of {series.field.dtype}")
    else:
        values, _ = occurring(series.rows, series.expr)
    if not len(values):
        raise NotNative("no values")
    exprs: list[Expr] = [call("eq", series.expr, constant(series, value)) for value in values]
    labels: Any = values
    if prefix is not None:
        labels = pd.Index([f"{prefix}{sep}{value}" for value in values], dtype="str")
    if dummy_na:
        if prefix is None:
            raise NotNative("a missing label")
        exprs.append(call("isna", series.expr))
        labels = labels.append(pd.Index([f"{prefix}{sep}nan"], dtype="str"))
    if drop_first:
        exprs, labels = exprs[1:], labels[1:]
    if dtype != BOOL:
        exprs = [call("cast", expr, dtype=dtype) for expr in exprs]
    for expr in exprs:
        _ = series.mapped(expr)
    return exprs, labels


# --- crosstab -----------------------------------------------------------------------------------


def crosstab(index: Any, columns: Any, *args: Any, **kwargs: Any) -> Any:
    """As ``pandas.crosstab``; lazy for two series of the same rows.

    >>> import raylab.frame as pd
    >>> pd.crosstab(pd.Series(["a", "b"], name="x"), pd.Series(["u", "u"], name="y"))["u"].tolist()
    [1, 1]
    """
    return natively(pd.crosstab, _crosstab, index, columns, *args, **kwargs)


def _crosstab(index: Any, columns: Any) -> Any:
    one, other = state_of(index), state_of(columns)
    if not (isinstance(one, SeriesState) and isinstance(other, SeriesState)):
        raise NotNative("keys other than two series")
    if not same_labelled_rows(one, other):
        raise NotNative("series with other rows or labels")
    return cross_counts(one, other)
