"""Operators that pandas' own code computes batch by batch, and NumPy's ufuncs on lazy objects."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_scalar

from raylab.frame import support
from raylab.frame.execution import engine
from raylab.frame.facade.alignment import aligned
from raylab.frame.facade.base import wrap
from raylab.frame.facade.categories import compared
from raylab.frame.facade.state import FrameState, SeriesState, settle
from raylab.frame.kernels.operators import constant_key
from raylab.frame.plan.expressions import Expr, Literal, call
from raylab.frame.plan.nodes import Filter, Slice
from raylab.frame.plan.schema import FLOAT64, NotNative, is_category, is_number_key

_names: Any = importlib.import_module("pandas.core.ops.common")


def combined(state: SeriesState, other: Any, name: str, *, swapped: bool = False) -> SeriesState:
    """A series and another side by an operator or ``np.`` ufunc, as pandas computes it.

    Args:
        state: one side.
        other: a series of the same rows, or a scalar.
        name: as in ``kernels.operators.resolve``.
        swapped: the other side is the first argument.
    """
    state = settle(state)
    if is_category(state.field.dtype) or is_number_key(state.field.dtype):
        return compared(state, other, name)
    if isinstance(other, pd.Series):
        state, expr = aligned(state, other)
        right = settle(SeriesState(state.rows, expr, None))
        sides = (right, state) if swapped else (state, right)
        exprs = tuple(side.expr for side in sides)
        result = state.mapped(_operator(name, exprs))
        if _widens_by_zero(name, result, *sides):
            return state.mapped(_operator(name, exprs, by_zero=True))
        return result
    if not is_scalar(other):
        raise NotNative(f"the other side is of type {type(other).__name__}")
    constant = constant_key(other.item() if isinstance(other, np.number) else other)
    result = state.mapped(_operator(name, (state.expr,), constant, first=swapped))
    if swapped and isinstance(other, bool | int | float | np.number):
        left = state.mapped(Literal(constant[1]))
        if _widens_by_zero(name, result, left, state):
            return state.mapped(_operator(name, (state.expr,), constant, first=True, by_zero=True))
    elif name in ("floordiv", "mod") and not other and result.field.dtype != state.field.dtype:
        raise NotNative("division by 0, whose dtype depends on whether there are rows")
    return result


def _operator(
    name: str,
    arguments: tuple[Expr, ...],
    constant: tuple[str, Any] | None = None,
    *,
    first: bool = False,
    by_zero: bool = False,
) -> Expr:
    return call("operator", *arguments, name=name, constant=constant, first=first, by_zero=by_zero)


def _widens_by_zero(name: str, result: SeriesState, left: SeriesState, right: SeriesState) -> bool:
    """Whether pandas widens the result to float64 because a divisor is 0: a trigger."""
    numbers = ("int", "bool", "float")
    if left.field.kind not in numbers or right.field.kind not in numbers:
        return False
    if name == "floordiv" and result.field.dtype != FLOAT64:
        divided: Expr = call("notna", left.expr)
    elif name == "mod" and right.field.kind == "int" and left.field.kind != "float":
        divided = Literal(True)
    else:
        return False
    by_zero = call("not", right.expr) if right.field.kind == "bool" else None
    zeros = by_zero or call("eq", right.expr, Literal(0))
    return engine.has_rows(Slice(Filter(right.rows, call("and", zeros, divided)), 0, 1))


_DISPATCHED = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "true_divide", "floor_divide", "remainder"),
        *("mod", "power", "equal", "not_equal", "less", "less_equal", "greater"),
        *("greater_equal", "bitwise_and", "bitwise_or", "bitwise_xor", "divmod", "matmul"),
        *("negative", "positive", "absolute", "invert"),
    )
)
"""Ufuncs that pandas turns into operators, where the native ones are found."""


def array_ufunc(owner: type) -> Any:
    """The method by which NumPy asks a lazy object to apply a ufunc."""
    base = getattr(owner, "__array_ufunc__")  # noqa: B009  mypy does not know it

    def method(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        state = self._state()
        dispatched = ufunc.__name__ in _DISPATCHED
        # The operator of a series leaves a frame on its right to the frame, which NumPy never asks.
        turned = dispatched and not isinstance(inputs[0], pd.Series)
        if method == "__call__" and not turned and _mixes(inputs):
            raise NotImplementedError(
                f"Cannot apply ufunc {ufunc} to mixed DataFrame and Series inputs."
            )
        if state is None or dispatched or method != "__call__":
            return base(self, ufunc, method, *inputs, **kwargs)
        try:
            return wrap(_applied(self, state, ufunc, inputs, kwargs), self)
        except NotNative as reason:
            with support.falling_back(f"numpy.{ufunc.__name__}", str(reason)):
                return base(self, ufunc, method, *inputs, **kwargs)

    return method


def _mixes(inputs: Any) -> bool:
    """Whether frames and series are among the inputs: pandas looks for its very own classes."""
    return (
        len({owner for owner in (pd.DataFrame, pd.Series) for i in inputs if isinstance(i, owner)})
        > 1
    )


def _applied(obj: Any, state: Any, ufunc: Any, inputs: Any, kwargs: Any) -> Any:
    own_name = str(ufunc.__name__)
    if kwargs or ufunc.nout != 1 or getattr(np, own_name, None) is not ufunc:
        raise NotNative("a ufunc with more arguments or results")
    name = f"np.{own_name}"
    if len(inputs) == 1:
        if isinstance(state, SeriesState):
            return state.mapped(_operator(name, (settle(state).expr,)))
        frame: FrameState = state.settled(state.columns)
        columns = {label: _operator(name, (expr,)) for label, expr in frame.columns.items()}
        computed = replace(frame, columns=columns)
        _ = computed.fields
        return computed
    if not isinstance(state, SeriesState) or len(inputs) != 2:
        raise NotNative("a ufunc of frames with another side")
    swapped = inputs[0] is not obj
    other = inputs[0] if swapped else inputs[1]
    result = combined(state, other, name, swapped=swapped)
    return replace(result, name=result_name(state, other))


def result_name(state: SeriesState, other: Any) -> Any:
    """The common name of both sides, as in pandas; missing names are alike."""
    if isinstance(other, pd.Series | pd.Index):
        return _names._maybe_match_name(state, other)
    return state.name
