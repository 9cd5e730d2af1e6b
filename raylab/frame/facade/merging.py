"""merge: joins of two frames on columns."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from raylab.frame.facade.base import native, state_of
from raylab.frame.facade.selection import label_list
from raylab.frame.facade.state import FrameState
from raylab.frame.plan.expressions import Column, Expr, call
from raylab.frame.plan.nodes import HIDDEN, Join, Node, Project, Sort
from raylab.frame.plan.schema import NotNative


@native(pd.DataFrame)
def merge(
    left: FrameState,
    right: Any,
    how: str = "inner",
    on: Any = None,
    left_on: Any = None,
    right_on: Any = None,
    sort: bool = False,
    suffixes: Any = ("_x", "_y"),
) -> FrameState:
    other = state_of(right)
    if not isinstance(other, FrameState):
        raise NotNative("a merge with a series")
    if sort or how not in ("inner", "left", "right", "outer", "cross"):
        raise NotNative(f"merge with sort={sort}, how={how!r}")
    left_keys, right_keys = _keys(left, other, how, on, left_on, right_on)
    left, other = left.settled(left_keys), other.settled(right_keys)
    _check_keys(left, other, left_keys, right_keys)
    names = _names(left, other, left_keys, right_keys, suffixes)
    return _joined(left, other, how, left_keys, right_keys, names)


def _keys(
    left: FrameState, right: FrameState, how: str, on: Any, left_on: Any, right_on: Any
) -> tuple[list[str], list[str]]:
    if how == "cross":
        if on is not None or left_on is not None or right_on is not None:
            raise NotNative("keys of a cross join")
        return [], []
    if on is not None:
        if left_on is not None or right_on is not None:
            raise NotNative("on together with left_on or right_on")
        left_on = right_on = on
    elif left_on is None and right_on is None:
        left_on = right_on = [label for label in left.columns if label in right.columns]
    left_keys, right_keys = label_list(left, left_on), label_list(right, right_on)
    if not left_keys or len(left_keys) != len(right_keys):
        raise NotNative("keys that do not pair")
    return left_keys, right_keys


def _check_keys(
    left: FrameState, right: FrameState, left_keys: list[str], right_keys: list[str]
) -> None:
    for a, b in zip(left_keys, right_keys, strict=True):
        one, other = left.fields[a], right.fields[b]
        if one.kind == "opaque" or one.dtype != other.dtype:
            raise NotNative(f"keys of {one.dtype} and {other.dtype}")


@dataclass(frozen=True)
class _Names:
    """The labels of the result for both sides; ``shared`` keys have one column for both."""

    left: dict[str, str]
    right: dict[str, str]
    shared: frozenset[str]


def _names(
    left: FrameState,
    right: FrameState,
    left_keys: list[str],
    right_keys: list[str],
    suffixes: Any,
) -> _Names:
    shared = frozenset(a for a, b in zip(left_keys, right_keys, strict=True) if a == b)
    overlap = (left.columns.keys() & right.columns.keys()) - shared
    if overlap and (not isinstance(suffixes, tuple | list) or len(suffixes) != 2):
        raise NotNative("suffixes that are no pair")
    lefts = {label: _suffixed(label, overlap, suffixes, 0) for label in left.columns}
    rights = {
        label: _suffixed(label, overlap, suffixes, 1)
        for label in right.columns
        if label not in shared
    }
    result = [*lefts.values(), *rights.values()]
    if len(set(result)) < len(result):
        raise NotNative("labels that are the same after the suffixes")
    return _Names(lefts, rights, shared)


def _suffixed(label: str, overlap: set[str], suffixes: Any, side: int) -> str:
    if label not in overlap:
        return label
    suffix: Hashable = suffixes[side]
    return label if suffix is None else f"{label}{suffix}"


def _joined(
    left: FrameState,
    right: FrameState,
    how: str,
    left_keys: list[str],
    right_keys: list[str],
    names: _Names,
) -> FrameState:
    rows = _join_node(left, right, how, left_keys, right_keys)
    columns: dict[str, Expr] = {}
    for label, name in names.left.items():
        key: Expr = _left(label)
        if label in names.shared and how in ("right", "outer"):
            key = _right(label) if how == "right" else call("coalesce", key, _right(label))
        columns[name] = key
    columns |= {name: _right(label) for label, name in names.right.items()}
    result = FrameState(rows, columns)
    if how != "outer":
        return result
    keys = [
        (f"{HIDDEN}on{i}", call("coalesce", _left(a), _right(b)))
        for i, (a, b) in enumerate(zip(left_keys, right_keys, strict=True))
    ]
    flat = Project(rows, (*columns.items(), *keys))
    by = tuple(name for name, _ in keys)
    ordered = Sort(flat, by, (False,) * len(by))
    return FrameState(ordered, {label: Column(label) for label in columns})


def _join_node(
    left: FrameState, right: FrameState, how: str, left_keys: list[str], right_keys: list[str]
) -> Node:
    lefts = Project(left.rows, tuple((_left(c).name, e) for c, e in left.columns.items()))
    rights = Project(right.rows, tuple((_right(c).name, e) for c, e in right.columns.items()))
    on_left = tuple(_left(key).name for key in left_keys)
    on_right = tuple(_right(key).name for key in right_keys)
    match how:
        case "right":
            return Join(rights, lefts, "left", on_right, on_left)
        case "inner" | "left" | "outer" | "cross":
            return Join(lefts, rights, how, on_left, on_right)
        case _:
            raise NotNative(f"argument how={how!r}")


def _left(label: str) -> Column:
    return Column(f"{HIDDEN}left.{label}")


def _right(label: str) -> Column:
    return Column(f"{HIDDEN}right.{label}")
