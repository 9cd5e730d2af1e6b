"""Running Python functions over groups: each group whole, in one task, once."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from raylab.errors import ExecutionError
from raylab.frame.execution import engine
from raylab.frame.execution.conversion import to_array
from raylab.frame.execution.physical import Spread, hashed
from raylab.frame.execution.planner import distribute
from raylab.frame.plan.fingerprint import new_token
from raylab.frame.plan.grouped_tasks import OpaqueGroups
from raylab.frame.plan.opaque import RESULTS
from raylab.frame.plan.schema import Dtype


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a function in each group: of one column as a series, or of a whole frame.

    Attributes:
        function: what is called.
        columns: one label for a series, several for a frame.
    """

    function: Callable[[Any], Any]
    columns: str | tuple[str, ...]


@dataclass(frozen=True, eq=False)
class EachGroup:
    """Functions of each group, which is given as pandas gives it.

    Attributes:
        parts: the calls.
        dtypes: the columns, by their names in the plan.
        levels: the index levels: name in the plan, dtype, name of the level.
        keys: the columns of the groups, in the plan.
        position: the column that numbers the rows over all tasks.
        title: the name of the column labels.
        dropna: rows with a missing key are in no group.
        named: the group carries its key as ``name``.
    """

    parts: tuple[Part, ...]
    dtypes: tuple[tuple[str, Dtype], ...]
    levels: tuple[tuple[str, Dtype, Any], ...]
    keys: tuple[str, ...]
    position: str
    title: Any
    dropna: bool
    named: bool
    fingerprint: str = field(default_factory=new_token)

    def __str__(self) -> str:
        names = [getattr(p.function, "__qualname__", type(p.function).__name__) for p in self.parts]
        return f"apply {', '.join(dict.fromkeys(names))} to groups"

    def run(self, rows: Any) -> bytes:
        """For each group its first row's number and the results of the parts."""
        columns = {label: to_array(rows[label], dtype) for label, dtype in self.dtypes}
        levels = [pd.Index(to_array(rows[n], d), dtype=d, name=name) for n, d, name in self.levels]
        index = levels[0] if len(levels) == 1 else pd.MultiIndex.from_arrays(levels)
        frame = pd.DataFrame(columns, index=index, copy=False)
        frame.columns.name = self.title
        keys = [frame[key] for key in self.keys]
        done: list[tuple[int, list[Any]]] = []
        failure: tuple[int, Any, Exception, str] | None = None
        only = self.parts[0] if len(self.parts) == 1 else None
        chosen: Any = frame if only is None else frame[_labels(only)]  # once, not in each group
        groups = chosen.groupby(keys, sort=False, dropna=self.dropna)
        first = rows[self.position].to_numpy()[first_rows(groups)].tolist()
        for place, (key, group) in zip(first, groups, strict=True):
            name = key[0] if len(self.keys) == 1 else key
            try:
                if only is not None:
                    done.append((place, [self._called(only, group, name)]))
                else:
                    given = ((part, group[_labels(part)]) for part in self.parts)
                    done.append((place, [self._called(part, g, name) for part, g in given]))
            except Exception as error:  # noqa: BLE001  a failure travels as a result
                trace = "".join(traceback.format_exception(error))
                failure = (place, name, error, trace)
                break
        return _pickled(done, failure)

    def _called(self, part: Part, given: Any, name: Any) -> Any:
        if self.named:
            object.__setattr__(given, "name", name)
        return part.function(given)


def first_rows(groups: Any) -> np.ndarray[Any, Any]:
    """The position of the first row of each group, in the order of pandas' groups."""
    numbers = groups.ngroup().to_numpy()  # missing where a key is
    backwards = np.flatnonzero(numbers >= 0)[::-1]
    first = np.empty(groups.ngroups, dtype=np.int64)
    first[numbers[backwards].astype(np.int64)] = backwards  # the first one is written last
    return first


def _labels(part: Part) -> str | list[str]:
    """What selects the columns of a part: one as a series, several as a frame."""
    return part.columns if isinstance(part.columns, str) else list(part.columns)


def _pickled(done: list[tuple[int, list[Any]]], failure: Any) -> bytes:
    try:
        return pickle.dumps((done, failure))
    except Exception as error:
        if failure is None:
            raise ExecutionError(
                f"a result of the function cannot be pickled ({error}); return plain values."
            ) from error
        place, name, raised, trace = failure
        told = ExecutionError(f"{type(raised).__name__}: {raised}")
        return pickle.dumps(([], (place, str(name), told, trace)))


def run_groups(node: OpaqueGroups) -> dict[int, list[Any]]:
    """The results of each group, by the number of its first row.

    Raises:
        Exception: what the function raised, with a note that names the group and the partition.
    """
    results: dict[int, list[Any]] = {}
    failures = []
    parts = engine.run(node, ordered=False)[RESULTS].to_list()
    for number, part in enumerate(parts, start=1):
        done, failure = pickle.loads(part)  # noqa: S301  pickled by this program
        results.update(done)
        if failure is not None:
            failures.append((*failure, number))
    if failures:
        _, name, error, trace, number = min(failures, key=lambda failure: int(failure[0]))
        error.add_note(
            f"raylab: {node.task} raised in group {name!r} "
            f"(partition {number} of {len(parts)}).\n{trace}"
        )
        raise error
    return results


@distribute.register
def _spread(node: OpaqueGroups, partitions: int, ordered: bool) -> Spread:
    below = distribute(node.child, partitions, True)
    if partitions == 1:
        return below.on(node.with_children((below.fragment,)))
    rows = hashed(below, node.keys, partitions)
    return rows.on(node.with_children((rows.fragment,)))
