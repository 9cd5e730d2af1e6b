"""Summaries beyond one number per column: along rows, several at once, counts of values."""

from __future__ import annotations

from dataclasses import replace
from inspect import Parameter, Signature
from typing import Any

import numpy as np
import pandas as pd
from pandas.core.dtypes.dtypes import BaseMaskedDtype

from raylab.frame import support
from raylab.frame.execution import engine
from raylab.frame.facade import reductions, spreads
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import native
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.reductions import scalar
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import (
    FrameState,
    Levels,
    Occurring,
    RangeSpec,
    SeriesState,
    settle,
)
from raylab.frame.plan.expressions import Column, Expr, Literal, call
from raylab.frame.plan.nodes import (
    HIDDEN,
    Aggregate,
    AggregateCall,
    Distinct,
    Filter,
    Project,
    Sort,
    TopK,
)
from raylab.frame.plan.schema import NotNative, family_of

_VALUES = f"{HIDDEN}summary"
_COUNT = f"{HIDDEN}count"
_MISSING = f"{HIDDEN}missing"
_NUMBERS = ("int", "float", "bool")

# --- along rows ---------------------------------------------------------------------------------


def along_rows(frame: FrameState, name: str, **arguments: Any) -> SeriesState:
    """A reduction of each row."""
    frame = frame.settled(frame.columns)
    expr = call(
        "per_row", *frame.columns.values(), name=name, arguments=tuple(sorted(arguments.items()))
    )
    return SeriesState(frame.rows, expr, None, frame.index).mapped(expr)


def _declare_axis(name: str, *taken: str) -> None:
    by_column = support.NATIVE.get(("DataFrame", name))

    def reduce(frame: FrameState, axis: Any = 0, **arguments: Any) -> Any:
        if axis in (1, "columns"):
            return along_rows(frame, name, **arguments)
        if axis not in (0, "index") or by_column is None:
            raise NotNative("argument axis")
        return by_column(frame, **arguments)

    setattr(reduce, "__signature__", _signature(taken))  # noqa: B010  read by inspect
    native(pd.DataFrame, name=name)(reduce)


def _signature(taken: tuple[str, ...]) -> Any:
    names = ("frame", "axis", *taken)
    return Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names])


for _name in ("sum", "mean", "min", "max", "median", "prod", "skew", "kurt"):
    _declare_axis(_name, "numeric_only")
for _name in ("std", "var", "sem"):
    _declare_axis(_name, "ddof", "numeric_only")
for _name, _alias in (("prod", "product"), ("kurt", "kurtosis")):
    for _owner in (pd.DataFrame, pd.Series):
        native(_owner, name=_alias)(support.NATIVE[_owner.__name__, _name])


# --- several reductions -------------------------------------------------------------------------

_REDUCTIONS = frozenset(
    ("sum", "mean", "min", "max", "median", "std", "var", "count", "nunique", "any", "all")
)


def _reduced(series: SeriesState, function: Any) -> Any:
    """One reduction by its name."""
    if not isinstance(function, str) or function not in _REDUCTIONS:
        raise NotNative(f"aggregation {function!r}")
    return support.NATIVE["Series", function](series)


def _several(series: SeriesState, functions: list[Any]) -> Any:
    if not functions or len(set(map(str, functions))) < len(functions):
        raise NotNative("no aggregations, or one twice")
    return pd.Series({f: _reduced(series, f) for f in functions}, name=series.name)


def _own_series(values: dict[Any, Any], name: Any = None) -> Any:
    return adopt(pd.Series(values, name=name))


@native(pd.Series, name="agg")
@native(pd.Series, name="aggregate")
def aggregate_series(series: SeriesState, func: Any = None) -> Any:
    if isinstance(func, list):
        return adopt(_several(series, func))
    return _reduced(series, func)


@native(pd.DataFrame, name="agg")
@native(pd.DataFrame, name="aggregate")
def aggregate_frame(frame: FrameState, func: Any = None) -> Any:
    if isinstance(func, str) and func in _REDUCTIONS:
        return support.NATIVE["DataFrame", func](frame)
    if isinstance(func, list):
        columns = {c: _several(frame.column(c), func) for c in frame.columns}
        result = pd.DataFrame(columns)
        result.columns.name = frame.columns_name
        return adopt(result)
    if isinstance(func, dict) and func:
        labels = label_list(frame, list(func))
        if all(isinstance(f, str) for f in func.values()):
            return _own_series({c: _reduced(frame.column(c), func[c]) for c in labels})
    raise NotNative("an aggregation other than names, a list, or a name for each column")


