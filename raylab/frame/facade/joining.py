"""What joins two frames: their keys, the labels of the result, the node, the order."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from raylab.frame import support
from raylab.frame.execution import engine
from raylab.frame.facade.selection import label_list, unambiguous
from raylab.frame.facade.state import (
    FrameState,
    IndexSpec,
    Levels,
    RangeSpec,
    SeriesState,
    settle,
)
from raylab.frame.plan.expressions import Column, Expr, Literal, call
from raylab.frame.plan.nodes import (
    HIDDEN,
    Aggregate,
    AggregateCall,
    Filter,
    Join,
    Node,
    Project,
    Sort,
    typed,
)
from raylab.frame.plan.schema import Field, NotNative, is_category, same_dtype

MARKER = f"{HIDDEN}marker"
_COUNT = f"{HIDDEN}count"
_NUMBERS = ("int", "float")
_NO_COMMON = {np.dtype("int64"), np.dtype("uint64")}


@dataclass(frozen=True)
class Side:
    """One of two frames that are joined.

    Attributes:
        frame: the frame; pinned where its index is a key or goes into the result.
        keys: expressions over its rows, with settled dtypes.
        labels: the column that each key is; None for a level of the index.
    """

    frame: FrameState
    keys: tuple[Expr, ...]
    labels: tuple[str | None, ...]

    @property
    def by_index(self) -> bool:
        """True when the keys are the index."""
        return all(label is None for label in self.labels)

    @property
    def fields(self) -> list[Field]:
        """The fields of the keys."""
        return [typed(key, self.frame.rows) for key in self.keys]

    @property
    def levels(self) -> Levels:
        """The index; a key, or to be shown."""
        index = self.frame.index
        if not isinstance(index, Levels):
            raise NotNative("an index that is not pinned")
        return index

    @property
    def may_repeat(self) -> bool:
        """Whether two rows agree in the keys: a trigger."""
        unique = self.frame.rows.unique
        if unique is not None and unique <= {k.name for k in self.keys if isinstance(k, Column)}:
            return False
        named = tuple((f"{HIDDEN}key{i}", key) for i, key in enumerate(self.keys))
        size = (_COUNT, AggregateCall("size", Literal(True)))
        counts = Aggregate(self.frame.rows, named, (size,), sort=False, dropna=False)
        return engine.has_rows(Filter(counts, call("gt", Column(_COUNT), Literal(1))))


def by_columns(frame: FrameState, labels: list[str]) -> Side:
    """The side of a frame that is joined on columns."""
    unambiguous(frame, labels)
    frame = frame.settled(labels)
    return Side(frame, tuple(frame.columns[label] for label in labels), tuple(labels))


def by_names(frame: FrameState, labels: Any) -> Side:
    """The side of a frame that is joined on columns or on levels of its index by their names."""
    index = frame.index
    if not isinstance(index, Levels) or frame.columns.keys() & set(index.names):
        return by_columns(frame, label_list(frame, labels))
    names = [labels] if isinstance(labels, str) else list(labels)
    columns = [name for name in names if name not in index.names]
    frame = frame.settled(label_list(frame, columns)) if columns else frame
    levels = dict(zip(index.names, index.exprs, strict=True))
    exprs = {name: frame.columns[name] if name in columns else levels[name] for name in names}
    keys = (settle(SeriesState(frame.rows, expr, None)).expr for expr in exprs.values())
    return Side(frame, tuple(keys), tuple(names))


def by_index(frame: FrameState) -> Side:
    """The side of a frame that is joined on its index."""
    pinned = frame.pinned()
    index = pinned.index
    assert isinstance(index, Levels)  # noqa: S101  it was pinned
    keys = tuple(settle(SeriesState(pinned.rows, e, None)).expr for e in index.exprs)
    pinned = replace(pinned, index=index.of(keys))
    return Side(pinned, keys, (None,) * len(keys))


def matched(left: Side, right: Side, how: str) -> tuple[Side, Side]:
    """Both sides with keys of the same dtypes.

    Raises:
        NotNative: pandas compares them in another way than the engine, or not at all.
    """
    if len(left.keys) != len(right.keys):
        raise NotNative("keys that do not pair")
    ones, others = list(left.keys), list(right.keys)
    for i, (a, b) in enumerate(zip(left.fields, right.fields, strict=True)):
        if same_dtype(a.dtype, b.dtype) and (a.kind != "opaque" or is_category(a.dtype)):
            if (
                how == "outer"
                and a.kind in ("datetime", "timedelta")
                and (a.may_miss or b.may_miss)
            ):
                raise NotNative(
                    "an outer join by moments that may be missing, which pandas puts first"
                )
            if is_category(a.dtype) and how == "outer":
                raise NotNative("an outer join by categories")
            continue
        if a.kind not in _NUMBERS or b.kind not in _NUMBERS or how not in ("inner", "left"):
            raise NotNative(f"keys of {a.dtype} and {b.dtype}")
        if how == "inner" and left.by_index and right.by_index:
            _refuse_other_levels(a, b, several=len(ones) > 1)
        if how == "left" and left.by_index and right.by_index and {a.dtype, b.dtype} == _NO_COMMON:
            raise NotNative("levels of int64 and uint64, which pandas compares as objects")
        if {a.kind, b.kind} == {"int", "float"} and _has_fractions(left, right, i):
            warnings.warn(
                "You are merging on int and float columns where the float values are not equal to "
                "their int representation.",
                UserWarning,
                stacklevel=support.user_depth() - 1,  # its own frame is counted
            )
        common = np.result_type(a.dtype, b.dtype)  # type: ignore[arg-type]  # numbers are NumPy dtypes
        ones[i] = call("cast", ones[i], dtype=common)
        others[i] = call("cast", others[i], dtype=common)
    return replace(left, keys=tuple(ones)), replace(right, keys=tuple(others))


def _refuse_other_levels(one: Field, other: Field, *, several: bool) -> None:
    """Refuses levels of two dtypes where the dtype that pandas gives them is not the common one."""
    signs = {getattr(field.dtype, "kind", "") for field in (one, other)}
    if several or signs == {"i", "u"}:
        raise NotNative(f"index levels of {one.dtype} and {other.dtype}")


def _has_fractions(left: Side, right: Side, place: int) -> bool:
    """Whether the one of two keys that is a float has values that no integer equals: a trigger."""
    side = left if left.fields[place].kind == "float" else right
    key = side.keys[place]
    fraction = call("ne", call("round", key, decimals=0), key)
    both = call("and", call("notna", key), fraction)
    return engine.has_rows(Filter(side.frame.rows, both))


@dataclass(frozen=True)
class Labels:
    """The labels of the result for both sides; ``shared`` keys have one column for both."""

    left: dict[str, str]
    right: dict[str, str]
    shared: frozenset[str]


def labels_of(left: Side, right: Side, suffixes: Any) -> Labels:
    """The labels of the result.

    Raises:
        NotNative: they would not be distinct, or need suffixes that are none; pandas words it.
    """
    pairs = zip(left.labels, right.labels, strict=True)
    shared = frozenset(a for a, b in pairs if a is not None and a == b)
    ones, others = left.frame.columns, right.frame.columns
    overlap = (ones.keys() & others.keys()) - shared
    if overlap and (not isinstance(suffixes, tuple | list) or len(suffixes) != 2):
        raise NotNative("suffixes that are no pair")
    if overlap and not any(suffixes):
        raise NotNative("labels on both sides without suffixes")
    lefts = {label: _suffixed(label, overlap, suffixes[0]) for label in ones}
    rights = {c: _suffixed(c, overlap, suffixes[1]) for c in others if c not in shared}
    result = [*lefts.values(), *rights.values()]
    if len(set(result)) < len(result):
        raise NotNative("labels that are the same after the suffixes")
    return Labels(lefts, rights, shared)


def _suffixed(label: str, overlap: set[str], suffix: Hashable) -> str:
    return f"{label}{suffix}" if label in overlap and suffix is not None else label


def on_left(label: str) -> Column:
    """A column of the left side in the joined rows."""
    return Column(f"{HIDDEN}left.{label}")


def on_right(label: str) -> Column:
    """A column of the right side in the joined rows."""
    return Column(f"{HIDDEN}right.{label}")


def join_node(left: Side, right: Side, how: str, *, marked: bool = False) -> Node:
    """The joined rows: columns, keys (``key0``) and index levels (``level0``) of both sides.

    With ``marked`` a column of each side tells by being missing that the side has no such row.
    """
    one, names_left = _prepared(left, "left", marked=marked)
    other, names_right = _prepared(right, "right", marked=marked)
    match how:
        case "right":
            return Join(other, one, "left", names_right, names_left)
        case "inner" | "left" | "outer" | "cross":
            return Join(one, other, how, names_left, names_right)
        case _:
            raise NotNative(f"argument how={how!r}")


def _prepared(side: Side, name: str, *, marked: bool) -> tuple[Node, tuple[str, ...]]:
    columns = {f"{HIDDEN}{name}.{label}": expr for label, expr in side.frame.columns.items()}
    of_expr = {expr.fingerprint: column for column, expr in columns.items()}
    index: IndexSpec = side.frame.index
    levels = index.exprs if isinstance(index, Levels) else ()
    extra = [(f"{HIDDEN}{name} level{i}", expr) for i, expr in enumerate(levels)]
    of_expr |= {expr.fingerprint: column for column, expr in extra}
    columns |= dict(extra)
    keys = []
    for i, key in enumerate(side.keys):
        known = of_expr.get(key.fingerprint)
        if known is None:
            known = f"{HIDDEN}{name} key{i}"
            columns[known] = key
        keys.append(known)
    if marked:
        columns[f"{MARKER}{name}"] = Literal(name)
    if not columns:
        raise NotNative("a frame without columns")
    return Project(side.frame.rows, tuple(columns.items())), tuple(keys)


def joined_keys(left: Side, right: Side, rows: Node, how: str) -> list[Expr]:
    """The keys in the joined rows, taken from the side that has them."""
    _, names_left = _prepared(left, "left", marked=False)
    _, names_right = _prepared(right, "right", marked=False)
    ones: list[Expr] = [Column(name) for name in names_left]
    others: list[Expr] = [Column(name) for name in names_right]
    if how == "right":
        return others
    if how == "outer":
        return [call("coalesce", a, b) for a, b in zip(ones, others, strict=True)]
    return ones


def level_columns(side: Side, name: str) -> tuple[Expr, ...]:
    """The index levels of a side in the joined rows."""
    return tuple(Column(f"{HIDDEN}{name} level{i}") for i in range(len(side.levels.exprs)))


def sorted_by(state: FrameState, keys: list[Expr]) -> FrameState:
    """The rows in the order of expressions; ties keep their order."""
    named = tuple((f"{HIDDEN}on{i}", key) for i, key in enumerate(keys))
    index = state.index
    levels: tuple[tuple[str, Expr], ...] = ()
    if isinstance(index, Levels):
        levels = tuple((f"{HIDDEN}shown{i}", expr) for i, expr in enumerate(index.exprs))
        index = index.of(tuple(Column(name) for name, _ in levels))
    flat = Project(state.rows, (*state.columns.items(), *levels, *named))
    by = tuple(name for name, _ in named)
    ordered = Sort(flat, by, (False,) * len(by))
    return replace(
        state, rows=ordered, columns={label: Column(label) for label in state.columns}, index=index
    )


def no_index(side: Side) -> Side:
    """The side without its index, which does not go into the result."""
    return replace(side, frame=replace(side.frame, index=RangeSpec()))
