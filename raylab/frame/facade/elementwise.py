"""Values by value: conditions, filling, replacing, casting, clipping, of series and frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import no_default
from pandas.api.types import is_dict_like, is_list_like, is_scalar

from raylab.frame import support
from raylab.frame.execution import engine
from raylab.frame.facade.base import LazyObject, native, state_of, wrap
from raylab.frame.facade.categories import among_numbers, as_category, as_text
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.operators import binary, constant
from raylab.frame.facade.selection import evaluated, label_list
from raylab.frame.facade.state import FrameState, SeriesState, same_labelled_rows, settle
from raylab.frame.plan.expressions import Expr, Literal, call
from raylab.frame.plan.literals import literal_field
from raylab.frame.plan.nodes import Filter, Slice
from raylab.frame.plan.schema import BOOL, STR, NotNative, is_category, is_number_key

_series_where = support.NATIVE["Series", "where"]
_series_clip = support.NATIVE["Series", "clip"]
_series_fillna = support.NATIVE["Series", "fillna"]
_series_isin = support.NATIVE["Series", "isin"]
_series_map = support.NATIVE["Series", "map"]
_casts = support.NATIVE["Series", "astype"]


def per_column(
    frame: FrameState, change: Callable[[SeriesState], SeriesState], labels: Any = None
) -> FrameState:
    """The frame with some of its columns, or all, changed by a function of series."""
    chosen = list(frame.columns) if labels is None else labels
    return frame.assign({label: change(frame.column(label)).expr for label in chosen})


# --- conditions ---------------------------------------------------------------------------------


def chosen(series: SeriesState, condition: Expr, other: Any) -> SeriesState:
    """The values where the condition holds, else another value; widened where pandas widens."""
    mask = wrap(series.mapped(condition))
    try:
        result: SeriesState = _series_where(series, mask, other)
    except NotNative:
        return _widened_where(settle(series), condition, other)
    return result


def _widened_where(series: SeriesState, condition: Expr, other: Any) -> SeriesState:
    """Numbers beside a wider number: pandas widens only if the other value is used: a trigger."""
    field = series.field
    if not is_scalar(other) or field.kind not in ("int", "float", "bool"):
        raise NotNative(f"a choice between {field.dtype} and {type(other).__name__}")
    if not isinstance(other, bool | int | float | np.number):
        raise NotNative(f"a choice between {field.dtype} and {other!r}")
    left_out = Filter(series.rows, call("not", condition))
    if not engine.has_rows(Slice(left_out, 0, 1)):
        return series
    sample = pd.Series([1], dtype=field.dtype).where([False], other)  # type: ignore[call-overload]  # a NumPy dtype
    widened = series.mapped(call("cast", series.expr, dtype=sample.dtype))
    value = sample.iloc[0]
    return widened.mapped(call("where", condition, widened.expr, Literal(value)))


def _condition(state: Any, cond: Any, *, keep: bool) -> Callable[[str], Expr]:
    """The condition for each column of a frame, or of a series."""
    if callable(cond):
        cond = cond(wrap(state))
    if isinstance(cond, pd.Series):
        one = state_of(cond)
        given: Any = (
            {"": one} if isinstance(state, SeriesState) else dict.fromkeys(state.columns, one)
        )
    elif isinstance(cond, pd.DataFrame) and isinstance(state, FrameState):
        other = state_of(cond)
        if list(other.columns) != list(state.columns):
            raise NotNative("a condition with other columns")
        given = {label: other.column(label) for label in other.columns}
    else:
        raise NotNative(f"a condition of type {type(cond).__name__}")

    def of(label: str) -> Expr:
        condition: SeriesState = given[label]
        if not same_labelled_rows(condition, state) or condition.field.kind != "bool":
            raise NotNative("a condition over other rows or labels, or that is not of bools")
        return condition.expr if keep else call("not", condition.expr)

    return of


def _where(state: Any, cond: Any, other: Any, *, keep: bool) -> Any:
    cond, other = evaluated(state, cond), evaluated(state, other)
    condition = _condition(state, cond, keep=keep)
    if callable(other):
        other = other(wrap(state))
    if isinstance(state, SeriesState):
        return chosen(state, condition(""), other)
    if isinstance(other, pd.DataFrame):
        others = state_of(other)
        if list(others.columns) != list(state.columns) or not same_labelled_rows(others, state):
            raise NotNative("other values with other rows, labels or columns")
        return per_column_of(state, lambda c, s: chosen(s, condition(c), wrap(others.column(c))))
    if other is not no_default and not is_scalar(other):
        raise NotNative(f"other values of type {type(other).__name__}")
    return per_column_of(state, lambda c, s: chosen(s, condition(c), other))


def per_column_of(
    frame: FrameState, change: Callable[[str, SeriesState], SeriesState]
) -> FrameState:
    """Each column changed by a function of its label and series."""
    return frame.assign({c: change(c, frame.column(c)).expr for c in frame.columns})


@native(pd.DataFrame, pd.Series)
def where(state: Any, cond: Any, other: Any = no_default) -> Any:
    return _where(state, cond, other, keep=True)


@native(pd.DataFrame, pd.Series)
def mask(state: Any, cond: Any, other: Any = no_default) -> Any:
    return _where(state, cond, other, keep=False)


# --- filling, clipping, membership --------------------------------------------------------------


def _filled(series: SeriesState, value: Any) -> SeriesState:
    series = settle(series)
    if not series.field.may_miss and series.field.kind != "opaque":
        return series  # pandas does not look at the value, either
    result: SeriesState = _series_fillna(series, value)
    return result


@native(pd.DataFrame, pd.Series)
def fillna(state: Any, value: Any) -> Any:
    if isinstance(state, SeriesState):
        if not is_scalar(value) and not isinstance(value, pd.Series):
            raise NotNative(f"filling with {type(value).__name__}")
        return _filled(state, value)
    if isinstance(value, dict):
        known = {label: v for label, v in value.items() if label in state.columns}
        return state.assign(
            {label: _filled(state.column(label), v).expr for label, v in known.items()}
        )
    if not is_scalar(value):
        raise NotNative(f"filling with {type(value).__name__}")
    return per_column(state, lambda series: _filled(series, value))


@native(pd.DataFrame, pd.Series)
def clip(state: Any, lower: Any = None, upper: Any = None) -> Any:
    if isinstance(state, SeriesState):
        if isinstance(lower, pd.Series) or isinstance(upper, pd.Series):
            return _clipped_by_rows(state, lower, upper)
        return _series_clip(state, lower, upper)
    return per_column(state, lambda series: _series_clip(series, lower, upper))


def _clipped_by_rows(series: SeriesState, lower: Any, upper: Any) -> SeriesState:
    """Bounds of their own for each row; a missing one is none."""
    result = settle(series)
    for bound, beyond in ((lower, "lt"), (upper, "gt")):
        if bound is None:
            continue
        if not isinstance(bound, pd.Series):
            raise NotNative("a constant bound beside a series")
        here = binary(result, bound, beyond).expr
        result = chosen(result, call("not", here), bound)
    return result


@native(pd.Series, name="isin")
def isin_series(series: SeriesState, values: Any) -> SeriesState:
    series = settle(series)
    if is_number_key(series.field.dtype):
        return among_numbers(series, values)
    if is_category(series.field.dtype):
        series = as_text(series)
    if isinstance(values, list | tuple | set):
        listed: list[Any] = list(values)
        missing = [v for v in listed if is_scalar(v) and pd.isna(v)]
        if series.field.kind == "nullable" and (missing or not listed):
            raise NotNative("missing values, or none, among those of a nullable column")
        _check_missing(series, missing)
        if len(missing) == len(values):
            return series.mapped(call("isna", series.expr) if missing else Literal(False))
    if isinstance(series.field.dtype, pd.DatetimeTZDtype):
        raise NotNative("moments with a time zone among values")
    result: SeriesState = _series_isin(series, values)
    return result


def _check_missing(series: SeriesState, missing: list[Any]) -> None:
    """Refuses kinds of missing values that pandas does not find in this dtype."""
    match series.field.kind:
        case "float":
            fits = all(isinstance(v, float) for v in missing)
        case "datetime" | "timedelta":
            fits = all(v is pd.NaT for v in missing)
        case _:
            fits = True
    if not fits:
        raise NotNative("a missing value of another kind")


@native(pd.DataFrame)
def isin(frame: FrameState, values: Any) -> FrameState:
    if isinstance(values, dict):
        false = Literal(False)
        return frame.assign(
            {
                c: isin_series(frame.column(c), list(values[c])).expr if c in values else false
                for c in frame.columns
            }
        )
    if isinstance(values, pd.Series | pd.DataFrame) or not is_list_like(values):
        raise NotNative(f"values of type {type(values).__name__}")
    listed = list(values)
    return per_column(frame, lambda series: isin_series(series, listed))


@native(pd.DataFrame, name="round")
def round_(frame: FrameState, decimals: Any = 0) -> FrameState:
    places = decimals if isinstance(decimals, dict) else dict.fromkeys(frame.columns, decimals)
    if not all(type(d) is int for d in places.values()):
        raise NotNative("decimals that are no integers")
    frame = frame.settled(frame.columns)
    return frame.assign(
        {
            label: frame.column(label).mapped(call("round", expr, decimals=places[label])).expr
            for label, expr in frame.columns.items()
            if label in places and frame.fields[label].kind in ("int", "float")
        }
    )


# --- casting ------------------------------------------------------------------------------------


def cast(series: SeriesState, dtype: Any) -> SeriesState:
    """Astype to a native dtype: by the engine, or by pandas where it can fail."""
    if isinstance(dtype, type) and issubclass(dtype, pd.api.extensions.ExtensionDtype):
        raise NotNative("a class of dtypes")
    target = pd.api.types.pandas_dtype(dtype)
    series = settle(series)
    if isinstance(target, pd.CategoricalDtype):
        return as_category(series, target)
    if is_category(series.field.dtype) and target == STR:
        return as_text(series)
    try:
        result: SeriesState = _casts(series, target)
    except NotNative:
        if isinstance(target, pd.StringDtype) and pd.api.types.pandas_dtype(str(target)) != target:
            raise  # its name does not tell the storage
        return series.mapped(call("astype", series.expr, target=str(target)))
    return result


@native(pd.DataFrame, pd.Series)
def astype(state: Any, dtype: Any) -> Any:
    if isinstance(state, SeriesState):
        if isinstance(dtype, Mapping | pd.Series):
            raise NotNative("a dictionary of dtypes")
        return cast(state, dtype)
    if isinstance(dtype, pd.Series):
        raise NotNative(f"a dtype of type {type(dtype).__name__}")
    if not isinstance(dtype, dict):
        return per_column(state, lambda series: cast(series, dtype))
    labels = label_list(state, list(dtype))
    return state.assign({c: cast(state.column(c), dtype[c]).expr for c in labels})


# --- replacing and mapping ----------------------------------------------------------------------


def _replacements(to_replace: Any, value: Any) -> dict[Any, Any]:
    """The values that are replaced, and by what."""
    if value is no_default:
        if type(to_replace) is not dict:
            raise NotNative("argument value")
        pairs = dict(to_replace)
    elif is_dict_like(to_replace) or is_dict_like(value):
        raise NotNative("values by column")
    elif is_list_like(to_replace) and is_list_like(value):
        if len(to_replace) != len(value):
            raise NotNative("lists of different lengths")
        pairs = dict(zip(to_replace, value, strict=True))
    elif isinstance(to_replace, list | tuple) and is_scalar(value):
        pairs = dict.fromkeys(to_replace, value)
    elif is_scalar(to_replace) and is_scalar(value):
        pairs = {to_replace: value}
    else:
        raise NotNative(f"replacing {type(to_replace).__name__} by {type(value).__name__}")
    if not all(is_scalar(v) and not pd.isna(v) for pair in pairs.items() for v in pair):
        raise NotNative("missing values or containers among what is replaced")
    return pairs


def _replaced(series: SeriesState, pairs: dict[Any, Any]) -> SeriesState:
    """Replacements of the column's own kind; all look at the old values."""
    series = settle(series)
    kind = series.field.kind
    known: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}
    kinds = known.get(kind, ())
    if not kinds:
        raise NotNative(f"replacing values of {series.field.dtype}")
    if any(isinstance(v, bool | np.bool_) for pair in pairs.items() for v in pair):
        raise NotNative("bools among what is replaced")
    plain = {_plain(old): _plain(new) for old, new in pairs.items()}
    if not all(isinstance(v, kinds) for pair in plain.items() for v in pair):
        raise NotNative(f"replacing other values than of {series.field.dtype}")
    result = series.expr
    for old, new in reversed(plain.items()):
        different = call("ne", series.expr, constant(series, old))
        result = call("where", different, result, constant(series, new))
    return series.mapped(result)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


