"""Categorical columns of strings: casts, comparisons and ``.cat``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.core.arrays.categorical import CategoricalAccessor

from raylab.frame.execution import engine
from raylab.frame.facade.accessors import LazyAccessor
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import wrap
from raylab.frame.facade.state import SeriesState, settle
from raylab.frame.plan.expressions import Column, Expr, Literal, balanced, call
from raylab.frame.plan.nodes import HIDDEN, Distinct, Filter, Project
from raylab.frame.plan.schema import NotNative, is_category, is_number_key

_TEXT = f"{HIDDEN}category"


class LazyCategories(LazyAccessor, CategoricalAccessor):
    """pandas' ``.cat`` over a lazy series."""

    def _followed(self, state: SeriesState, now: Any, operation: str) -> Any:
        """Pandas keeps the values: it sees what is written into them, and no further ones."""
        same = engine.count_rows(now.rows) == engine.count_rows(state.rows)
        return super()._followed(state, now, operation) if same else state

    @property
    def codes(self) -> Any:
        """The number of each value's category; -1 where it is missing."""
        state: SeriesState | None = self._state()
        if state is None:
            return adopt(super().codes)
        codes = state.mapped(call("category_code", state.expr))
        return wrap(SeriesState(codes.rows, codes.expr, None, codes.index))

    @property
    def categories(self) -> Any:
        """The categories in their order."""
        dtype = self._known()
        return super().categories if dtype is None else dtype.categories

    @property
    def ordered(self) -> bool:
        """Whether the categories have an order."""
        dtype = self._known()
        return bool(super().ordered if dtype is None else dtype.ordered)

    def _known(self) -> Any:
        state: SeriesState | None = self._state()
        return None if state is None else state.field.dtype

    def _delegate_method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return adopt(super()._delegate_method(name, *args, **kwargs))


def categories_of(series: Any, state: SeriesState) -> LazyCategories:
    """The ``.cat`` accessor of a lazy series."""
    return LazyCategories._of(series, "cat", state)


def as_category(series: SeriesState, dtype: pd.CategoricalDtype) -> SeriesState:
    """A column of strings as categories: the given ones, or all that occur, sorted: a trigger."""
    series = settle(series)
    if series.field.kind != "str":
        raise NotNative(f"categories of {series.field.dtype}")
    given: Any = dtype.categories
    if given is None:
        found = _occurring(series)
    elif is_category(dtype):
        found = tuple(dtype.categories)
    else:
        raise NotNative("categories that are no strings")
    if not found:
        raise NotNative("no categories")
    return series.mapped(
        call("category_of", series.expr, categories=found, ordered=bool(dtype.ordered))
    )


def _occurring(series: SeriesState) -> tuple[str, ...]:
    rows = Filter(Project(series.rows, ((_TEXT, series.expr),)), call("notna", Column(_TEXT)))
    values = engine.execute_small(Distinct(rows, (_TEXT,)))[_TEXT].to_list()
    return tuple(sorted(values))


def as_text(series: SeriesState) -> SeriesState:
    """Categories as the strings that they stand for."""
    return series.mapped(call("category_text", series.expr))


def compared(series: SeriesState, other: Any, name: str) -> SeriesState:
    """``==`` and ``!=`` with one string, or of the whole numbers in folder names with one of them.

    Raises:
        NotNative: another comparison, which asks for the order of the categories.
    """
    numbers = is_number_key(series.field.dtype)
    fits = isinstance(other, int | np.integer if numbers else str) and not isinstance(other, bool)
    if name not in ("eq", "ne") or not fits:
        raise NotNative(f"{name} of categories")
    if numbers and other not in series.field.dtype.categories:  # type: ignore[union-attr]  # a category
        return series.mapped(Literal(name == "ne"))
    return series.mapped(call("category_is", series.expr, value=str(other), differs=name == "ne"))


def among_numbers(series: SeriesState, values: Any) -> SeriesState:
    """``isin`` of the whole numbers in folder names.

    Raises:
        NotNative: other values than whole numbers.
    """
    if not isinstance(values, list | tuple | set | range) or not all(
        type(v) is int for v in values
    ):
        raise NotNative("categories among other values than whole numbers")
    tests = [compared(series, value, "eq").expr for value in values]
    none: Expr = Literal(False)
    return series.mapped(balanced("or", tests) if tests else none)
