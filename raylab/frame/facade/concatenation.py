"""concat: frames and series one below the other, or beside each other."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from raylab.frame import support
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.alignment import aligned
from raylab.frame.facade.base import LazyObject, state_of, wrap
from raylab.frame.facade.stacking import stacked
from raylab.frame.facade.state import FrameState, Levels, RangeSpec, SeriesState, is_label
from raylab.frame.plan.expressions import Expr, Literal
from raylab.frame.plan.nodes import HIDDEN
from raylab.frame.plan.schema import NotNative

_VALUES = f"{HIDDEN}values"


def concat(
    objs: Any,
    *,
    axis: Any = 0,
    join: str = "outer",
    ignore_index: bool = False,
    keys: Any = None,
    names: Any = None,
    **kwargs: Any,
) -> Any:
    """As ``pandas.concat``; native one below the other, and beside each other for the same rows.

    >>> import raylab.frame as pd
    >>> pd.concat([pd.Series([1]), pd.Series([2])], ignore_index=True).tolist()
    [1, 2]
    """
    if not isinstance(objs, Mapping | list | tuple | pd.DataFrame | pd.Series | str):
        objs = list(objs)
    if isinstance(keys, Iterator):
        keys = list(keys)
    arguments = {"axis": axis, "join": join, "ignore_index": ignore_index, **kwargs}
    arguments |= {k: v for k, v in (("keys", keys), ("names", names)) if v is not None}
    listed = list(objs.values()) if isinstance(objs, dict) else objs
    if not isinstance(listed, list | tuple) or not any(_is_lazy(obj) for obj in listed):
        return adopt(pd.concat(objs, **arguments))
    try:
        if ignore_index and keys is not None:
            raise NotNative("argument keys beside ignore_index")
        if join not in ("inner", "outer") or kwargs:
            raise NotNative("arguments beyond axis, join, ignore_index, keys and names")
        if isinstance(objs, dict):
            if keys is not None:
                raise NotNative("keys of a dictionary")
            keys = list(objs)
        if isinstance(keys, pd.Index) and names is None:
            names = keys.names
        states = [state_of(obj) for obj in listed if obj is not None]
        if keys is not None and len(keys) != len(states):
            raise NotNative("keys that do not fit")
        if axis in (1, "columns"):
            state: Any = _beside(states, listed, keys, names, ignore_index=ignore_index)
            return _with_attrs(wrap(state), listed)
        if axis not in (0, "index"):
            raise NotNative("argument axis")
        state = _below(states, join, keys, names, ignore_index=ignore_index)
        return _with_attrs(wrap(state), listed)
    except NotNative as reason:
        with support.falling_back("concat", str(reason)):
            return adopt(pd.concat(objs, **arguments))


def _with_attrs(result: Any, objs: Any) -> Any:
    """The result with the attrs that all have."""
    attrs = [obj.attrs for obj in objs if obj is not None]
    if attrs[0] and all(other == attrs[0] for other in attrs[1:]):
        result.attrs = copy.deepcopy(attrs[0])
    return result


def _is_lazy(obj: Any) -> bool:
    return isinstance(obj, LazyObject) and obj._state() is not None


def _below(states: list[Any], join: str, keys: Any, names: Any, *, ignore_index: bool) -> Any:
    """One below the other."""
    if all(isinstance(state, SeriesState) for state in states):
        series = [state.frame(_VALUES) for state in states]
        result = _rows(series, [_VALUES], keys, names, ignore_index=ignore_index)
        shared = {state.name for state in states}
        return replace(result.column(_VALUES), name=shared.pop() if len(shared) == 1 else None)
    if not all(isinstance(state, FrameState) for state in states):
        raise NotNative("frames and series together")
    labels = list(dict.fromkeys(label for state in states for label in state.columns))
    if join == "inner":
        labels = [label for label in labels if all(label in s.columns for s in states)]
    if not labels:
        raise NotNative("a frame without columns")
    titles = {state.columns_name for state in states}
    result = _rows(states, labels, keys, names, ignore_index=ignore_index)
    return replace(result, columns_name=titles.pop() if len(titles) == 1 else None)


def _rows(
    states: list[FrameState], labels: list[str], keys: Any, names: Any, *, ignore_index: bool
) -> FrameState:
    if ignore_index:
        return stacked([replace(state, index=RangeSpec()) for state in states], labels)
    pinned = [state.pinned() for state in states]
    indexes = [state.index for state in pinned if isinstance(state.index, Levels)]
    if len({len(index.names) for index in indexes}) > 1:
        raise NotNative("indexes with different numbers of levels")
    same = len({index.names for index in indexes}) == 1
    common = indexes[0].names if same else (None,) * len(indexes[0].names)
    appearing = any(index.appearing for index in indexes) or keys is not None
    parts = []
    for i, (state, index) in enumerate(zip(pinned, indexes, strict=True)):
        levels = Levels(index.exprs, common, appearing)
        if keys is not None:
            levels = _under_key(levels, keys[i], names)
        parts.append(replace(state, index=levels))
    if keys is None and names is not None:
        raise NotNative("names without keys")
    return stacked(parts, labels)


def _under_key(levels: Levels, key: Any, names: Any) -> Levels:
    """The levels below the key of their frame."""
    if not isinstance(key, str | int) or isinstance(key, bool):
        raise NotNative("keys that are no strings or integers")
    given = [None] if names is None else list(names)
    rest = levels.names if len(given) == 1 else tuple(given[1:])
    if len(rest) != len(levels.names):
        raise NotNative("names that do not fit the levels")
    return Levels((Literal(key), *levels.exprs), (given[0], *rest), appearing=True)


def _beside(
    states: list[Any], objs: Any, keys: Any, names: Any, *, ignore_index: bool
) -> FrameState:
    """Beside each other: all have the same rows."""
    series = all(isinstance(state, SeriesState) for state in states)
    if ignore_index or names is not None or (keys is not None and not series):
        raise NotNative("argument ignore_index, names or keys")
    indexes = [state.index for state in states]
    if len({i.names if isinstance(i, Levels) else (i.name,) for i in indexes}) > 1:
        raise NotNative("indexes with different names")
    present = [obj for obj in objs if obj is not None]
    first = states[0]
    result = FrameState(first.rows, {}, first.index)
    for i, (state, obj) in enumerate(zip(states, present, strict=True)):
        if isinstance(state, SeriesState):
            named: dict[Any, Any] = {state.name if keys is None else keys[i]: obj}
        else:
            named = {label: wrap(state.column(label)) for label in state.columns}
        for label, column in named.items():
            if not is_label(label) or label in result.columns:
                raise NotNative("labels that are no strings, or one twice")
            result, expr = aligned(result, column)
            columns: dict[str, Expr] = {**result.columns, label: expr}
            result = replace(result, columns=columns)
    if any(getattr(state, "columns_name", None) is not None for state in states):
        raise NotNative("names of columns")
    return result
