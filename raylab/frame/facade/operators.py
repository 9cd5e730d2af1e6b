"""Arithmetic, comparison and logic of series and frames, and functions of each value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import no_default
from pandas.api.types import is_list_like, is_scalar

from raylab.frame import support
from raylab.frame.execution import engine
from raylab.frame.facade.alignment import aligned
from raylab.frame.facade.base import LazyObject, native, state_of, wrap
from raylab.frame.facade.metadata import OPERATORS, later
from raylab.frame.facade.positions import held
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import FrameState, SeriesState, same_labelled_rows, settle
from raylab.frame.facade.ufuncs import combined, result_name
from raylab.frame.kernels.batches import frozen
from raylab.frame.plan.expressions import Expr, Literal, Membership, call
from raylab.frame.plan.functions import FUNCTIONS
from raylab.frame.plan.nodes import Project
from raylab.frame.plan.schema import NotNative, kind_of

_LOGIC = {"and_": "and", "or_": "or", "xor": "xor", "rand_": "and", "ror_": "or", "rxor": "xor"}
_REVERSED = {
    name: name[1:] for name in ("radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rmod", "rpow")
}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_SWAPPED = frozenset((*_REVERSED, "rand_", "ror_", "rxor"))


def operand(state: SeriesState, other: Any) -> tuple[SeriesState, Expr]:
    """Both sides of an operation as expressions over the same rows, with settled dtypes."""
    state = settle(state)
    if isinstance(other, pd.Series):
        left, expr = aligned(state, other)
        right = settle(SeriesState(left.rows, expr, None))
        return left, right.expr
    if isinstance(other, np.ndarray) and other.ndim == 1:
        return state, held(state.rows, other)
    return state, constant(state, other)


def constant(state: SeriesState, value: Any) -> Literal:
    """A scalar of the other side; a string compared with datetimes is one of them."""
    if is_list_like(value) or not is_scalar(value):
        raise NotNative(f"the other side is of type {type(value).__name__}")
    if isinstance(value, str) and state.field.kind in ("datetime", "timedelta"):
        moment = pd.Timestamp if state.field.kind == "datetime" else pd.Timedelta
        try:
            return Literal(moment(value))
        except ValueError as error:
            raise NotNative(str(error)) from error
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        raise NotNative("a date beside datetimes")
    # To pandas a NumPy number beside a series is a Python number: it widens nothing.
    is_number = isinstance(value, np.number) and not isinstance(value, np.timedelta64)
    return Literal(value.item() if is_number else value)


def binary(state: SeriesState, other: Any, operation: str) -> SeriesState:
    """A series and another side, combined row by row by an operator's name."""
    function = _REVERSED.get(operation) or _LOGIC.get(operation, operation)
    if function not in FUNCTIONS:
        raise NotNative(f"operator {operation}")
    if isinstance(other, np.timedelta64):  # NumPy takes it for a number, pandas does not
        other = pd.Timedelta(other)
    try:
        left, right = operand(state, other)
        arguments = (right, left.expr) if operation in _REVERSED else (left.expr, right)
        result = left.mapped(call(function, *arguments))
    except NotNative:
        result = combined(state, other, function, swapped=operation in _SWAPPED)
    return replace(result, name=result_name(state, other))


def frame_binary(frame: FrameState, other: Any, operation: str) -> FrameState:
    """Every column of a frame with a constant, or with the same column of a frame of its rows."""
    if isinstance(other, pd.DataFrame):
        right = state_of(other)
        if list(right.columns) != list(frame.columns) or not same_labelled_rows(right, frame):
            raise NotNative("the other side has other rows, labels or columns")
        others = {label: wrap(right.column(label)) for label in frame.columns}
    elif isinstance(other, pd.Series | list | np.ndarray) and np.ndim(other) == 1:
        others = _by_column(frame, other)
    elif is_list_like(other):
        raise NotNative(f"a {type(other).__name__} beside a frame")
    else:
        others = dict.fromkeys(frame.columns, other)
    columns = {
        label: binary(frame.column(label), others[label], operation).expr for label in frame.columns
    }
    return replace(frame, columns=columns)


