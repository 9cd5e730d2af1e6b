"""Running Python functions over rows: in each partition, in order, each row once."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import polars as pl
from pandas.core.apply import frame_apply  # type: ignore[import-not-found]  # not in the stubs

from raylab.errors import ExecutionError
from raylab.frame.execution import engine
from raylab.frame.execution.conversion import to_array
from raylab.frame.execution.lowering import Lowering, lower_node
from raylab.frame.execution.physical import Spread
from raylab.frame.execution.planner import distribute
from raylab.frame.plan.fingerprint import new_token
from raylab.frame.plan.nodes import Node
from raylab.frame.plan.opaque import RESULTS, Opaque
from raylab.frame.plan.schema import Dtype


@dataclass(frozen=True, slots=True)
class Failure:
    """A function that raised.

    Attributes:
        position: the row within its partition.
        error: what was raised.
        trace: where, as text: a traceback does not travel.
    """

    position: int
    error: Exception
    trace: str


@dataclass(frozen=True, eq=False)
class EachValue:
    """A function of each value of one column, called as ``Series.map`` calls it."""

    function: Callable[[Any], Any]
    dtype: Dtype
    na_action: Any
    fingerprint: str = field(default_factory=new_token)

    def __str__(self) -> str:
        return f"map {_name(self.function)}"

    def run(self, rows: Any) -> bytes:
        """The results for the values that the function is called with."""
        values: Any = pd.Series(to_array(rows.to_series(), self.dtype), copy=False)
        results: list[Any] = []
        return _guarded(results, lambda: values.map(self._collecting(results), self.na_action))

    def _collecting(self, results: list[Any]) -> Callable[[Any], None]:
        def collect(value: Any) -> None:
            results.append(self.function(value))

        return collect


@dataclass(frozen=True, eq=False)
class EachRow:
    """A function of each row as a series, called as ``DataFrame.apply(axis=1)`` calls it."""

    function: Callable[..., Any]
    dtypes: tuple[tuple[str, Dtype], ...]
    levels: tuple[tuple[str, Dtype, Any], ...]
    title: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fingerprint: str = field(default_factory=new_token)

    def __str__(self) -> str:
        return f"apply {_name(self.function)}"

    def run(self, rows: Any) -> bytes:
        """One result per row."""
        columns = {label: to_array(rows[label], dtype) for label, dtype in self.dtypes}
        levels = [pd.Index(to_array(rows[n], d), dtype=d, name=name) for n, d, name in self.levels]
        index = levels[0] if len(levels) == 1 else pd.MultiIndex.from_arrays(levels)
        frame = pd.DataFrame(columns, index=index, copy=False)
        frame.columns.name = self.title
        operation = row_operation(frame, self.function, None)
        results: list[Any] = []

        def each() -> None:
            for row in operation.series_generator if len(frame) else ():
                result = self.function(row, *self.args, **self.kwargs)
                # The row's data is swapped for the next row.
                results.append(result.copy(deep=False) if isinstance(result, pd.Series) else result)

        return _guarded(results, each)


def row_operation(frame: pd.DataFrame, function: Callable[..., Any], result_type: Any) -> Any:
    """What pandas makes of ``frame.apply(function, axis=1)``: it cuts the rows, joins the results."""
    return frame_apply(frame, func=function, axis=1, result_type=result_type, args=(), kwargs={})


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))


def _guarded(results: list[Any], work: Callable[[], Any]) -> bytes:
    failure: Failure | None = None
    try:
        work()
    except Exception as error:  # noqa: BLE001  raised again where the row is known
        failure = Failure(len(results), error, "".join(traceback.format_exception(error)))
    try:
        return pickle.dumps((results, failure))
    except Exception as error:
        if failure is None:
            raise ExecutionError(
                f"a result of the function cannot be pickled ({error}); return plain values."
            ) from error
        told = ExecutionError(f"{type(failure.error).__name__}: {failure.error}")
        return pickle.dumps(([], Failure(failure.position, told, failure.trace)))


def run_task(node: Opaque, label_of: Callable[[int], Any]) -> list[Any]:
    """All results in the order of the rows.

    Args:
        node: the task over its rows.
        label_of: the label of a row by its position, for the error.

    Raises:
        Exception: what the function raised, with a note that names the row and the partition.
    """
    results: list[Any] = []
    parts = engine.run(node, ordered=True)[RESULTS].to_list()
    for number, part in enumerate(parts, start=1):
        values, failure = pickle.loads(part)  # noqa: S301  pickled by this program
        if failure is not None:
            position = len(results) + failure.position
            failure.error.add_note(
                f"raylab: {node.task} raised on row {label_of(position)!r} "
                f"(row {failure.position} of partition {number} of {len(parts)}).\n{failure.trace}"
            )
            raise failure.error
        results += values
    return results


def replaying(results: list[Any]) -> Callable[..., Any]:
    """A function that returns the results one after the other, whatever it is given."""
    rest: Iterator[Any] = iter(results)
    return lambda *_args, **_kwargs: next(rest)


@lower_node.register
def _opaque(node: Opaque, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    """Runs the function here, outside of the engine's threads."""
    rows = engine.collect(lowering.root(node.child, ordered=True))
    return pl.LazyFrame({RESULTS: [node.task.run(rows)]}, schema={RESULTS: pl.Binary})


@distribute.register
def _spread(node: Opaque, partitions: int, ordered: bool) -> Spread:
    below = distribute(node.child, partitions, True)
    child: Node = below.fragment
    return below.on(node.with_children((child,)))