@native(pd.DataFrame)
def count(frame: FrameState, axis: Any = 0, numeric_only: bool = False) -> Any:
    if axis not in (0, "index"):
        raise NotNative("argument axis")
    return _whole_numbers(frame, "count", numeric_only=numeric_only)


@native(pd.DataFrame)
def nunique(frame: FrameState, dropna: bool = True) -> Any:
    counts = _whole_numbers(frame, "nunique")
    if dropna:
        return counts
    missing = {c: AggregateCall("any", call("isna", frame.columns[c])) for c in frame.columns}
    row = engine.reduce_rows(frame.rows, tuple(missing.items()))
    return counts + [int(bool(row[c][0])) for c in frame.columns]


def _whole_numbers(frame: FrameState, function: str, *, numeric_only: bool = False) -> Any:
    """A count for each column, in one pass."""
    labels = reductions._columns(frame, numeric_only)
    if not labels:
        raise NotNative("no columns")
    frame = frame.settled(labels)
    calls = tuple((c, AggregateCall(function, frame.columns[c])) for c in labels)
    row = engine.reduce_rows(frame.rows, calls)
    counts = [row[c][0] for c in labels]
    return reductions._small_series(counts, labels, np.dtype("int64"), frame.columns_name)


def _truths(name: str) -> None:
    def reduce(frame: FrameState, axis: Any = 0, bool_only: bool = False) -> Any:
        if axis in (1, "columns"):
            return along_rows(frame, name)
        labels = [c for c in frame.columns if frame.fields[c].kind == "bool"]
        if any(frame.fields[c].kind == "nullable" for c in frame.columns):
            raise NotNative("nullable columns")
        if axis not in (0, "index") or (len(labels) < len(frame.columns) and not bool_only):
            raise NotNative("columns that are not bools")
        calls = tuple((c, AggregateCall(name, frame.columns[c])) for c in labels)
        row = engine.reduce_rows(frame.rows, calls)
        nothing = name == "all"
        values = [nothing if row[c][0] is None else row[c][0] for c in labels]
        return reductions._small_series(values, labels, np.dtype("bool"), frame.columns_name)

    native(pd.DataFrame, name=name)(reduce)


_truths("any")
_truths("all")


@native(pd.Series)
def quantile(series: SeriesState, q: Any = 0.5, interpolation: str = "linear") -> Any:
    if isinstance(q, float | int):
        return _quantile(series, float(q), interpolation)
    if not isinstance(q, list) or not q:
        raise NotNative("quantiles that are no list")
    values = [_quantile(series, float(one), interpolation) for one in q]
    return adopt(pd.Series(values, index=pd.Index(q, dtype="float64"), name=series.name))


def _quantile(series: SeriesState, q: float, interpolation: str) -> Any:
    if interpolation not in ("linear", "lower", "higher", "midpoint") or not 0 <= q <= 1:
        raise NotNative("argument interpolation, or a quantile outside of 0 to 1")
    kind = settle(series).field.kind
    if kind == "nullable":
        raise NotNative("quantiles of a nullable dtype, whose dtype depends on the values")
    if interpolation != "linear" and kind == "int":
        raise NotNative("quantiles that are integers")
    _refuse_infinite(settle(series))
    return scalar(series, "quantile", q=q, interpolation=interpolation)


def _refuse_infinite(series: SeriesState) -> None:
    """Leaves quantiles beside infinities to pandas, which weighs also a neighbour by 0."""
    if series.field.kind != "float":
        return
    calls = tuple((name, AggregateCall(name, series.expr)) for name in ("min", "max"))
    extremes = engine.reduce_rows(series.rows, calls).row(0)
    if any(value in (np.inf, -np.inf) for value in extremes):
        raise NotNative("quantiles beside infinities")


@native(pd.DataFrame, name="quantile")
def quantile_frame(
    frame: FrameState,
    q: Any = 0.5,
    axis: Any = 0,
    numeric_only: bool = False,
    interpolation: str = "linear",
) -> Any:
    labels = reductions._columns(frame, numeric_only)
    if axis not in (0, "index") or not labels or frame.columns_name is not None:
        raise NotNative("argument axis, or no columns")
    frame = frame.settled(labels)
    if any(str(frame.fields[c].dtype) not in ("int64", "float64") for c in labels):
        raise NotNative("quantiles of other than wide numbers")
    if isinstance(q, float | int):
        values = {c: _quantile(frame.column(c), float(q), interpolation) for c in labels}
        return _own_series(values, name=float(q))
    columns = {c: quantile(frame.column(c), q, interpolation) for c in labels}
    return adopt(pd.DataFrame({c: pd.Series(v) for c, v in columns.items()}))


