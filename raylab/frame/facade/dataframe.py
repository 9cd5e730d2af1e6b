"""The lazy DataFrame: pandas' class, whose data is computed when it is touched."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pandas as pd

from raylab.frame.execution import engine
from raylab.frame.execution.codes import POOL
from raylab.frame.execution.conversion import to_array, to_index, to_positions
from raylab.frame.facade.base import EMPTY, WRAPPERS, LazyClass, LazyObject, become, check_budget
from raylab.frame.facade.memory import frame_in_memory
from raylab.frame.facade.shown import shown_labels
from raylab.frame.facade.state import (
    FrameState,
    IndexSpec,
    Levels,
    Occurring,
    RangeSpec,
    dtype_of,
    is_label,
    value_node,
)
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.nodes import HIDDEN, Distinct, Node, Project, typed
from raylab.frame.plan.schema import STR, same_dtype

_VALUE = f"{HIDDEN}value"


class DataFrame(LazyObject, pd.DataFrame, metaclass=LazyClass):
    """pandas' DataFrame on a lazy plan.

    Native methods extend the plan; anything else computes the data once and runs on pandas.
    Frames made in memory with fewer than ``pd.options.raylab.lazy_threshold_rows`` rows are plain
    pandas from the start.

    >>> import raylab.frame as pd
    >>> df = pd.DataFrame({"k": ["a", "b", "a"], "x": [1, 2, 3]})
    >>> df.groupby("k").x.sum().to_dict()
    {'a': 4, 'b': 2}
    """

    _stands_for: ClassVar[type] = pd.DataFrame

    @property
    def _constructor(self) -> Any:
        return DataFrame

    def _constructor_from_mgr(self, mgr: Any, axes: Any) -> Any:
        if type(self) is DataFrame:
            return DataFrame._from_mgr(mgr, axes)
        return super()._constructor_from_mgr(mgr, axes)

    def _constructor_sliced_from_mgr(self, mgr: Any, axes: Any) -> Any:
        if type(self) is not DataFrame:
            return super()._constructor_sliced_from_mgr(mgr, axes)
        series = self._constructor_sliced._from_mgr(mgr, axes)
        object.__setattr__(series, "_name", None)  # the caller sets it
        return series

    def _state_in_memory(self) -> FrameState | None:
        if type(self) is not DataFrame or not self._flags._allows_duplicate_labels:
            return None
        return frame_in_memory(self)

    def _compute(self, state: FrameState) -> Any:
        return compute_frame(state)._mgr

    @property
    def columns(self) -> pd.Index:
        """The column labels; known without computing anything."""
        lazy: FrameState | None = self._plan()
        if lazy is not None:
            shown = shown_labels(self, lazy)
            if shown.columns is None:
                shown.columns = pd.Index(list(lazy.columns), name=lazy.columns_name)
            return shown.columns
        return pd.DataFrame.columns.__get__(self, type(self))

    @columns.setter
    def columns(self, labels: Any) -> None:
        lazy: FrameState | None = self._plan()
        if lazy is not None:
            renamed = _relabelled(lazy, pd.Index(labels))
            if renamed is not None:
                self.__dict__["_lazy"] = renamed
                return
        pd.DataFrame.columns.__set__(self, labels)

    @property
    def dtypes(self) -> Any:
        """The dtypes; a trigger only where a dtype depends on data."""
        lazy: FrameState | None = self._plan()
        if lazy is None:
            return pd.DataFrame.dtypes.__get__(self, type(self))
        dtypes = [dtype_of(field) for field in lazy.fields.values()]
        return self._constructor_sliced(dtypes, index=self.columns, dtype=object)

    @property
    def ndim(self) -> int:
        """Two."""
        return 2

    def __len__(self) -> int:
        lazy: FrameState | None = self._plan()
        return super().__len__() if lazy is None else engine.count_rows(lazy.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns; counting does not compute the columns."""
        return len(self), len(self.columns)

    @property
    def index(self) -> pd.Index:
        """The row labels."""
        lazy: FrameState | None = self._plan()
        if lazy is not None and isinstance(lazy.index, RangeSpec):
            return shown_range(self, lazy)
        return pd.DataFrame.index.__get__(self, type(self))

    @index.setter
    def index(self, labels: Any) -> None:
        pd.DataFrame.index.__set__(self, labels)

    def __getattr__(self, name: str) -> Any:
        lazy: FrameState | None = self._plan()
        if lazy is not None and name in lazy.columns and name not in self._internal_names_set:
            return self[name]
        return super().__getattr__(name)

    def __dir__(self) -> list[str]:
        lazy: FrameState | None = self._plan()
        if lazy is None:
            return list(super().__dir__())
        shown = list(lazy.columns)[: pd.get_option("display.max_dir_items")]
        return sorted({*object.__dir__(self), *(c for c in shown if c.isidentifier())})

    def __sizeof__(self) -> int:
        lazy: FrameState | None = self._plan()
        return object.__sizeof__(self) if lazy is not None else super().__sizeof__()

    def to_pandas(self) -> pd.DataFrame:
        """The data as exactly ``pandas.DataFrame``.

        >>> import raylab.frame as pd
        >>> type(pd.DataFrame({"x": [1]}).to_pandas())
        <class 'pandas.DataFrame'>
        """
        manager = self._mgr.copy(deep=False)
        return pd.DataFrame._from_mgr(manager, manager.axes).__finalize__(self)

    def to_polars(self) -> Any:
        """The columns as a Polars frame, straight from the engine; the index is left out.

        >>> import raylab.frame as pd
        >>> pd.DataFrame({"x": [1, 2]}).to_polars().height
        2
        """
        from raylab.frame.facade.interchange import to_polars

        return to_polars(self)

    def to_arrow(self) -> Any:
        """The columns as an Arrow table, straight from the engine; the index is left out.

        >>> import raylab.frame as pd
        >>> pd.DataFrame({"x": [1, 2]}).to_arrow().num_rows
        2
        """
        from raylab.frame.facade.interchange import to_arrow

        return to_arrow(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        from raylab.frame.facade.interchange import arrow_stream

        if self._plan() is None:
            return super().__arrow_c_stream__(requested_schema)
        return arrow_stream(self, requested_schema)

    def to_ray_dataset(self) -> Any:
        """The columns as a dataset of Ray Data, which stays on the cluster; without the index.

        Starts a local cluster where there is none.

        Raises:
            TypeError: a column has a dtype that only pandas can hold.
        """
        from raylab.frame.facade.interchange import to_ray_dataset

        return to_ray_dataset(self)

    def persist(self) -> DataFrame:
        """The frame computed now, its partitions kept in the object store of the cluster.

        Later plans start from them and run where they lie. They go when the frame goes. Starts a
        local cluster where there is none; with ``pd.options.raylab.execution = "local"`` the rows
        stay in this process.

        Raises:
            TypeError: a column has a dtype that only pandas can hold.

        >>> import raylab.frame as pd
        >>> with pd.option_context("raylab.execution", "local"):
        ...     pd.DataFrame({"x": [1, 2]}).persist().x.sum()
        np.int64(3)
        """
        from raylab.frame.facade.persistence import persisted

        lazy = self._plan() or self._state_in_memory()
        if lazy is None:
            raise TypeError("persist needs native dtypes and distinct labels of type str")
        return lazy_frame(persisted(lazy), like=self)

    @property
    def partitions(self) -> list[Any]:
        """What ``persist`` keeps in the object store: reference, rows and bytes of each partition.

        >>> import raylab.frame as pd
        >>> pd.DataFrame({"x": [1]}).partitions
        []
        """
        from raylab.frame.facade.persistence import stored_partitions

        return stored_partitions(self._plan())

    def explain(self, stage: str = "optimized") -> str:
        """The plan as text: "logical", "optimized" or "physical".

        >>> import raylab.frame as pd
        >>> pd.DataFrame({"x": [1]}).explain()
        'in memory: 1 rows, run by pandas'
        """
        from raylab.frame.execution.explanation import explain

        state = self._state()
        if state is None:
            return f"in memory: {len(self)} rows, run by pandas"
        node, _ = value_node(state)
        text = explain(node, stage)
        if stage == "physical" and _kernel(state, node) is not None:
            return f"as a whole joined in memory, without the engine; else:\n{text}"
        return text


def shown_range(obj: Any, state: Any) -> pd.Index:
    """The RangeIndex of a lazy frame or series, the same object at each question."""
    shown = shown_labels(obj, state)
    if shown.index is None:
        shown.index = range_index(state.index, engine.count_rows(state.rows))
    return shown.index


def lazy_frame(state: FrameState, like: Any = None) -> DataFrame:
    """The frame of a state, with the attributes of another object."""
    frame: DataFrame = become(object.__new__(DataFrame), state, like=like)
    return frame


WRAPPERS[FrameState] = lazy_frame


def without_rows(state: FrameState) -> pd.DataFrame:
    """The labels and dtypes of a state, and no rows."""
    columns = {c: pd.Series([], dtype=f.dtype) for c, f in state.fields.items()}
    frame = pd.DataFrame(columns)
    if isinstance(state.index, Levels):
        arrays: list[list[Any]] = [[] for _ in state.index.exprs]
        several = len(arrays) > 1
        index: Any = pd.MultiIndex.from_arrays(arrays) if several else pd.Index(arrays[0])
        frame.index = index.set_names(list(state.index.names))
    return frame


EMPTY[FrameState] = without_rows


_MANY_ROWS = 1 << 19
"""From so many rows on columns are converted side by side."""

Kernel: TypeAlias = Callable[[], pd.DataFrame | None]
_KERNEL = "_kernel"


def choose_kernel(state: FrameState, run: Kernel) -> None:
    """Has a state computed otherwise than by the engine, when it is asked for as a whole.

    Args:
        state: what is asked for.
        run: gives pandas' frame of it; None where the engine is to do it.
    """
    state.__dict__[_KERNEL] = run


def _kernel(state: FrameState, node: Node) -> Kernel | None:
    """What was chosen, unless the rows are elsewhere, or known already."""
    run: Kernel | None = state.__dict__.get(_KERNEL)
    if run is None or not engine.in_one_pass(node):
        return None
    return run if engine.kept(node, frozenset(node.schema)) is None else None


def compute_frame(state: FrameState) -> pd.DataFrame:
    """The pandas frame of a state."""
    node, levels = value_node(state)
    run = _kernel(state, node)
    frame = None if run is None else run()
    if frame is not None:
        check_budget(int(frame.memory_usage(index=False).sum()))
        return frame
    rows = engine.execute(node)
    check_budget(int(rows.estimated_size()))
    index = compute_index(state.index, [rows[name] for name in levels], state, rows.height)
    return frame_of(state, node, rows, index)


def frame_of(state: FrameState, node: Node, rows: Any, index: pd.Index) -> pd.DataFrame:
    """The pandas frame of rows that the engine computed.

    Args:
        state: what the columns are.
        node: the plan of its value.
        rows: all or some rows of the node.
        index: their labels.
    """
    dtypes = [dtype_of(node.schema[label]) for label in state.columns]
    convert = POOL.map if len(index) >= _MANY_ROWS else map
    columns = convert(to_array, (rows[label] for label in state.columns), dtypes)
    arrays = {
        label: _as_typed(column, index)
        for label, column in zip(state.columns, columns, strict=True)
    }
    frame = pd.DataFrame(arrays, index=index, copy=False)
    if state.columns_name is not None:
        frame.columns.name = state.columns_name
    return frame


def _as_typed(array: Any, index: pd.Index) -> Any:
    """The array in a form that the constructor takes as it is: it looks into plain objects."""
    if isinstance(array, np.ndarray) and array.dtype == object:
        return pd.Series(array, index=index, dtype=object, copy=False)
    return array


def compute_index(spec: IndexSpec, columns: list[Any], state: Any, height: int) -> pd.Index:
    """The pandas index of a computed state."""
    if isinstance(spec, RangeSpec):
        return range_index(spec, height)
    levels = []
    for series, expr, name in zip(columns, spec.exprs, spec.names, strict=True):
        if isinstance(expr, Column) and expr.name.startswith(f"{HIDDEN}row"):
            levels.append(to_positions(series, name))
        else:
            levels.append(to_index(series, dtype_of(typed(expr, state.rows)), name))
    if len(levels) == 1:
        return levels[0]
    among = spec.missing_last and any(level.hasnans for level in levels)
    if not (spec.appearing or among or spec.stored):
        return pd.MultiIndex.from_arrays(levels, names=list(spec.names))
    stored = spec.stored or (None,) * len(levels)
    parts = [
        _coded(level, values, sort=not spec.appearing, among=among)
        for level, values in zip(levels, stored, strict=True)
    ]
    codes, uniques = zip(*parts, strict=True)
    # Verifying would put missing values beside the values of their level that stores them.
    verify = not any(level.hasnans for level in uniques)
    return pd.MultiIndex(
        list(uniques), list(codes), names=list(spec.names), verify_integrity=verify
    )


def _coded(level: pd.Index, stored: Any, *, sort: bool, among: bool) -> tuple[Any, Any]:
    """The codes of a level's values, and the values that it stores.

    Args:
        level: the value of each row.
        stored: as in ``Levels.stored``.
        sort: a level of which nothing else is known stores its values sorted.
        among: missing values are stored, too.
    """
    if isinstance(stored, Occurring):
        stored = _occurring(stored, among=among)
    if stored is not None and same_dtype(stored.dtype, level.dtype):
        codes = stored.get_indexer(level)
        if np.all((codes >= 0) | level.isna()):
            return codes, stored
    return pd.factorize(level, sort=sort, use_na_sentinel=not among)


def _occurring(values: Occurring, *, among: bool) -> pd.Index:
    node = Distinct(Project(values.rows, ((_VALUE, values.expr),)), (_VALUE,))
    series = engine.execute(node)[_VALUE]
    found = to_index(series, dtype_of(typed(values.expr, values.rows)), None)
    found = found if among or values.missing else found.dropna()
    return found.sort_values() if values.sort else found


def range_index(spec: RangeSpec, height: int) -> pd.RangeIndex:
    """The pandas index of a symbolic one."""
    name: Hashable = spec.name
    stop = spec.start + height * spec.step
    return pd.RangeIndex(spec.start, stop, spec.step, name=name)


def _relabelled(state: FrameState, labels: pd.Index) -> FrameState | None:
    """The state with other column labels, where they are distinct strings of dtype str."""
    fits = labels.dtype == STR and len(labels) == len(state.columns) and labels.is_unique
    if not fits or not all(map(is_label, labels)):
        return None
    columns = {str(new): e for new, e in zip(labels, state.columns.values(), strict=True)}
    return FrameState(state.rows, columns, state.index, labels.name)
