"""What a lazy frame, series or groupby stands for: expressions over the rows of a plan node."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from raylab.frame.execution import engine
from raylab.frame.plan.expressions import Column, Expr, call
from raylab.frame.plan.nodes import HIDDEN, Node, Project, RowNumber, hidden_name, typed
from raylab.frame.plan.schema import Dtype, Field, NotNative, promoted

LEVEL = f"{HIDDEN}level"


@dataclass(frozen=True)
class RangeSpec:
    """A RangeIndex: rows numbered in their order; nothing is stored."""

    start: int = 0
    step: int = 1
    name: Hashable = None


@dataclass(frozen=True)
class Levels:
    """An index of expressions over the rows.

    Attributes:
        exprs: one for each level.
        names: of the levels.
        appearing: several levels whose values pandas lists as they first appear, not sorted;
            unstack shows it.
        missing_last: missing values are themselves a value of their level, the last one, as pandas'
            groupby makes them with ``dropna=False``; unstack and sort_index show it.
        stored: what several levels list, also where no row has it: an Index, or the distinct
            values that are Occurring; () where the values of the rows tell.
    """

    exprs: tuple[Expr, ...]
    names: tuple[Hashable, ...]
    appearing: bool = False
    missing_last: bool = False
    stored: tuple[Any, ...] = field(default=(), compare=False)

    def of(self, exprs: tuple[Expr, ...]) -> Levels:
        """The same levels as other expressions."""
        return replace(self, exprs=exprs)

    def some(self, positions: Iterable[int]) -> Levels:
        """Some of the levels, in the given order."""
        kept = list(positions)
        exprs = tuple(self.exprs[i] for i in kept)
        names = tuple(self.names[i] for i in kept)
        stored = tuple(self.stored[i] for i in kept) if self.stored else ()
        return replace(self, exprs=exprs, names=names, stored=stored)

    def rising(self) -> Levels:
        """The same levels, what they store sorted, as pandas' sort_index leaves them."""
        stored = tuple(
            replace(s, sort=True) if isinstance(s, Occurring) else s.sort_values()
            for s in self.stored
        )
        return replace(self, appearing=False, stored=stored)


@dataclass(frozen=True)
class Occurring:
    """The distinct values of an expression over rows: as they first appear, or sorted.

    With ``missing`` what is missing is one of them, too.
    """

    rows: Node
    expr: Expr
    sort: bool = False
    missing: bool = False


IndexSpec = RangeSpec | Levels


def is_pattern(label: str) -> bool:
    """Whether the engine takes a name for a pattern of names.

    >>> is_pattern("*"), is_pattern("^x$"), is_pattern("x^2")
    (True, True, False)
    """
    return label == "*" or (label.startswith("^") and label.endswith("$"))


def is_label(value: Any) -> bool:
    """Whether a lazy frame can have it as the label of a column."""
    if type(value) is not str or is_pattern(value):
        return False
    return value != "" and not value.startswith(HIDDEN)


@dataclass(frozen=True)
class FrameState:
    """A lazy DataFrame.

    Attributes:
        rows: the node whose rows the frame has.
        columns: expressions over these rows by label; labels are distinct strings.
        index: the row labels.
        columns_name: the name of the column axis.

    Raises:
        NotNative: a label is a pattern of columns to the engine.
    """

    rows: Node
    columns: dict[str, Expr]
    index: IndexSpec = RangeSpec()
    columns_name: Hashable = None

    def __post_init__(self) -> None:
        if any(is_pattern(label) for label in self.columns):
            raise NotNative("column labels such as '*' and '^x$'")

    @cached_property
    def fields(self) -> dict[str, Field]:
        """The field of each column."""
        return {label: typed(expr, self.rows) for label, expr in self.columns.items()}

    def column(self, label: str) -> SeriesState:
        """One column as a series."""
        return SeriesState(self.rows, self.columns[label], label, self.index)

    def over(self, rows: Node) -> FrameState:
        """The same columns over other rows that have what the expressions read."""
        return replace(self, rows=rows)

    def select(self, labels: Iterable[str]) -> FrameState:
        """Some of the columns, in the given order."""
        return replace(self, columns={label: self.columns[label] for label in labels})

    def assign(self, columns: dict[str, Expr]) -> FrameState:
        """Columns replaced or appended."""
        return replace(self, columns={**self.columns, **columns})

    def pinned(self) -> FrameState:
        """The frame with its RangeIndex as a column, before rows are dropped or moved."""
        rows, index = _pin(self.rows, self.index)
        return replace(self, rows=rows, index=index)

    def flat(self) -> FrameState:
        """The frame over rows whose columns are named as its own."""
        if all(isinstance(e, Column) and e.name == label for label, e in self.columns.items()):
            return self
        return flatten(self)

    def settled(self, labels: Iterable[str]) -> FrameState:
        """The frame where the dtypes of these columns no longer depend on data: a trigger."""
        changed = {
            label: settle(self.column(label)).expr
            for label in labels
            if not self.fields[label].settled
        }
        return self.assign(changed) if changed else self