# --- values that occur --------------------------------------------------------------------------


@native(pd.Series)
def value_counts(
    series: SeriesState,
    normalize: bool = False,
    sort: bool = True,
    ascending: bool = False,
    dropna: bool = True,
) -> SeriesState:
    series = settle(series)
    zoned = isinstance(series.field.dtype, pd.DatetimeTZDtype)
    if series.field.kind == "opaque" or zoned:
        raise NotNative(f"counting values of {series.field.dtype}")
    keys = ((_VALUES, series.expr),)
    calls = ((_COUNT, AggregateCall("size", Literal(True))),)
    rows: Any = Aggregate(series.rows, keys, calls, sort=False, dropna=bool(dropna))
    counts: Expr = Column(_COUNT)
    if series.field.kind == "nullable":
        if normalize:
            raise NotNative("shares of nullable values")
        counted = pd.Series([], dtype=series.field.dtype).value_counts().dtype
        counts = call("cast", counts, dtype=counted)
    by: dict[str, bool] = {_COUNT: not ascending} if sort else {}
    if isinstance(series.field.dtype, BaseMaskedDtype) and not dropna:
        # pandas counts what is missing after everything else.
        named = ((_VALUES, Column(_VALUES)), (_COUNT, Column(_COUNT)))
        rows = Project(rows, (*named, (_MISSING, call("isna", Column(_VALUES)))))
        by[_MISSING] = False
    if by:
        rows = Sort(rows, tuple(by), tuple(by.values()))
    index = Levels((Column(_VALUES),), (series.name,))
    return _shares(SeriesState(rows, counts, "count", index), normalize=normalize)


@native(pd.DataFrame, name="value_counts")
def count_rows(
    frame: FrameState,
    subset: Any = None,
    normalize: bool = False,
    sort: bool = True,
    ascending: bool = False,
    dropna: bool = True,
) -> SeriesState:
    labels = list(frame.columns) if subset is None else label_list(frame, subset)
    if len(set(labels)) < len(labels) or len(labels) < 2 or frame.columns_name is not None:
        raise NotNative("one column, or one twice")
    frame = frame.settled(labels)
    if any(frame.fields[label].kind == "opaque" for label in labels):
        raise NotNative("counting values without kernels")
    hidden = [f"{HIDDEN}key{i}" for i in range(len(labels))]
    keys = tuple((name, frame.columns[label]) for name, label in zip(hidden, labels, strict=True))
    calls = ((_COUNT, AggregateCall("size", Literal(True))),)
    rows: Any = Aggregate(frame.rows, keys, calls, sort=False, dropna=bool(dropna))
    if sort:
        rows = Sort(rows, (_COUNT,), (not ascending,))
    levels = tuple(map(Column, hidden))
    stored = tuple(Occurring(frame.rows, frame.columns[label]) for label in labels)
    index = Levels(levels, tuple(labels), appearing=True, missing_last=not dropna, stored=stored)
    return _shares(SeriesState(rows, Column(_COUNT), "count", index), normalize=normalize)


def _shares(counts: SeriesState, *, normalize: bool) -> SeriesState:
    """The counts, or their shares of all: a trigger."""
    if not normalize:
        return counts
    row = engine.reduce_rows(counts.rows, (("n", AggregateCall("sum", counts.expr)),))
    total = int(row["n"][0] or 0)
    if not total:
        raise NotNative("shares of nothing")
    from raylab.frame.facade.operators import binary

    share = binary(replace(counts, name="proportion"), total, "truediv")
    return replace(share, name="proportion")


@native(pd.Series)
def mode(series: SeriesState, dropna: bool = True) -> SeriesState:
    counted = value_counts(series, sort=False, dropna=dropna)
    most = engine.reduce_rows(counted.rows, (("n", AggregateCall("max", Column(_COUNT))),))["n"][0]
    if most is None:
        raise NotNative("a mode of nothing")
    rows: Any = Filter(counted.rows, call("eq", Column(_COUNT), Literal(int(most))))
    last = rows.schema[_VALUES].kind not in ("datetime", "timedelta")  # NaT is the least number
    rows = Sort(rows, (_VALUES,), (False,), nulls_last=last)
    return SeriesState(rows, Column(_VALUES), series.name, RangeSpec())


