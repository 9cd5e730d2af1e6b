"""groupby operations that give a value for each row, or choose rows of each group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pandas.api.extensions import no_default
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy

from raylab.frame import support
from raylab.frame.facade.base import native, wrap
from raylab.frame.facade.grouping import (
    GroupState,
    LazyDataFrameGroupBy,
    LazySeriesGroupBy,
    numeric,
)
from raylab.frame.facade.running import RANKS, fill_limit, filler, over, whole_number
from raylab.frame.facade.selection import filtered
from raylab.frame.facade.state import SeriesState
from raylab.frame.plan.expressions import Expr, Literal, Over, balanced, call
from raylab.frame.plan.schema import NotNative


def _over(group: GroupState, function: str, arg: Expr, **params: Any) -> Over:
    keys = tuple(expr for _, expr in group.keys)
    return over(group.frame.rows, function, arg, keys, dropna=group.dropna, **params)


def in_groups(group: GroupState, function: str, **params: Any) -> Any:
    """A window function over each group, for each chosen column; the rows stay as they are."""
    labels = group.values
    if not labels:
        raise NotNative("no columns to compute")
    frame = group.frame.settled(labels)
    columns: dict[str, Expr] = {
        label: _over(group, function, frame.columns[label], **params) for label in labels
    }
    result = replace(frame, columns=columns)
    return result.column(group.selected) if isinstance(group.selected, str) else result


def _of_rows(group: GroupState, function: str, **params: Any) -> SeriesState:
    """A window function that reads nothing but the groups."""
    frame = group.frame
    expr = _over(group, function, Literal(True), **params)
    return SeriesState(frame.rows, expr, None, frame.index)


def _refuse_missing_moments(group: GroupState) -> None:
    """Refuses moments and missing keys together: pandas ranks NaT as the smallest value there."""
    fields = group.frame.fields
    moments = [fields[c] for c in group.values if fields[c].kind in ("datetime", "timedelta")]
    if group.dropna and group.may_miss_keys and any(field.may_miss for field in moments):
        raise NotNative("missing datetimes with missing keys")


@native(DataFrameGroupBy, SeriesGroupBy)
def shift(group: GroupState, periods: Any = 1, fill_value: Any = no_default) -> Any:
    fill = filler(fill_value)
    if fill is not None and group.dropna and group.may_miss_keys:
        raise NotNative("argument fill_value with missing keys")
    return in_groups(group, "shift", periods=whole_number(periods), fill=fill)


@native(DataFrameGroupBy, SeriesGroupBy)
def diff(group: GroupState, periods: Any = 1) -> Any:
    return in_groups(group, "diff", periods=whole_number(periods))


@native(DataFrameGroupBy, SeriesGroupBy)
def pct_change(group: GroupState, periods: Any = 1) -> Any:
    return in_groups(group, "pct_change", periods=whole_number(periods))


@native(DataFrameGroupBy, SeriesGroupBy)
def rank(
    group: GroupState,
    method: str = "average",
    ascending: bool = True,
    na_option: str = "keep",
    pct: bool = False,
) -> Any:
    if method not in RANKS or na_option != "keep":
        raise NotNative("argument method or na_option")
    _refuse_missing_moments(group)
    return in_groups(group, "rank", method=RANKS[method], ascending=bool(ascending), pct=bool(pct))


@native(DataFrameGroupBy, SeriesGroupBy)
def ffill(group: GroupState, limit: Any = None) -> Any:
    return in_groups(group, "ffill", limit=fill_limit(limit))


@native(DataFrameGroupBy, SeriesGroupBy)
def bfill(group: GroupState, limit: Any = None) -> Any:
    return in_groups(group, "bfill", limit=fill_limit(limit))


def _declare_running(name: str) -> Callable[..., Any]:
    def accumulate(group: GroupState, numeric_only: bool = False, skipna: bool = True) -> Any:
        if skipna is not True:
            raise NotNative("argument skipna")
        _refuse_missing_moments(group)
        kinds = {group.frame.fields[label].kind for label in group.values}
        if name == "cumprod" and "int" in kinds and group.dropna and group.may_miss_keys:
            raise NotNative("products of integers with missing keys")  # pandas' do not wrap then
        params = {"compensated": True} if name == "cumsum" else {}
        return in_groups(numeric(group, numeric_only), name, **params)

    return native(DataFrameGroupBy, SeriesGroupBy, name=name)(accumulate)


_RUNNING = {name: _declare_running(name) for name in ("cumsum", "cumprod", "cummin", "cummax")}


@native(DataFrameGroupBy, SeriesGroupBy)
def cumcount(group: GroupState, ascending: bool = True) -> SeriesState:
    return _of_rows(group, "cumcount", ascending=bool(ascending))


@native(DataFrameGroupBy, SeriesGroupBy)
def ngroup(group: GroupState, ascending: bool = True) -> SeriesState:
    params = {"sort": group.sort, "ascending": bool(ascending), "skip": group.dropna}
    return _of_rows(group, "ngroup", **params)


_ROW_BY_ROW: dict[str, Callable[..., Any]] = {
    **_RUNNING,
    "bfill": bfill,
    "cumcount": cumcount,
    "diff": diff,
    "ffill": ffill,
    "ngroup": ngroup,
    "pct_change": pct_change,
    "rank": rank,
    "shift": shift,
}
_OF_GROUP = frozenset(
    [
        *("sum", "mean", "min", "max", "median", "first", "last", "count", "nunique"),
        *("std", "var", "prod", "any", "all"),
    ]
)


@native(DataFrameGroupBy, SeriesGroupBy)
def transform(group: GroupState, func: Any = None) -> Any:
    if not isinstance(func, str):
        raise NotNative("a function")
    if func in _ROW_BY_ROW:
        return _ROW_BY_ROW[func](group)
    if func == "size":
        name = group.selected if isinstance(group.selected, str) else None
        if name is not None and group.frame.fields[name].kind == "nullable":
            raise NotNative("sizes of groups of a nullable column, which are nullable")
        return replace(_of_rows(group, "of_group", aggregate="size"), name=name)
    if func not in _OF_GROUP:
        raise NotNative(f"transformation {func!r}")
    return in_groups(group, "of_group", aggregate=func)


def chosen_rows(group: GroupState, predicate: Expr) -> Any:
    """The rows for which the predicate holds, with the keys' columns unless some were chosen."""
    rows = filtered(group.frame, predicate)
    if isinstance(group.selected, str):
        return rows.column(group.selected)
    return rows if group.selected is None else rows.select(group.selected)