@dataclass(frozen=True)
class SeriesState:
    """A lazy Series: one expression over the rows of a node."""

    rows: Node
    expr: Expr
    name: Hashable
    index: IndexSpec = RangeSpec()

    @cached_property
    def field(self) -> Field:
        """The field of the values."""
        return typed(self.expr, self.rows)

    def mapped(self, expr: Expr) -> SeriesState:
        """Other values over the same rows; refused here when there is no kernel for them."""
        state = replace(self, expr=expr)
        _ = state.field
        return state

    def frame(self, label: str) -> FrameState:
        """The series as the only column of a frame."""
        return FrameState(self.rows, {label: self.expr}, self.index)

    def pinned(self) -> SeriesState:
        """The series with its RangeIndex as a column."""
        rows, index = _pin(self.rows, self.index)
        return replace(self, rows=rows, index=index)


HasRows = FrameState | SeriesState


def same_rows(left: Node, right: Node) -> bool:
    """True when both have the same rows in the same order; their labels may differ."""
    return left is right or left.fingerprint == right.fingerprint


def same_labels(left: IndexSpec, right: IndexSpec) -> bool:
    """True when both give the same rows the same labels, whatever the names of the levels."""
    if isinstance(left, Levels) and isinstance(right, Levels):
        ones, others = ([e.fingerprint for e in index.exprs] for index in (left, right))
        return ones == others
    if isinstance(left, Levels) or isinstance(right, Levels):
        return False
    return (left.start, left.step) == (right.start, right.step)


def same_labelled_rows(left: HasRows, right: HasRows) -> bool:
    """True when both have the same rows with the same labels: pandas aligns nothing."""
    return same_rows(left.rows, right.rows) and same_labels(left.index, right.index)


def settle(state: SeriesState) -> SeriesState:
    """The series with a dtype that no longer depends on data; runs the probes once: a trigger."""
    field = state.field
    if field.settled:
        return state
    found = any(engine.has_rows(probe) for probe in field.promotions)
    return state.mapped(call("promoted" if found else "plain", state.expr))


def dtype_of(field: Field) -> Dtype:
    """The pandas dtype of a field; runs the probes when it depends on data: a trigger."""
    if any(engine.has_rows(probe) for probe in field.promotions):
        return promoted(field.dtype)
    return field.dtype


def value_node(state: FrameState) -> tuple[Node, tuple[str, ...]]:
    """The plan of a frame's value: its columns, then its index levels under hidden names."""
    levels = _level_columns(state.index)
    columns = (*state.columns.items(), *levels.items())
    if not columns:
        raise NotNative("a frame without columns")
    return Project(state.rows, columns), tuple(levels)


def flatten(state: FrameState) -> FrameState:
    """The frame over a projection that has its columns and index levels by name."""
    node, levels = value_node(state)
    index = state.index
    if isinstance(index, Levels):
        index = index.of(tuple(Column(name) for name in levels))
    return FrameState(
        node, {label: Column(label) for label in state.columns}, index, state.columns_name
    )


def _level_columns(index: IndexSpec) -> dict[str, Expr]:
    if isinstance(index, RangeSpec):
        return {}
    return {f"{LEVEL}{i}": expr for i, expr in enumerate(index.exprs)}


def _pin(rows: Node, index: IndexSpec) -> tuple[Node, Levels]:
    if isinstance(index, Levels):
        return rows, index
    name = hidden_name(rows, "row")
    return RowNumber(rows, name, index.start, index.step), Levels((Column(name),), (index.name,))