def _by_column(frame: FrameState, other: Any) -> dict[str, Any]:
    """One value for each column: a list, or a small series whose labels are the columns'."""
    labels = list(frame.columns)
    wide = ("int64", "float64")
    if any(str(field.dtype) not in wide or not field.settled for field in frame.fields.values()):
        raise NotNative("a value for each column beside narrow columns")
    if isinstance(other, pd.Series):
        state = other._state() if isinstance(other, LazyObject) else None
        if state is not None and engine.count_rows(state.rows) != len(labels):
            raise NotNative("a series, whose labels are matched with the columns")
        values = pd.Series(other)
        if list(values.index) != labels:
            raise NotNative("a series, whose labels are matched with the columns")
    else:
        values = pd.Series(list(other))
    if len(values) != len(labels) or str(values.dtype) not in wide:
        raise NotNative("a value for each column of another kind or number")
    return dict(zip(labels, values.tolist(), strict=True))


def _filled_sides(series: SeriesState, other: Any, operation: str, fill: Any) -> SeriesState:
    """Both sides with missing values filled; what is missing on both sides stays so."""
    left, right = operand(series, other)
    if not isinstance(fill, int | float) or isinstance(fill, bool):
        raise NotNative("argument fill_value")
    sides = [left, SeriesState(left.rows, right, None)]
    if not all(side.field.kind in ("int", "float") for side in sides):
        raise NotNative("argument fill_value of other than numbers")
    filled = []
    for side in sides:
        value = Literal(float(fill)) if side.field.kind == "float" else None
        filled.append(call("fillna", side.expr, value) if value is not None else side.expr)
    rows, index = left.rows, left.index
    one = SeriesState(rows, filled[0], series.name, index)
    two = wrap(SeriesState(rows, filled[1], getattr(other, "name", series.name), index))
    result = binary(one, two, operation)
    if not all(side.field.may_miss for side in sides):
        return result
    if operation in _COMPARISONS:
        raise NotNative("argument fill_value of a comparison where both sides may be missing")
    both = call("and", *(call("isna", side.expr) for side in sides))
    return result.mapped(call("where_missing", call("not", both), result.expr))


def _flexible(name: str, operation: str) -> None:
    """The method of an operator: ``df.add(other)``."""

    def of_series(series: SeriesState, other: Any, fill_value: Any = None) -> SeriesState:
        if fill_value is not None:
            return _filled_sides(series, other, operation, fill_value)
        return binary(series, other, operation)

    def of_frame(frame: FrameState, other: Any, axis: Any = "columns") -> FrameState:
        if axis not in (0, "index") or isinstance(other, pd.DataFrame) or not is_list_like(other):
            return frame_binary(frame, other, operation)
        if not isinstance(other, pd.Series):
            raise NotNative(f"a {type(other).__name__} as a column")
        columns = {c: binary(frame.column(c), other, operation).expr for c in frame.columns}
        return replace(frame, columns=columns)

    native(pd.Series, name=name)(of_series)
    native(pd.DataFrame, name=name)(of_frame)
    OPERATORS.add(name)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _flexible(_name, _name)
    _flexible(f"r{_name}", f"r{_name}")
for _name in _COMPARISONS:
    _flexible(_name, _name)
for _name, _operation in (("div", "truediv"), ("divide", "truediv"), ("rdiv", "rtruediv")):
    _flexible(_name, _operation)
_flexible("subtract", "sub")
_flexible("multiply", "mul")


def install_operators(face: type, owner: type, combine: Callable[[Any, Any, str], Any]) -> None:
    """Routes pandas' three hooks of all operators to the native form."""
    for hook in ("_arith_method", "_cmp_method", "_logical_method"):
        setattr(face, hook, _operator(owner, hook, combine))


def _operator(owner: type, hook: str, combine: Callable[[Any, Any, str], Any]) -> Any:
    base = getattr(owner, hook)

    def method(self: Any, other: Any, op: Any) -> Any:
        state = self._state()
        if state is None:
            return base(self, other, op)
        name = op.__name__
        try:
            if name in ("divmod", "rdivmod"):
                reverse = "r" if name[0] == "r" else ""
                parts = [combine(state, other, reverse + part) for part in ("floordiv", "mod")]
                return tuple(wrap(part, later(self, other)) for part in parts)
            result = combine(state, other, name)
        except NotNative as reason:
            with support.falling_back(f"{owner.__name__}.__{name.strip('_')}__", str(reason)):
                return base(self, other, op)
        return wrap(result, later(self, other))

    return method


