"""Joins of two nodes by equal keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from raylab.frame.plan.base import Node, columns_of
from raylab.frame.plan.expressions import Column, Expr, call
from raylab.frame.plan.rows import Filter, Slice
from raylab.frame.plan.schema import Field, Schema, promoted


@dataclass(frozen=True, eq=False)
class SemiJoin(Node):
    """The left rows whose keys are (``anti``: are not) among the right rows' keys."""

    left: Node
    right: Node
    left_on: tuple[Expr, ...]
    right_on: tuple[str, ...]
    anti: bool = False

    @cached_property
    def schema(self) -> Schema:
        return self.left.schema

    @cached_property
    def unique(self) -> frozenset[str] | None:
        return self.left.unique

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (columns | columns_of(self.left_on), frozenset(self.right_on))


@dataclass(frozen=True, eq=False)
class Join(Node):
    """Pairs of rows with equal keys; missing keys match each other, as in pandas.

    The names of the two sides are disjoint; the keys of both sides are in the result. Rows come
    in the order of the left side, then of the right; for ``outer`` the right rows without a
    match follow.
    """

    left: Node
    right: Node
    how: Literal["inner", "left", "outer", "cross"]
    left_on: tuple[str, ...]
    right_on: tuple[str, ...]

    @cached_property
    def schema(self) -> Schema:
        left, right = dict(self.left.schema), dict(self.right.schema)
        if self.how in ("left", "outer"):
            probe = self._unmatched(self.left, self.left_on, self.right, self.right_on)
            right = {name: _widened(f, probe) for name, f in right.items()}
        if self.how == "outer":
            probe = self._unmatched(self.right, self.right_on, self.left, self.left_on)
            left = {name: _widened(f, probe) for name, f in left.items()}
        return {**left, **right}

    @staticmethod
    def _unmatched(
        rows: Node, on: tuple[str, ...], others: Node, others_on: tuple[str, ...]
    ) -> Node:
        """A plan that has a row when some row finds no partner."""
        keys = tuple(Column(name) for name in on)
        return Slice(SemiJoin(rows, others, keys, others_on, anti=True), 0, 1)

    @cached_property
    def right_is_unique(self) -> bool:
        """True when a left row finds at most one right row."""
        keys = self.right.unique
        return keys is not None and keys <= frozenset(self.right_on)

    @cached_property
    def unique(self) -> frozenset[str] | None:
        left, right = self.left.unique, self.right.unique
        if self.how not in ("inner", "left") or left is None:
            return None
        if self.right_is_unique:
            return left
        return None if right is None else left | right

    def prune(self, columns: frozenset[str]) -> Node:
        """Without the right side, where it only chooses left rows: then it chooses them."""
        if self.how not in ("inner", "left") or not self.right_is_unique:
            return self
        if not columns <= frozenset(self.left.schema):
            return self
        if self.how == "left":
            return self.left
        keys = tuple(Column(name) for name in self.left_on)
        return SemiJoin(self.left, self.right, keys, self.right_on)

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        return (
            (columns & frozenset(self.left.schema)) | frozenset(self.left_on),
            (columns & frozenset(self.right.schema)) | frozenset(self.right_on),
        )


@dataclass(frozen=True, eq=False)
class AsofJoin(Node):
    """Each left row with the right row whose key is nearest; both sides are sorted by it.

    The names of the two sides are disjoint. Rows come in the order of the left side.

    Attributes:
        on: the key of the left and of the right side.
        by: pairs of columns that must be equal; the result has the left ones.
        direction: where the nearest key is looked for.
        exact: whether an equal key counts.
        tolerance: how far the key may be: a number, or a timedelta as the engine's literal.
    """

    left: Node
    right: Node
    on: tuple[str, str]
    by: tuple[tuple[str, str], ...]
    direction: Literal["backward", "forward"]
    exact: bool
    tolerance: Any = None

    @cached_property
    def schema(self) -> Schema:
        matched = Filter(self, call("isna", Column(self.on[1])))
        probe = Slice(matched, 0, 1)
        equal = {other for _, other in self.by}
        fields = {name: f for name, f in self.right.schema.items() if name not in equal}
        right = {name: _widened(f, probe) for name, f in fields.items()}
        key = self.right.schema[self.on[1]]
        right[self.on[1]] = replace(key, nullable=True)
        return {**self.left.schema, **right}

    def required(self, columns: frozenset[str]) -> tuple[frozenset[str], ...]:
        ones, others = zip(self.on, *self.by, strict=True)
        return (
            (columns & frozenset(self.left.schema)) | frozenset(ones),
            (columns & frozenset(self.right.schema)) | frozenset(others),
        )


def _widened(field: Field, probe: Node) -> Field:
    """The field of a column that is missing in rows without a partner."""
    if promoted(field.dtype) != field.dtype:
        return replace(field, nullable=True, promotions=(*field.promotions, probe))
    return field.optional()
