"""What is computed of moving windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from raylab.frame.facade.base import install, native
from raylab.frame.facade.grouping import GroupState
from raylab.frame.facade.moving import EWM, EXPANDING, FACES, ROLLING, MovingState, count
from raylab.frame.facade.running import over
from raylab.frame.facade.state import FrameState, Levels, SeriesState, settle
from raylab.frame.kernels.types import unit_of
from raylab.frame.plan.expressions import Column, Expr, call
from raylab.frame.plan.nodes import HIDDEN, Filter, Sort, typed
from raylab.frame.plan.schema import NotNative, is_number


def _chosen(windows: MovingState, numeric_only: bool) -> tuple[FrameState, str | None]:
    """The columns that the windows move over, and the name of the only one of a series."""
    base, selected = windows.base, windows.selected
    if isinstance(base, SeriesState):
        label = f"{HIDDEN}series"
        return settle(base).frame(label), label
    if isinstance(base, GroupState):
        selected = base.selected if selected is None else selected
        frame, labels = base.frame, replace(base, selected=selected).values
    else:
        frame = base
        labels = [selected] if isinstance(selected, str) else list(selected or base.columns)
    labels = [label for label in labels if label != windows.on]
    frame = frame.settled(labels)
    if isinstance(selected, str):
        return frame.select(labels), selected
    if numeric_only:
        labels = [label for label in labels if is_number(frame.fields[label].dtype)]
    if not labels:
        raise NotNative("no columns to compute")
    return frame.select(labels), None


def statistic(windows: MovingState, name: str, numeric_only: bool = False, **options: Any) -> Any:
    """A statistic of the windows, for each of their columns."""
    frame, series = _chosen(windows, numeric_only)
    if series is None and windows.on is not None and isinstance(windows.base, GroupState):
        raise NotNative("moments beside the columns of groups")
    params: dict[str, Any] = {**dict(windows.shape), "statistic": name, "kind": windows.kind}
    if options:
        params["options"] = tuple(sorted(options.items()))
    if windows.times is not None:
        unit = unit_of(typed(windows.times, frame.rows).dtype)
        params["unit"] = "ms" if unit == "s" else unit  # seconds are held as milliseconds
        timed = {
            label: call("timed", expr, windows.times, statistic=name)
            for label, expr in frame.columns.items()
        }
        frame = replace(frame, columns=dict(timed))
    if isinstance(windows.base, GroupState):
        result = _in_groups(windows, windows.base, frame, params)
    else:
        columns: dict[str, Expr] = {
            c: over(frame.rows, "moving", e, **params) for c, e in frame.columns.items()
        }
        result = replace(frame, columns=_beside_moments(windows, columns, series))
    if series is None:
        return result
    name_of_series = windows.base.name if isinstance(windows.base, SeriesState) else series
    return replace(result.column(series), name=name_of_series)


def _beside_moments(
    windows: MovingState, columns: dict[str, Expr], series: str | None
) -> dict[str, Expr]:
    """The columns, with the moments in the place that they had."""
    if windows.on is None or series is not None:
        return columns
    if windows.selected is not None:
        raise NotNative("several columns chosen beside moments")
    frame: FrameState = windows.base
    kept = {windows.on: frame.columns[windows.on], **columns}
    return {label: kept[label] for label in frame.columns if label in kept}


def _in_groups(
    windows: MovingState, group: GroupState, frame: FrameState, params: dict[str, Any]
) -> FrameState:
    """Group after group, each with its rows in their order; the keys are index levels."""
    pinned = frame.pinned()
    if windows.on is not None:
        moments = group.frame.columns[windows.on]
        pinned = replace(frame, index=Levels((moments,), (windows.on,)))
    keys = tuple(expr for _, expr in group.keys)
    dropna = group.dropna
    hidden = [f"{HIDDEN}sorted{i}" for i in range(len(keys))]
    columns: dict[str, Expr] = {
        label: over(frame.rows, "moving", expr, keys, dropna=dropna, **params)
        for label, expr in frame.columns.items()
    }
    columns |= dict(zip(hidden, keys, strict=True))
    flat = replace(pinned, columns=columns).flat()
    rows = flat.rows
    if dropna:
        for name in hidden:
            if rows.schema[name].may_miss:
                rows = Filter(rows, call("notna", Column(name)))
    rows = Sort(rows, tuple(hidden), (False,) * len(hidden))
    index = flat.index
    assert isinstance(index, Levels)  # noqa: S101  it was pinned
    names = tuple(name for name, _ in group.keys)
    exprs = tuple(Column(n) for n in hidden) + index.exprs
    levels = Levels(exprs, names + index.names, missing_last=not dropna)
    return replace(flat, rows=rows, index=levels).select(frame.columns)


_PLAIN = (
    "sum",
    "mean",
    "min",
    "max",
    "median",
    "count",
    "skew",
    "kurt",
    "first",
    "last",
    "nunique",
)


def _declare(name: str, *owners: type) -> None:
    def of_windows(windows: MovingState, numeric_only: bool = False) -> Any:
        return statistic(windows, name, numeric_only)

    native(*owners, name=name)(of_windows)


def _declare_spread(name: str) -> None:
    def spread(windows: MovingState, ddof: int = 1, numeric_only: bool = False) -> Any:
        return statistic(windows, name, numeric_only, ddof=count(ddof, 0, "ddof"))

    def decaying(windows: MovingState, bias: bool = False, numeric_only: bool = False) -> Any:
        return statistic(windows, name, numeric_only, bias=bool(bias))

    native(*ROLLING, *EXPANDING, name=name)(spread)
    if name != "sem":
        native(*EWM, name=name)(decaying)


for _name in _PLAIN:
    _declare(_name, *ROLLING, *EXPANDING)
for _name in ("mean", "sum"):
    _declare(_name, *EWM)
for _name in ("std", "var", "sem"):
    _declare_spread(_name)


@native(*ROLLING, *EXPANDING)
def quantile(
    windows: MovingState, q: Any, interpolation: str = "linear", numeric_only: bool = False
) -> Any:
    if not isinstance(q, int | float) or not 0 <= q <= 1:
        raise NotNative("a quantile outside of 0 to 1")
    return statistic(windows, "quantile", numeric_only, q=float(q), interpolation=interpolation)


@native(*ROLLING, *EXPANDING)
def rank(
    windows: MovingState,
    method: str = "average",
    ascending: bool = True,
    pct: bool = False,
    numeric_only: bool = False,
) -> Any:
    options = {"method": method, "ascending": bool(ascending), "pct": bool(pct)}
    return statistic(windows, "rank", numeric_only, **options)


@native(*ROLLING, *EXPANDING, *EWM, name="agg")
@native(*ROLLING, *EXPANDING, *EWM, name="aggregate")
def aggregate(windows: MovingState, func: Any = None) -> Any:
    known = (
        (*_PLAIN, "std", "var", "sem") if windows.kind != "ewm" else ("mean", "sum", "std", "var")
    )
    if isinstance(func, str) and func in known:
        return statistic(windows, func)
    of_series = isinstance(windows.base, SeriesState) or isinstance(windows.selected, str)
    if isinstance(func, list) and of_series and func and len(set(func)) == len(func):
        parts = {name: statistic(windows, name) for name in func if name in known}
        if len(parts) == len(func) and not isinstance(windows.base, GroupState):
            first = next(iter(parts.values()))
            columns = {name: part.expr for name, part in parts.items()}
            return FrameState(first.rows, columns, first.index)
    whole = isinstance(windows.base, FrameState) and windows.selected is None and not windows.on
    if isinstance(func, dict) and func and whole and all(f in known for f in func.values()):
        chosen = {c: statistic(replace(windows, selected=c), f) for c, f in func.items()}
        columns = {label: part.expr for label, part in chosen.items()}
        return replace(windows.base, columns=columns)
    raise NotNative("an aggregation of windows other than by names")


for (_kind, _grouped), _lazy in FACES.items():
    _owners: Any = {"rolling": ROLLING, "expanding": EXPANDING, "ewm": EWM}[_kind]
    install(_lazy, _owners[int(_grouped)])