@native(pd.DataFrame, pd.Series)
def replace(state: Any, to_replace: Any = None, value: Any = no_default, regex: Any = False) -> Any:
    if regex is True:
        return _replaced_patterns(state, to_replace, value)
    if regex is not False:
        raise NotNative("argument regex")
    if isinstance(to_replace, float | None) and is_scalar(value) and to_replace != to_replace:
        numbers = state if isinstance(state, SeriesState) else None
        if numbers is None or settle(numbers).field.kind != "float" or pd.isna(value):
            raise NotNative("a missing value among what is replaced")
        return _filled(state, value)
    by_column = isinstance(to_replace, dict) and value is no_default
    if by_column and to_replace and all(isinstance(v, dict) for v in to_replace.values()):
        if isinstance(state, SeriesState):
            raise NotNative("replacements by column of a series")
        known = {
            c: _replacements(p, no_default) for c, p in to_replace.items() if c in state.columns
        }
        return state.assign({c: _replaced(state.column(c), p).expr for c, p in known.items()})
    pairs = _replacements(to_replace, value)
    if len(pairs) > 50:
        raise NotNative("more than 50 replacements")
    if isinstance(state, SeriesState):
        return _replaced(state, pairs)
    return per_column(state, lambda series: _replaced(series, pairs))


