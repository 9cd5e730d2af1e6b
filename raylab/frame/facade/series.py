"""The lazy Series: pandas' class, whose data is computed when it is touched."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd

from raylab.frame.execution import engine
from raylab.frame.facade.accessors import own_accessor
from raylab.frame.facade.base import WRAPPERS, LazyClass, LazyObject, become
from raylab.frame.facade.categories import categories_of
from raylab.frame.facade.dataframe import DataFrame, compute_frame, shown_range
from raylab.frame.facade.datetimes import properties
from raylab.frame.facade.memory import series_in_memory
from raylab.frame.facade.state import RangeSpec, SeriesState, dtype_of
from raylab.frame.facade.string_methods import is_split
from raylab.frame.facade.strings import LazyStringMethods
from raylab.frame.plan.schema import is_category, is_text

_COLUMN = "values"


class _Accessor(property):
    """A lazy accessor; asked of the class it is pandas' own, as ``pd.Series.str`` is."""

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        if obj is not None:
            return super().__get__(obj, owner)
        return getattr(pd.Series, self.fget.__name__)  # type: ignore[union-attr]  # made from a function


class Series(LazyObject, pd.Series, metaclass=LazyClass):
    """pandas' Series on a lazy plan.

    >>> import raylab.frame as pd
    >>> pd.Series([1, 2, 3]).sum()
    np.int64(6)
    """

    _stands_for: ClassVar[type] = pd.Series

    _internal_names: ClassVar[list[Any]] = [
        *pd.Series._internal_names,
        "_real",
        "_lazy",
        "_origin",
        "_guard",
        "_computed",
        "_followers",
        "_shown",
    ]
    _internal_names_set: ClassVar[set[Any]] = pd.Series._internal_names_set | set(_internal_names)

    @property
    def _constructor(self) -> Any:
        return Series

    @property
    def _constructor_expanddim(self) -> Any:
        return DataFrame

    def _constructor_from_mgr(self, mgr: Any, axes: Any) -> Any:
        if type(self) is not Series:
            return super()._constructor_from_mgr(mgr, axes)
        series = Series._from_mgr(mgr, axes)
        object.__setattr__(series, "_name", None)  # the caller sets it
        return series

    def _constructor_expanddim_from_mgr(self, mgr: Any, axes: Any) -> Any:
        if type(self) is Series:
            return DataFrame._from_mgr(mgr, axes)
        return super()._constructor_expanddim_from_mgr(mgr, axes)

    def _state_in_memory(self) -> SeriesState | None:
        if type(self) is not Series or not self._flags._allows_duplicate_labels:
            return None
        return series_in_memory(self)

    def _compute(self, state: SeriesState) -> Any:
        frame = compute_frame(state.frame(_COLUMN))
        return frame[_COLUMN]._mgr

    @property
    def dtype(self) -> Any:
        """The dtype; a trigger only where it depends on data."""
        lazy: SeriesState | None = self._plan()
        return super().dtype if lazy is None else dtype_of(lazy.field)

    dtypes = dtype

    @property
    def ndim(self) -> int:
        """One."""
        return 1

    def __len__(self) -> int:
        lazy: SeriesState | None = self._plan()
        return super().__len__() if lazy is None else engine.count_rows(lazy.rows)

    @property
    def shape(self) -> tuple[int]:
        """The number of rows."""
        return (len(self),)

    @property
    def index(self) -> pd.Index:
        """The row labels."""
        lazy: SeriesState | None = self._plan()
        if lazy is not None and isinstance(lazy.index, RangeSpec):
            return shown_range(self, lazy)
        return pd.Series.index.__get__(self, type(self))

    @index.setter
    def index(self, labels: Any) -> None:
        pd.Series.index.__set__(self, labels)

    @property
    def name(self) -> Any:
        """The name."""
        return pd.Series.name.__get__(self, type(self))

    @name.setter
    def name(self, value: Any) -> None:
        pd.Series.name.__set__(self, value)
        lazy: SeriesState | None = self._plan()
        if lazy is not None:
            self.__dict__["_lazy"] = SeriesState(lazy.rows, lazy.expr, value, lazy.index)

    @_Accessor
    def str(self) -> Any:
        """String methods; lazy where the strings are."""
        state = self._state()
        if state is not None and (is_text(state.field) or is_split(state)):
            return LazyStringMethods.over(self, state)
        return own_accessor(self, "str")

    @_Accessor
    def dt(self) -> Any:
        """Datetime fields and methods; lazy where the datetimes are."""
        state = self._state()
        if state is not None and state.field.kind in ("datetime", "timedelta"):
            return properties(self, state)
        return own_accessor(self, "dt")

    @_Accessor
    def cat(self) -> Any:
        """Categories; lazy where the values are categories of strings."""
        state = self._state()
        if state is not None and state.field.settled and is_category(state.field.dtype):
            return categories_of(self, state)
        return own_accessor(self, "cat")

    def __sizeof__(self) -> int:
        lazy: SeriesState | None = self._plan()
        return object.__sizeof__(self) if lazy is not None else super().__sizeof__()

    def to_pandas(self) -> pd.Series:
        """The data as exactly ``pandas.Series``.

        >>> import raylab.frame as pd
        >>> type(pd.Series([1]).to_pandas())
        <class 'pandas.Series'>
        """
        manager = self._mgr.copy(deep=False)
        series = pd.Series._from_mgr(manager, manager.axes)
        object.__setattr__(series, "_name", self.name)
        return series.__finalize__(self)

    def explain(self, stage: Any = "optimized") -> Any:
        """The plan as text: "logical", "optimized" or "physical".

        >>> import raylab.frame as pd
        >>> pd.Series([1]).explain()
        'in memory: 1 rows, run by pandas'
        """
        state = self._state()
        if state is None:
            return f"in memory: {len(self)} rows, run by pandas"
        return _lazy_parent(state).explain(stage)


def _plain_accessor(name: Any) -> _Accessor:
    def accessor(series: Series) -> Any:
        return own_accessor(series, name)

    accessor.__name__ = name
    return _Accessor(accessor)


for _name in ("list", "sparse", "struct"):
    setattr(Series, _name, _plain_accessor(_name))
setattr(DataFrame, "_constructor_sliced", Series)  # noqa: B010  a class attribute, as in pandas


def _lazy_parent(state: SeriesState) -> DataFrame:
    """The series as a lazy frame."""
    from raylab.frame.facade.dataframe import lazy_frame

    return lazy_frame(state.frame(_COLUMN))


def lazy_series(state: SeriesState, like: Any = None) -> Series:
    """The series of a state, with the attributes of another object."""
    series: Series = become(object.__new__(Series), state, like=like)
    object.__setattr__(series, "_name", state.name)
    return series


WRAPPERS[SeriesState] = lazy_series