@native(pd.Series)
def unique(series: SeriesState) -> Any:
    series = settle(series)
    if series.field.kind == "opaque":
        raise NotNative(f"unique values of {series.field.dtype}")
    flat = series.frame(_VALUES).flat()
    rows = Distinct(flat.rows, (_VALUES,), "first")
    values = SeriesState(rows, Column(_VALUES), series.name, RangeSpec())
    return compute_frame(values.frame(_VALUES))[_VALUES].unique()


def _declare_position(name: str, *, largest: bool) -> None:
    def position(series: SeriesState, skipna: bool = True) -> Any:
        series = settle(series)
        field = series.field
        held = family_of(field.dtype) if field.kind == "nullable" else field.kind
        if not skipna or held not in ("int", "float", "datetime", "timedelta", "date", "decimal"):
            raise NotNative("argument skipna, or values without an order")
        flat = series.frame(_VALUES).pinned().flat()
        present = Filter(flat.rows, call("notna", Column(_VALUES)))
        found = flat.over(TopK(present, (_VALUES,), (largest,), True, 1))
        label = compute_frame(found).index
        if not len(label):
            raise NotNative("an extreme of nothing")
        return int(label[0]) if isinstance(series.index, RangeSpec) else label[0]

    native(pd.Series, name=name)(position)


_declare_position("idxmax", largest=True)
_declare_position("idxmin", largest=False)


def _declare_positions(name: str) -> None:
    of_series = support.NATIVE["Series", name]

    def positions(
        frame: FrameState, axis: Any = 0, skipna: bool = True, numeric_only: bool = False
    ) -> Any:
        if axis not in (0, "index") or not skipna:
            raise NotNative("argument axis or skipna")
        labels = reductions._columns(frame, numeric_only)
        if not labels:
            raise NotNative("no columns")
        found = _own_series({c: of_series(frame.column(c)) for c in labels})
        found.index.name = frame.columns_name
        return found

    native(pd.DataFrame, name=name)(positions)


_declare_positions("idxmax")
_declare_positions("idxmin")


# --- describe -----------------------------------------------------------------------------------


@native(pd.DataFrame, pd.Series)
def describe(state: Any, percentiles: Any = None, include: Any = None, exclude: Any = None) -> Any:
    if include is not None or exclude is not None:
        raise NotNative("argument include or exclude")
    chosen = [0.25, 0.5, 0.75] if percentiles is None else percentiles
    if not isinstance(chosen, list) or not all(isinstance(q, float) for q in chosen):
        raise NotNative("percentiles that are no list of floats")
    if isinstance(state, SeriesState):
        return adopt(_described(settle(state), chosen))
    frame = state.settled(state.columns)
    numbers = [c for c in frame.columns if frame.fields[c].kind in ("int", "float")]
    others = {frame.fields[c].kind for c in frame.columns} - {"int", "float", "str", "bool"}
    if not numbers or others:
        raise NotNative("columns that are not described by numbers")
    result = pd.DataFrame({c: _described(frame.column(c), chosen) for c in numbers})
    result.columns.name = state.columns_name
    return adopt(result)


def _described(series: SeriesState, quantiles: list[float]) -> Any:
    if series.field.kind not in ("int", "float") or series.field.dtype == np.dtype("float32"):
        raise NotNative(f"describing {series.field.dtype}")
    labels = list(pd.Series([1.0]).describe(percentiles=sorted(quantiles)).index)
    calls = [(n, AggregateCall(n, series.expr)) for n in ("count", "mean", "std", "min", "max")]
    calls += [
        (
            f"q{i}",
            AggregateCall("quantile", series.expr, (("interpolation", "linear"), ("q", q))),
        )
        for i, q in enumerate(sorted(quantiles))
    ]
    row = spreads.reduce_rows(series.rows, tuple(calls)).row(0, named=True)
    if any(row[name] in (np.inf, -np.inf) for name in ("min", "max")):
        raise NotNative("quantiles beside infinities")
    names = ["count", "mean", "std", "min", *(f"q{i}" for i in range(len(quantiles))), "max"]
    values = [np.nan if row[name] is None else float(row[name]) for name in names]
    if len(labels) != len(values):
        raise NotNative("percentiles that occur twice")
    return pd.Series(values, index=labels, name=series.name, dtype="float64")
