"""The finished faces: the lazy classes with all their native methods.

Importing a topic declares its native methods; here they are put on the classes.
"""

from __future__ import annotations

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
    pivoting,
    querying,
    reductions,
    resampling,
    running,
    sorting,
    stacking,
    string_methods,
    summaries,
)
from raylab.frame.facade.base import install
from raylab.frame.facade.dataframe import DataFrame
from raylab.frame.facade.display import preview, with_real_size
from raylab.frame.facade.indexing import INDEXERS
from raylab.frame.facade.operators import binary, frame_binary, install_operators
from raylab.frame.facade.selection import set_column
from raylab.frame.facade.series import Series
from raylab.frame.facade.ufuncs import array_ufunc
from raylab.frame.facade.writing import install_writers
from raylab.frame.plan.schema import NotNative


def _set_item(self: Any, key: Any, value: Any) -> None:
    """``df[key] = value``: a new expression over the same rows, or pandas' own assignment."""
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


def _finish(face: type, owner: type) -> None:
    install(face, owner)
    install_writers(face, owner)
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
setattr(DataFrame, "__setitem__", _set_item)  # noqa: B010  as install() does
setattr(DataFrame, "_repr_html_", _printing(pd.DataFrame, "_repr_html_"))  # noqa: B010

__all__ = ["DataFrame", "Series"]
