"""Data in memory as a plan: held by a Copy-on-Write reference, given back when nothing uses it."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pandas as pd
from pandas import MultiIndex, RangeIndex
from pandas.core.arrays.floating import FloatingDtype

from raylab.frame.facade.state import (
    FrameState,
    IndexSpec,
    Levels,
    RangeSpec,
    SeriesState,
    is_label,
)
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import HIDDEN, Scan
from raylab.frame.plan.schema import STR, NotNative, is_category, kind_of
from raylab.frame.sources.memory import PandasSource

VALUES = f"{HIDDEN}values"


def frame_in_memory(obj: Any) -> FrameState | None:
    """The state over a real frame's data, or None where it has no native form."""
    labels = obj._mgr.axes[0]
    if not _native_labels(labels):
        return None
    try:
        scan = _origin(obj)
        index = _index_spec(scan.source.levels, obj._mgr.axes[1])
    except NotNative:
        return None
    return FrameState(scan, {str(n): Column(str(n)) for n in labels}, index, labels.name)


def series_in_memory(obj: Any) -> SeriesState | None:
    """The state over a real series' data, or None where it has no native form."""
    try:
        scan = _origin(obj)
        index = _index_spec(scan.source.levels, obj._mgr.axes[0])
    except NotNative:
        return None
    return SeriesState(scan, Column(VALUES), obj._name, index)


def _native_labels(labels: pd.Index) -> bool:
    return (
        not isinstance(labels, MultiIndex)
        and labels.dtype == STR
        and len(labels) > 0
        and labels.is_unique
        and all(map(is_label, labels))
    )


def _origin(obj: Any) -> Any:
    """The scan over an object's data; the same one while the data is the same."""
    known = obj.__dict__.get("_origin")
    scan = None if known is None else known()
    if scan is not None and _unchanged(scan.source, obj._mgr):
        return scan
    scan = _scan(obj._mgr)
    obj.__dict__["_origin"] = weakref.ref(scan)
    return scan


def _unchanged(source: PandasSource, manager: Any) -> bool:
    """True when the arrays are those that were held: Copy-on-Write replaces them on a change."""
    blocks = manager.blocks
    return (
        len(source.blocks) == len(blocks)
        and all(a is b.values for a, b in zip(source.blocks, blocks, strict=True))
        and all(a.is_(b) for a, b in zip(source.axes, manager.axes, strict=True))
    )


def _scan(manager: Any) -> Scan:
    """A scan of a block manager's data as it is now."""
    snapshot = manager.copy(deep=False)
    if snapshot.ndim == 1:
        series = pd.Series._from_mgr(snapshot, snapshot.axes)
        series._name = None
        frame = series.to_frame(VALUES)
    else:
        frame = pd.DataFrame._from_mgr(snapshot, snapshot.axes)
    blocks = tuple(block.values for block in manager.blocks)
    source = PandasSource(frame, tuple(snapshot.axes), blocks, _levels(snapshot.axes[-1]))
    for name, field in source.fields.items():
        if kind_of(field.dtype) == "opaque" and not is_category(field.dtype):
            raise NotNative(f"column {name!r} of dtype {field.dtype} in memory")
        if isinstance(field.dtype, FloatingDtype) and _tells_nan_from_na(source.array(name)):
            raise NotNative(f"column {name!r}, whose NaN is not NA")
    return Scan(source, tuple(source.fields))


def _tells_nan_from_na(values: Any) -> bool:
    """Whether a masked array of floats holds a NaN as a number, beside NA."""
    return bool((np.isnan(values._data) & ~values._mask).any())


def _levels(index: pd.Index) -> dict[str, pd.Index]:
    """The index levels as columns; a RangeIndex needs none."""
    if isinstance(index, RangeIndex):
        return {}
    if getattr(index, "freq", None) is not None:
        raise NotNative("an index with a frequency")
    if not isinstance(index, MultiIndex):
        return {f"{HIDDEN}index0": index}
    if any(level.hasnans for level in index.levels) and any((c < 0).any() for c in index.codes):
        raise NotNative("missing values among the values of an index level, and beside them")
    for level, codes in zip(index.levels, index.codes, strict=True):
        if level.dtype.kind in "iub" and (codes < 0).any():
            raise NotNative("an index level of integers or bools with missing values")
    plain = index.set_names(list(range(index.nlevels)))  # a name that is an integer comes first
    return {f"{HIDDEN}index{i}": plain.get_level_values(i) for i in range(index.nlevels)}


def _index_spec(levels: dict[str, pd.Index], index: pd.Index) -> IndexSpec:
    if isinstance(index, RangeIndex):
        return RangeSpec(index.start, index.step, index.name)
    stored = index.levels if isinstance(index, MultiIndex) else ()
    appearing = not all(level.dropna().is_monotonic_increasing for level in stored)
    exprs = tuple(Column(name) for name in levels)
    missing_last = any(level.hasnans for level in stored)
    return Levels(exprs, tuple(index.names), appearing, missing_last, tuple(stored))


def is_in_memory(state: FrameState) -> bool:
    """Whether a frame consists of columns of a pandas frame in memory, with rows numbered anew."""
    rows = state.rows
    if not isinstance(rows, Scan) or not isinstance(rows.source, PandasSource):
        return False
    stored = rows.source.frame.columns
    plain = all(isinstance(e, Column) and e.name in stored for e in state.columns.values())
    return plain and isinstance(state.index, RangeSpec) and rows.length is None and not rows.start


def in_pandas(state: FrameState) -> pd.DataFrame:
    """Such a frame as pandas' own, over the same arrays, under the protection of Copy-on-Write."""
    scan: Any = state.rows
    index: Any = state.index
    whole: pd.DataFrame = scan.source.frame
    names = [expr.name for expr in state.columns.values() if isinstance(expr, Column)]
    frame = whole.copy(deep=False) if names == list(whole.columns) else whole[names]
    frame.columns = pd.Index(list(state.columns), name=state.columns_name)
    stop = index.start + len(whole) * index.step
    frame.index = RangeIndex(index.start, stop, index.step, name=index.name)
    return frame
