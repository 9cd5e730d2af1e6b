"""merge_asof: each row with the nearest row of another frame."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from raylab.frame import support
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import LazyObject, wrap
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.joining import Side, labels_of, no_index, on_left, on_right
from raylab.frame.facade.merging import frame_of
from raylab.frame.facade.metadata import giver
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import FrameState
from raylab.frame.plan.expressions import Expr
from raylab.frame.plan.nodes import AsofJoin, Project
from raylab.frame.plan.schema import NotNative, same_dtype


def merge_asof(left: Any, right: Any, *args: Any, **kwargs: Any) -> Any:
    """As ``pandas.merge_asof``; lazy after one look at the keys, which must be sorted.

    >>> import raylab.frame as pd
    >>> trades = pd.DataFrame({"t": [1, 5], "x": [10, 20]})
    >>> quotes = pd.DataFrame({"t": [0, 4], "q": [1, 2]})
    >>> pd.merge_asof(trades, quotes, on="t").q.tolist()
    [1, 2]
    """
    if not any(isinstance(f, LazyObject) and f._state() is not None for f in (left, right)):
        return adopt(pd.merge_asof(left, right, *args, **kwargs))
    try:
        if args:
            raise NotNative("positional arguments")
        joined = _joined(frame_of(left), frame_of(right), **kwargs)
        return wrap(joined, giver("merge", left, {"right": right}))
    except (NotNative, TypeError) as reason:
        with support.falling_back("merge_asof", str(reason)):
            return adopt(pd.merge_asof(left, right, *args, **kwargs))


def _joined(
    left: FrameState,
    right: FrameState,
    on: Any = None,
    left_on: Any = None,
    right_on: Any = None,
    by: Any = None,
    left_by: Any = None,
    right_by: Any = None,
    suffixes: Any = ("_x", "_y"),
    tolerance: Any = None,
    allow_exact_matches: bool = True,
    direction: str = "backward",
) -> FrameState:
    if not isinstance(allow_exact_matches, bool):
        raise NotNative("argument allow_exact_matches")
    ones = _labels(left, on if left_on is None else left_on, by if left_by is None else left_by)
    others = _labels(
        right, on if right_on is None else right_on, by if right_by is None else right_by
    )
    if len(ones) != len(others) or direction not in ("backward", "forward"):
        # Of two keys at the same distance pandas takes the lower one, the engine the higher one.
        raise NotNative("keys that do not pair, or argument direction")
    if ones[1:] != others[1:]:
        raise NotNative("equal keys of different names")
    one, other = _side(left, ones), _side(right, others)
    for a, b in zip(one.fields, other.fields, strict=True):
        if not same_dtype(a.dtype, b.dtype) or a.kind == "opaque":
            raise NotNative(f"keys of {a.dtype} and {b.dtype}")
    if any(field.may_miss for field in (*one.fields[1:], *other.fields[1:])):
        raise NotNative("keys beside the nearest one that may be missing")
    labels = labels_of(one, other, suffixes)
    lefts = Project(
        one.frame.rows, tuple((on_left(c).name, e) for c, e in one.frame.columns.items())
    )
    rights = Project(
        other.frame.rows, tuple((on_right(c).name, e) for c, e in other.frame.columns.items())
    )
    rows = AsofJoin(
        lefts,
        rights,
        (on_left(ones[0]).name, on_right(others[0]).name),
        tuple(
            (on_left(a).name, on_right(b).name) for a, b in zip(ones[1:], others[1:], strict=True)
        ),
        direction,  # type: ignore[arg-type]  # it was looked at
        bool(allow_exact_matches),
        _tolerance(tolerance, one.fields[0].kind),
    )
    columns: dict[str, Expr] = {name: on_left(label) for label, name in labels.left.items()}
    columns |= {name: on_right(label) for label, name in labels.right.items()}
    return FrameState(rows, columns)


def _labels(frame: FrameState, on: Any, by: Any) -> list[str]:
    """The key and the columns that must be equal."""
    if on is None or isinstance(on, list):
        raise NotNative("no key, or several")
    return [*label_list(frame, on), *([] if by is None else label_list(frame, by))]


def _side(frame: FrameState, labels: list[str]) -> Side:
    frame = frame.settled(labels)
    first = labels[0]
    if frame.fields[first].kind not in ("int", "float", "datetime", "timedelta"):
        raise NotNative(f"nearest keys of {frame.fields[first].dtype}")
    keys = compute_frame(frame.select([first]))[first]
    if not keys.is_monotonic_increasing or keys.isna().any():
        raise NotNative("keys that are not sorted, or missing")
    return no_index(Side(frame, tuple(frame.columns[c] for c in labels), tuple(labels)))


def _tolerance(tolerance: Any, kind: str) -> Any:
    """How far a key may be, for the engine."""
    if tolerance is None:
        return None
    if kind == "datetime" and isinstance(tolerance, dt.timedelta):
        span = pd.Timedelta(tolerance)
        if span.nanoseconds or span < pd.Timedelta(0):
            raise NotNative("argument tolerance")
        return span.to_pytimedelta()
    numbers = int if kind == "int" else int | float
    if kind in ("int", "float") and isinstance(tolerance, numbers) and tolerance >= 0:
        return tolerance
    raise NotNative("argument tolerance")
