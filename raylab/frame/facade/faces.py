"""The finished faces: the lazy classes with all their native methods.

Importing a topic declares its native methods; here they are put on the classes.
"""

from __future__ import annotations

import functools
from sys import getrefcount
from typing import Any

import pandas as pd
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy

from raylab.frame import support
from raylab.frame.facade import (  # noqa: F401  each declares native methods
    choosing,
    elementwise,
    functions,
    grouped_functions,
    grouped_rows,
    grouped_values,
    grouping,
    indexes,
    merging,
    moving_statistics,
    pairs,
    pivoting,
    querying,
    reductions,
    resampling,
    running,
    sampling,
    sorting,
    stacking,
    string_methods,
    summaries,
)
from raylab.frame.facade.adoption import adopting
from raylab.frame.facade.base import install, wrap
from raylab.frame.facade.dataframe import DataFrame
from raylab.frame.facade.display import preview, with_real_size
from raylab.frame.facade.group_keys import own_labels
from raylab.frame.facade.indexing import INDEXERS
from raylab.frame.facade.operators import binary, frame_binary, install_operators
from raylab.frame.facade.selection import set_column
from raylab.frame.facade.series import Series
from raylab.frame.facade.ufuncs import array_ufunc
from raylab.frame.facade.warning_sites import LEAST_REFERENCES_SET, warn_of_chained_assignment
from raylab.frame.facade.writing import install_writers
from raylab.frame.plan.schema import NotNative


def _set_item(self: Any, key: Any, value: Any) -> None:
    """``df[key] = value``: a new expression over the same rows, or pandas' own assignment."""
    if getrefcount(self) <= LEAST_REFERENCES_SET:
        warn_of_chained_assignment(self)
    state = self._state()
    if state is None:
        pd.DataFrame.__setitem__(self, key, value)
        return
    try:
        self.__dict__["_lazy"] = set_column(state, key, value)
        self.__dict__.pop("_real", None)
    except NotNative as reason:
        with support.falling_back("DataFrame.__setitem__", str(reason)):
            pd.DataFrame.__setitem__(self, key, value)


def _dropped(self: Any, label: Any) -> Any:
    """Takes a column out of a lazy frame; None where pandas is to do it."""
    state = self._state()
    if state is None or type(label) is not str or label not in state.columns:
        return None
    if len(state.columns) == 1:
        return None
    column = wrap(state.column(label), self)
    self.__dict__["_lazy"] = state.select(c for c in state.columns if c != label)
    self.__dict__.pop("_real", None)
    return column


def _pop(self: Any, item: Any) -> Any:
    """``df.pop(label)``."""
    column = _dropped(self, item)
    return pd.DataFrame.pop(self, item) if column is None else column


def _del_item(self: Any, key: Any) -> None:
    """``del df[label]``."""
    if _dropped(self, key) is None:
        pd.DataFrame.__delitem__(self, key)


def _insert(self: Any, loc: Any, column: Any, value: Any, allow_duplicates: Any = False) -> None:
    """``df.insert(position, label, value)``."""
    state = self._state()
    if (
        state is None
        or allow_duplicates is not False
        or type(column) is not str
        or column in state.columns
    ):
        pd.DataFrame.insert(self, loc, column, value, allow_duplicates)
        return
    try:
        if not isinstance(loc, int) or not 0 <= loc <= len(state.columns):
            raise NotNative("a position out of bounds")
        changed = set_column(state, column, value)
    except NotNative as reason:
        with support.falling_back("DataFrame.insert", str(reason)):
            pd.DataFrame.insert(self, loc, column, value, allow_duplicates)
        return
    labels = list(state.columns)
    labels.insert(loc, column)
    self.__dict__["_lazy"] = changed.select(labels)
    self.__dict__.pop("_real", None)


def _indexer(name: str, owner: type, lazy: type) -> property:
    own = getattr(owner, name)

    def indexer(self: Any) -> Any:
        return own.fget(self) if self._state() is None else lazy(name, self)

    return property(indexer, doc=own.__doc__)


def _printing(owner: type, name: str) -> Any:
    base = getattr(owner, name)

    def printed(self: Any) -> Any:
        short = preview(self)
        if short is None:
            return base(self)
        sample, height = short
        text = getattr(sample, name)()
        return text if text is None else with_real_size(text, len(sample), height)

    return printed


_GIVE_PLAIN_OBJECTS = {
    pd.DataFrame: ("describe", "value_counts", "asfreq", "mode"),
    pd.Series: ("describe", "asfreq"),
}
"""Methods without a native form whose results pandas makes of its own classes."""


def _grouping(method: Any) -> Any:
    """``groupby`` that knows a column of the frame when it is given as a series."""

    @functools.wraps(method)
    def grouped(self: Any, by: Any = None, *args: Any, **kwargs: Any) -> Any:
        state = None if by is None else self._state()
        if state is not None:
            by = own_labels(state, by)
        return method(self, by, *args, **kwargs)

    return grouped


def _equals(owner: Any) -> Any:
    """``equals``, for which raylab's class and a subclass of pandas' are no different kinds."""

    def equals(self: Any, other: Any) -> bool:
        if type(self) in (DataFrame, Series) and not isinstance(other, type(self)):
            self = self.to_pandas()
        return bool(owner.equals(self, other))

    return functools.wraps(owner.equals)(equals)


def _finish(face: type, owner: type) -> None:
    for name in _GIVE_PLAIN_OBJECTS[owner]:
        setattr(face, name, adopting(getattr(owner, name)))
    install(face, owner)
    install_writers(face, owner)
    setattr(face, "from_arrow", staticmethod(adopting(owner.from_arrow)))  # noqa: B010  as install() does
    setattr(face, "equals", _equals(owner))  # noqa: B010  as install() does
    for name, lazy in INDEXERS.items():
        setattr(face, name, _indexer(name, owner, lazy))
    setattr(face, "__array_ufunc__", array_ufunc(owner))  # noqa: B010  as install() does
    setattr(face, "__repr__", _printing(owner, "__repr__"))  # noqa: B010  as install() does


for _lazy, _owner in (
    (grouping.LazyDataFrameGroupBy, DataFrameGroupBy),
    (grouping.LazySeriesGroupBy, SeriesGroupBy),
):
    install(_lazy, _owner)
install_operators(DataFrame, pd.DataFrame, frame_binary)
install_operators(Series, pd.Series, binary)
_finish(DataFrame, pd.DataFrame)
_finish(Series, pd.Series)
for _name, _method in (
    ("__setitem__", _set_item),
    ("__delitem__", _del_item),
    ("pop", _pop),
    ("insert", _insert),
):
    setattr(DataFrame, _name, functools.wraps(getattr(pd.DataFrame, _name))(_method))
setattr(DataFrame, "groupby", _grouping(vars(DataFrame)["groupby"]))  # noqa: B010  mypy knows no methods
setattr(DataFrame, "_repr_html_", _printing(pd.DataFrame, "_repr_html_"))  # noqa: B010

__all__ = ["DataFrame", "Series"]