def each(state: Any, function: str, **params: Any) -> Any:
    """A function of every value of a series or of every column of a frame."""
    if isinstance(state, SeriesState):
        if state.field.kind == "nullable" and function in _METHODS:
            return by_method(state, _METHODS[function], **params)
        return state.mapped(call(function, state.expr, **params))
    return state.assign({c: each(state.column(c), function, **params).expr for c in state.columns})


_METHODS = {"neg": "__neg__", "abs": "abs", "round": "round"}
"""Functions of nullable values that pandas computes, batch by batch."""


def by_method(series: SeriesState, name: str, **arguments: Any) -> SeriesState:
    """What a method of pandas makes of each value."""
    return series.mapped(
        call("method", series.expr, accessor=None, name=name, arguments=frozen(arguments))
    )


def settled(state: Any) -> Any:
    """A series or frame whose dtypes no longer depend on data."""
    return settle(state) if isinstance(state, SeriesState) else state.settled(state.columns)


@native(pd.DataFrame, pd.Series)
def __invert__(state: Any) -> Any:
    return each(settled(state), "not")


@native(pd.DataFrame, pd.Series)
def __neg__(state: Any) -> Any:
    return each(settled(state), "neg")


@native(pd.DataFrame, pd.Series, name="abs")
def abs_(state: Any) -> Any:
    return each(settled(state), "abs")


@native(pd.DataFrame, pd.Series)
def isna(state: Any) -> Any:
    return each(state, "isna")


@native(pd.DataFrame, pd.Series)
def isnull(state: Any) -> Any:
    return each(state, "isna")


@native(pd.DataFrame, pd.Series)
def notna(state: Any) -> Any:
    return each(state, "notna")


@native(pd.DataFrame, pd.Series)
def notnull(state: Any) -> Any:
    return each(state, "notna")


@native(pd.DataFrame, pd.Series, name="round")
def round_(state: Any, decimals: Any = 0) -> Any:
    if not isinstance(decimals, int):
        raise NotNative("decimals other than one integer")
    if isinstance(state, SeriesState):
        return each(settled(state), "round", decimals=decimals)
    frame = settled(state)
    if any(field.kind in ("datetime", "timedelta") for field in frame.fields.values()):
        raise NotNative("columns of moments or spans, of which pandas warns")
    rounded = {
        label: call("round", expr, decimals=decimals)
        for label, expr in frame.columns.items()
        if frame.fields[label].kind in ("int", "float")
    }
    if any(field.kind == "nullable" for field in frame.fields.values()):
        raise NotNative("rounding nullable columns of a frame")
    return _checked(frame.assign(rounded))


def _checked(frame: FrameState) -> FrameState:
    _ = frame.fields
    return frame


@native(pd.Series)
def fillna(series: SeriesState, value: Any) -> SeriesState:
    left, right = operand(series, value)
    return left.mapped(call("fillna", left.expr, right))


@native(pd.Series)
def between(series: SeriesState, left: Any, right: Any, inclusive: str = "both") -> SeriesState:
    lower = "ge" if inclusive in ("both", "left") else "gt"
    upper = "le" if inclusive in ("both", "right") else "lt"
    if inclusive not in ("both", "left", "right", "neither"):
        raise NotNative("argument inclusive")
    above = binary(series, left, lower)
    return above.mapped(call("and", above.expr, binary(series, right, upper).expr))


