"""merge and join: on columns, on the index, or on one of each."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default

from raylab.frame import support
from raylab.frame.facade.base import native, state_of
from raylab.frame.facade.joining import (
    MARKER,
    Labels,
    Side,
    by_columns,
    by_index,
    by_names,
    join_node,
    joined_keys,
    labels_of,
    level_columns,
    matched,
    no_index,
    on_left,
    on_right,
    sorted_by,
)
from raylab.frame.facade.memory_joins import joined_in_memory
from raylab.frame.facade.selection import filtered, label_list
from raylab.frame.facade.state import (
    FrameState,
    IndexSpec,
    Levels,
    RangeSpec,
    SeriesState,
    is_label,
)
from raylab.frame.plan.expressions import Column, Expr, Literal, call
from raylab.frame.plan.schema import NotNative

_VALIDATIONS = {
    "one_to_one": (True, True),
    "1:1": (True, True),
    "one_to_many": (True, False),
    "1:m": (True, False),
    "many_to_one": (False, True),
    "m:1": (False, True),
    "many_to_many": (False, False),
    "m:m": (False, False),
}
"""Which sides must not repeat a key."""

_ORIGINS = ("left_only", "right_only", "both")


def frame_of(value: Any) -> FrameState:
    """The state of the other frame; a named series is a frame of one column."""
    state = state_of(value)
    if isinstance(state, SeriesState):
        if not is_label(state.name):
            raise NotNative("a series without a name")
        return state.frame(str(state.name))
    if not isinstance(state, FrameState):
        raise NotNative(f"a merge with {type(value).__name__}")
    return state


@native(pd.DataFrame)
def merge(
    left: FrameState,
    right: Any,
    how: str = "inner",
    on: Any = None,
    left_on: Any = None,
    right_on: Any = None,
    left_index: bool = False,
    right_index: bool = False,
    sort: bool = False,
    suffixes: Any = ("_x", "_y"),
    indicator: Any = False,
    validate: Any = None,
) -> FrameState:
    other = frame_of(right)
    anti = how == "left_anti"
    kind = "left" if anti else how
    if kind not in ("inner", "left", "right", "outer", "cross") or (anti and (sort or indicator)):
        raise NotNative(f"argument how={how!r}")
    one, two = _sides(left, other, kind, on, left_on, right_on, left_index, right_index)
    one, two = matched(one, two, kind)
    labels = labels_of(one, two, suffixes)
    _validated(one, two, validate)
    result = _joined(one, two, kind, labels, sort=bool(sort), indicator=indicator, anti=anti)
    if left_index or right_index or sort:
        return result
    options: dict[str, Any] = {"on": on, "left_on": left_on, "right_on": right_on, "how": how}
    options |= {"suffixes": suffixes, "indicator": indicator}
    run: Any = pd.DataFrame.merge
    plain = "" if indicator or anti else kind
    return joined_in_memory(result, (one, two), labels, plain, lambda a, b: run(a, b, **options))


def _sides(
    left: FrameState,
    right: FrameState,
    how: str,
    on: Any,
    left_on: Any,
    right_on: Any,
    left_index: bool,
    right_index: bool,
) -> tuple[Side, Side]:
    """Both frames with their keys.

    Raises:
        NotNative: keys that pandas refuses, or that are levels of an index by name.
    """
    if how == "cross":
        if any(key is not None for key in (on, left_on, right_on)) or left_index or right_index:
            raise NotNative("keys of a cross join")
        return no_index(Side(left, (), ())), no_index(Side(right, (), ()))
    if on is not None:
        if left_on is not None or right_on is not None or left_index or right_index:
            raise NotNative("on together with other keys")
        left_on = right_on = on
    elif left_on is None and right_on is None and not (left_index or right_index):
        left_on = right_on = [label for label in left.columns if label in right.columns]
    if (left_on is not None) == left_index or (right_on is not None) == right_index:
        raise NotNative("keys that are given twice, or not at all")
    one = by_index(left) if left_index else by_columns(left, label_list(left, left_on))
    if not left_index and not right_index and how in ("inner", "left"):
        two = by_names(right, right_on)
    else:
        two = by_index(right) if right_index else by_columns(right, label_list(right, right_on))
    if not one.keys or not two.keys:
        raise NotNative("no keys")
    if left_index and right_index:
        return one, two
    if not left_index and not right_index:
        return no_index(one), no_index(two)
    if how not in ("inner", "left"):
        raise NotNative(f"an index and columns with how={how!r}")
    # The index of the side whose columns are the keys is the index of the result.
    if left_index:
        if how == "left":
            raise NotNative("an index and columns with how='left'")
        return one, Side(two.frame.pinned(), two.keys, two.labels)
    return Side(one.frame.pinned(), one.keys, one.labels), two


def _validated(left: Side, right: Side, validate: Any) -> None:
    """Looks at the keys where they are not to repeat; pandas words the error."""
    if validate is None:
        return
    if validate not in _VALIDATIONS:
        raise NotNative("argument validate")
    one, other = _VALIDATIONS[validate]
    if (one and left.may_repeat) or (other and right.may_repeat):
        raise NotNative("keys that repeat against validate")


def _joined(
    left: Side,
    right: Side,
    how: str,
    labels: Labels,
    *,
    sort: bool,
    indicator: Any,
    anti: bool,
) -> FrameState:
    marked = bool(indicator) or anti
    rows = join_node(left, right, how, marked=marked)
    columns: dict[str, Expr] = {}
    for label, name in labels.left.items():
        key: Expr = on_left(label)
        if label in labels.shared and how in ("right", "outer"):
            other = on_right(label)
            key = other if how == "right" else call("coalesce", key, other)
        columns[name] = key
    columns |= {name: on_right(label) for label, name in labels.right.items()}
    if indicator:
        columns[_origin_label(indicator, columns)] = _origin()
    titles = {left.frame.columns_name, right.frame.columns_name}
    title = titles.pop() if len(titles) == 1 else None
    state = FrameState(rows, columns, _index(left, right, rows, how), title)
    if anti:
        return filtered(state, call("isna", Column(f"{MARKER}right")))
    if how == "outer" or sort:
        return sorted_by(state, joined_keys(left, right, rows, how))
    return state


def _origin_label(indicator: Any, columns: dict[str, Expr]) -> str:
    if not isinstance(indicator, str | bool):
        raise NotNative("an indicator that is no label")
    label = indicator if isinstance(indicator, str) else "_merge"
    own = {"_left_indicator", "_right_indicator", "_merge"}  # pandas works with these
    if label in columns or own & columns.keys() or not is_label(label):
        raise NotNative("a label that is taken")
    return label


def _origin() -> Expr:
    """Which sides have the row."""
    left = call("notna", Column(f"{MARKER}left"))
    right = call("notna", Column(f"{MARKER}right"))
    other = call("where", left, Literal("left_only"), Literal("right_only"))
    text = call("where", call("and", left, right), Literal("both"), other)
    return call("category_of", text, categories=_ORIGINS, ordered=False)


def _index(left: Side, right: Side, rows: Any, how: str) -> IndexSpec:
    if left.by_index and right.by_index and left.keys:
        names = right.levels.names if how == "right" else left.levels.names
        several = len(left.keys) > 1  # of which pandas joins those of the same names
        if (several or how in ("inner", "outer")) and left.levels.names != right.levels.names:
            raise NotNative("indexes with different names")
        if how == "left":
            return Levels(level_columns(left, "left"), names)
        return Levels(tuple(joined_keys(left, right, rows, how)), names)
    if right.by_index and right.keys:
        return Levels(level_columns(left, "left"), left.levels.names)
    if left.by_index and left.keys:
        return Levels(level_columns(right, "right"), right.levels.names)
    return RangeSpec()


@native(pd.DataFrame)
def join(
    frame: FrameState,
    other: Any,
    on: Any = None,
    how: str = "left",
    lsuffix: Any = no_default,
    rsuffix: Any = no_default,
    sort: bool = False,
    validate: Any = None,
    suffixes: Any = no_default,
) -> FrameState:
    if lsuffix is not no_default or rsuffix is not no_default:
        if suffixes is not no_default:
            raise NotNative("suffixes that are given twice")
        warnings.warn(
            "lsuffix and rsuffix of join are deprecated in pandas; use suffixes.",
            pd.errors.Pandas4Warning,
            stacklevel=support.user_depth(),
        )
        suffixes = tuple("" if s is no_default else s for s in (lsuffix, rsuffix))
    elif suffixes is no_default:
        suffixes = ("", "")
    options = {"how": how, "sort": sort, "validate": validate}
    if not isinstance(other, list | tuple):
        by = {"left_index": True} if on is None else {"left_on": on}
        return merge(frame, other, suffixes=suffixes, right_index=True, **by, **options)
    if on is not None or how != "left" or sort or any(suffixes):
        raise NotNative("several frames with other arguments")
    for one in other:
        frame = merge(frame, one, left_index=True, right_index=True, suffixes=("", ""), **options)
    return frame