def _replaced_patterns(state: Any, pattern: Any, value: Any) -> SeriesState:
    """A regular expression in the strings of a series."""
    if not isinstance(state, SeriesState) or settle(state).field.kind != "str":
        raise NotNative("regular expressions other than in a series of strings")
    if not isinstance(pattern, str) or not isinstance(value, str):
        raise NotNative("argument regex with other than two strings")
    own = support.NATIVE["StringMethods", "replace"]
    result: SeriesState = own(settle(state), pat=pattern, repl=value, regex=True)
    return result


@native(pd.Series, name="map")
def map_(series: SeriesState, func: Any = None, na_action: Any = None) -> SeriesState:
    if na_action not in (None, "ignore"):
        raise NotNative("argument na_action")
    if isinstance(func, pd.Series):
        if str(func.dtype) not in ("int64", "float64", "bool", "str", "datetime64[us]"):
            raise NotNative(f"mapping to {func.dtype}")
        func = _as_dictionary(func)
    result: SeriesState = _series_map(series, func)
    if series.field.kind == "str" and result.field.dtype == BOOL:
        found = Slice(Filter(result.rows, call("notna", result.expr)), 0, 1)
        if not engine.has_rows(found):
            raise NotNative("strings none of which is mapped, for which pandas has floats")
    return result


def _as_dictionary(values: Any) -> Any:
    """A small series as a dictionary from its labels: a trigger."""
    state = values._state() if isinstance(values, LazyObject) else None
    known = values if state is None else compute_frame(state.frame("values"))["values"]
    if len(known) > 10_000 or not known.index.is_unique:
        raise NotNative("a series with many labels, or one twice")
    return known.to_dict()


@native(pd.Series)
def case_when(series: SeriesState, caselist: Any) -> SeriesState:
    if not isinstance(caselist, list) or not caselist:
        raise NotNative("cases that are no list")
    result = series
    for case in reversed(caselist):
        if not isinstance(case, tuple) or len(case) != 2:
            raise NotNative("a case that is no pair")
        if not _has_dtype_of(series, case[1]):
            raise NotNative("replacements of another dtype")
        condition = _condition(series, case[0], keep=False)
        result = chosen(result, condition(""), case[1])
    return result


def _has_dtype_of(series: SeriesState, replacement: Any) -> bool:
    """Whether a replacement changes no dtype: pandas takes the common one, used or not."""
    if isinstance(replacement, pd.Series):
        return bool(replacement.dtype == series.field.dtype)
    return bool(is_scalar(replacement) and literal_field(replacement).dtype == series.field.dtype)
