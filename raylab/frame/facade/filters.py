"""The argument ``filters`` of read_parquet: which folders to read, and which rows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from raylab.frame.plan.nodes import Node
from raylab.frame.plan.schema import NotNative, kind_of
from raylab.frame.sources.parquet import ParquetSource

Condition = tuple[str, str, Any]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda column, values: column in values,
    "not in": lambda column, values: column not in values,
}
_VALUES: dict[str, tuple[type, ...]] = {
    "int": (int, float, np.integer, np.floating),
    "float": (int, float, np.integer, np.floating),
    "bool": (bool, np.bool_),
    "str": (str,),
}


def split_by_key(
    source: ParquetSource, filters: Any
) -> tuple[ParquetSource, list[list[Condition]]]:
    """The source with the files that conditions on folder keys leave, and the other conditions.

    Raises:
        NotNative: conditions that only pyarrow can apply.
    """
    alternatives = _alternatives(filters)
    keys = {key.name: key for key in source.keys}
    if not any(name in keys for every in alternatives for name, _, _ in every):
        return source, alternatives
    if len(alternatives) > 1:
        raise NotNative("alternatives among folders")
    on_keys = [condition for condition in alternatives[0] if condition[0] in keys]
    rest = [condition for condition in alternatives[0] if condition[0] not in keys]
    for name, _, value in on_keys:
        kind = int if keys[name].whole_numbers else str
        values = value if isinstance(value, list | tuple | set) else [value]
        if not all(type(item) is kind for item in values):
            raise NotNative(f"a filter of {name!r} by another kind of value")
    kept = [
        file
        for file in source.files
        if all(_OPERATORS[op](source.key_of(file, name), value) for name, op, value in on_keys)
    ]
    if not kept:
        raise NotNative("filters that leave no file")
    return source.only(tuple(kept)), [rest] if rest else []


def filtered(source: ParquetSource, frame: Any, alternatives: list[list[Condition]]) -> Node:
    """The rows of a frame for which all conditions of one of the alternatives hold.

    Raises:
        NotNative: conditions that only pyarrow can apply, or dtypes that would depend on them.
    """
    widened = [name for name, field in source.fields.items() if source.is_widened(name, field)]
    if widened:
        raise NotNative("filters on files with missing integers or bools")
    if alternatives:
        wanted = [reduce(operator.and_, [_mask(frame, c) for c in every]) for every in alternatives]
        frame = frame[reduce(operator.or_, wanted)]
    state = frame._plan()
    if state is None:
        raise NotNative("filters without a native form")
    rows: Node = state.rows
    return rows


def _alternatives(filters: Any) -> list[list[Condition]]:
    if not isinstance(filters, list) or not filters:
        raise NotNative("filters other than lists of conditions")
    nested = filters if isinstance(filters[0], list) else [filters]
    for every in nested:
        for condition in every:
            if not isinstance(condition, tuple) or len(condition) != 3:
                raise NotNative("filters other than lists of conditions")
            if condition[1] not in _OPERATORS:
                raise NotNative(f"the operator {condition[1]!r} in filters")
    return [list(every) for every in nested]


def _mask(frame: Any, condition: Condition) -> Any:
    """One condition; a missing value fulfils none, as in Arrow."""
    name, op, value = condition
    if name not in frame.columns:
        raise NotNative(f"a filter of {name!r}, which is no column")
    dtype = frame.dtypes[name]
    _check_values(name, kind_of(dtype), value, op)
    column = frame[name]
    if op == "in":
        return column.isin(list(value))
    if op == "not in":
        return ~column.isin(list(value)) & column.notna()
    mask = _OPERATORS[op](column, value)
    return mask & column.notna() if op == "!=" else mask


def _check_values(name: str, kind: str, value: Any, op: str) -> None:
    if kind == "float" and op in ("!=", "not in"):
        raise NotNative(f"the operator {op!r} on floats, where NaN and missing values differ")
    values = list(value) if op in ("in", "not in") else [value]
    if kind == "datetime":
        fits = all(isinstance(v, pd.Timestamp) and v.tz is None for v in values)
    else:
        allowed = _VALUES.get(kind, ())
        fits = all(
            isinstance(v, allowed) and (kind == "bool" or not isinstance(v, bool)) for v in values
        )
    if not fits or any(isinstance(v, float) and v != v for v in values):
        raise NotNative(f"a filter of {name!r} by another kind of value")