@native(pd.Series)
def isin(series: SeriesState, values: Any) -> SeriesState:
    series = settle(series)
    if isinstance(values, pd.Series) and "_lazy" in values.__dict__:
        return series.mapped(_membership(series, settle(state_of(values))))
    if isinstance(values, str) or not is_list_like(values) or isinstance(values, dict):
        raise NotNative(f"values of type {type(values).__name__}")
    listed = list(values)
    if series.field.kind in ("datetime", "timedelta") and any(type(v) is str for v in listed):
        raise NotNative("texts among moments")
    present = tuple(constant(series, v).value for v in listed if is_scalar(v) and not pd.isna(v))
    if any(not is_scalar(v) for v in listed):
        raise NotNative("values that are not scalars")
    if not present:
        raise NotNative("no values to look for")
    if series.field.kind == "nullable":
        return by_method(series, "isin", values=tuple(listed))
    missing = len(present) < len(listed)
    return series.mapped(call("isin", series.expr, values=present, missing=missing))


def _membership(series: SeriesState, values: SeriesState) -> Expr:
    if kind_of(values.field.dtype) != series.field.kind or series.field.kind == "opaque":
        raise NotNative(f"{series.field.dtype} among {values.field.dtype}")
    expr, other = series.expr, values.expr
    if values.field.dtype != series.field.dtype:
        if series.field.kind not in ("int", "float"):
            raise NotNative(f"{series.field.dtype} among {values.field.dtype}")
        wide = np.result_type(*(np.dtype(str(f.dtype)) for f in (series.field, values.field)))
        if kind_of(wide) != series.field.kind:
            raise NotNative(f"{series.field.dtype} among {values.field.dtype}")
        expr, other = (call("cast", side, dtype=wide) for side in (expr, other))
    return Membership(expr, Project(values.rows, (("member", other),)))


def _where(state: Any, cond: Any, other: Any, *, keep: bool) -> Any:
    if not isinstance(state, SeriesState) or not isinstance(cond, pd.Series):
        raise NotNative("a condition that is no series")
    series, condition = operand(state, cond)
    if not keep:
        condition = call("not", condition)
    if other is None and series.field.kind == "bool":
        raise NotNative("None beside bools, which stays None")
    if other is no_default or (is_scalar(other) and pd.isna(other)):
        return series.mapped(call("where_missing", condition, series.expr))
    # Other than arithmetic, a choice is widened by a NumPy number.
    value = Literal(other) if isinstance(other, np.number) else operand(series, other)[1]
    return series.mapped(call("where", condition, series.expr, value))


@native(pd.Series)
def where(series: SeriesState, cond: Any, other: Any = no_default) -> SeriesState:
    result: SeriesState = _where(series, cond, other, keep=True)
    return result


@native(pd.Series)
def mask(series: SeriesState, cond: Any, other: Any = no_default) -> SeriesState:
    result: SeriesState = _where(series, cond, other, keep=False)
    return result


@native(pd.Series)
def clip(series: SeriesState, lower: Any = None, upper: Any = None) -> SeriesState:
    for bound in (lower, upper):
        if bound is not None and (not is_scalar(bound) or pd.isna(bound)):
            raise NotNative("bounds other than numbers")
    if lower is None and upper is None:
        raise NotNative("no bounds")
    if lower is not None and upper is not None and lower > upper:
        lower, upper = upper, lower
    if series.field.kind == "nullable":
        return by_method(series, "clip", lower=lower, upper=upper)
    return settle(series).mapped(call("clip", settle(series).expr, lower=lower, upper=upper))


@native(pd.Series, name="map")
def map_(series: SeriesState, func: Any = None) -> SeriesState:
    if type(func) is not dict or not all(is_scalar(k) and not pd.isna(k) for k in func):
        raise NotNative("a mapping other than a dictionary of constants")
    return settle(series).mapped(call("map", settle(series).expr, pairs=tuple(func.items())))


@native(pd.DataFrame, pd.Series)
def astype(state: Any, dtype: Any) -> Any:
    if isinstance(state, SeriesState):
        return each(settle(state), "cast", dtype=pd.api.types.pandas_dtype(dtype))
    targets = dtype if isinstance(dtype, dict) else dict.fromkeys(state.columns, dtype)
    labels = label_list(state, list(targets))
    frame = state.settled(labels)
    casts = {
        label: call("cast", frame.columns[label], dtype=pd.api.types.pandas_dtype(targets[label]))
        for label in labels
    }
    return _checked(frame.assign(casts))