def _among(group: GroupState, n: int, *, from_start: bool) -> Expr:
    """Whether a row is among the first or last ``n`` of its group; negative: all but so many."""
    ascending = from_start if n >= 0 else not from_start
    place = _over(group, "position", Literal(True), ascending=ascending)
    return call("lt", place, Literal(n)) if n >= 0 else call("ge", place, Literal(-n))


def _number(n: Any) -> int:
    if isinstance(n, bool) or not isinstance(n, int):
        raise NotNative("a number of rows that is no integer")
    return n


@native(DataFrameGroupBy, SeriesGroupBy)
def head(group: GroupState, n: Any = 5) -> Any:
    return chosen_rows(group, _among(group, _number(n), from_start=True))


@native(DataFrameGroupBy, SeriesGroupBy)
def tail(group: GroupState, n: Any = 5) -> Any:
    return chosen_rows(group, _among(group, _number(n), from_start=False))


def _nth(group: GroupState, n: Any) -> Any:
    places = list(n) if isinstance(n, list | tuple) else [n]
    if not places:
        raise NotNative("no positions")
    tests = []
    for place in map(_number, places):
        position = _over(group, "position", Literal(True), ascending=place >= 0)
        tests.append(call("eq", position, Literal(place if place >= 0 else -place - 1)))
    return chosen_rows(group, balanced("or", tests))


_CHANGED = "a frame that was changed since it was grouped"


class Nth:
    """``groupby.nth``: called, or with brackets."""

    def __init__(self, groupby: Any) -> None:
        self._groupby = groupby

    def __call__(self, n: Any, dropna: Any = None) -> Any:
        """The rows at a position of each group."""
        state: GroupState | None = self._groupby._state("nth")
        try:
            if state is None:
                raise NotNative(_CHANGED)
            if dropna is not None:
                raise NotNative("argument dropna")
            result = _nth(state, n)
        except NotNative as reason:
            with support.falling_back(f"{type(self._groupby).__name__}.nth", str(reason)):
                return self._own()(n, dropna)
        return wrap(result, self._groupby)

    def __getitem__(self, n: Any) -> Any:
        state: GroupState | None = self._groupby._state("nth")
        try:
            if state is None:
                raise NotNative(_CHANGED)
            if isinstance(n, slice):
                if n.step not in (None, 1) or (n.start or 0) < 0 or (n.stop or -1) < 0:
                    raise NotNative("a slice with a step, or counted from the end")
                n = list(range(n.start or 0, n.stop))
            return wrap(_nth(state, n), self._groupby)
        except NotNative as reason:
            with support.falling_back(f"{type(self._groupby).__name__}.nth", str(reason)):
                return self._own()[n]

    def _own(self) -> Any:
        """Pandas' own."""
        return DataFrameGroupBy.nth.__get__(self._groupby)


for _face in (LazyDataFrameGroupBy, LazySeriesGroupBy):
    setattr(_face, "nth", property(Nth, doc=DataFrameGroupBy.nth.__doc__))  # noqa: B010  as install() does
