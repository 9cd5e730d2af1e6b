"""Ties in the head of a sort are broken by columns, so that what lies below need not keep its order."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from raylab.frame.optimizer.rewriting import walk, walk_distinct
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import (
    HIDDEN,
    Aggregate,
    Filter,
    Join,
    Node,
    Project,
    RowNumber,
    Scan,
    SemiJoin,
    TopK,
)


def break_ties(root: Node) -> Node:
    """TopK(x, by) -> TopK(x, by and the columns that tell the order of x), above joins and groups.

    Rows are numbered where they are scanned. A node that others read, too, has the numbers for all.
    """
    places = _Places()
    for node in walk_distinct(root):
        if isinstance(node, TopK) and not node.breaks_ties and _keeps_order_dearly(node.child):
            places.ask(node)
    return places.rebuilt(root) if places.tops else root


def _keeps_order_dearly(node: Node) -> bool:
    return any(isinstance(below, Aggregate | Join) for below in walk(node))


@dataclass
class _Places:
    """The columns that tell the order of nodes: ascending, never equal, by fingerprint.

    Attributes:
        names: the columns, after the rebuilding.
        tops: the nodes whose ties are broken.
    """

    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tops: set[str] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _done: dict[str, Node] = field(default_factory=dict)

    def ask(self, top: TopK) -> None:
        """Notes what is to be added below a node, if its order can be told by columns."""
        before = dict(self.names)
        if self._of(top.child) is None:
            self.names = before
        else:
            self.tops.add(top.fingerprint)

    def _of(self, node: Node) -> tuple[str, ...] | None:
        if node.fingerprint not in self.names:
            found = self._told(node)
            if found is None:
                return None
            self.names[node.fingerprint] = found
        return self.names[node.fingerprint]

    def _told(self, node: Node) -> tuple[str, ...] | None:
        match node:
            case Scan():
                return (self._new(),)
            case RowNumber(Scan(), name, _, step) if step > 0:
                return (name,)
            case Project(child, _):
                below = self._of(child)
                return None if below is None else tuple(self._new() for _ in below)
            case Filter(child, _) | SemiJoin(child):
                return self._of(child)
            case Join(left, right, "inner" | "left"):
                one = self._of(left)
                other: tuple[str, ...] | None = ()
                if one is not None and not node.right_is_unique:
                    other = self._of(right)
                return None if one is None or other is None else (*one, *other)
            case Aggregate(sort=True) if node.keys:
                keys = tuple(name for name, _ in node.keys)
                return None if any(node.schema[key].may_miss for key in keys) else keys
            case _:
                return None

    def _new(self) -> str:
        return f"{HIDDEN}tie{next(self._numbers)}"

    def rebuilt(self, node: Node) -> Node:
        """The plan with the columns that were asked for."""
        known = self._done.get(node.fingerprint)
        if known is None:
            new = node.with_children(tuple(self.rebuilt(child) for child in node.children))
            known = self._done[node.fingerprint] = self._extended(node, new)
        return known

    def _extended(self, node: Node, new: Node) -> Node:
        names = self.names.get(node.fingerprint, ())
        match new:
            case Scan() if names:
                return RowNumber(new, names[0])
            case Project(child, columns) if names and isinstance(node, Project):
                below = self.names[node.child.fingerprint]
                told = zip(names, (Column(name) for name in below), strict=True)
                return Project(child, (*columns, *told))
            case TopK(child, by, descending, nulls_last, length) if node.fingerprint in self.tops:
                ties = [n for n in self.names[_child(node).fingerprint] if n not in by]
                down = (*descending, *(False for _ in ties))
                top = TopK(child, (*by, *ties), down, nulls_last, length)
                return Project(top, tuple((name, Column(name)) for name in node.schema))
            case _:
                return new


def _child(node: Node) -> Node:
    (child,) = node.children
    return child
