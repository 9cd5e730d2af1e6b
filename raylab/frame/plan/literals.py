"""Constants in expressions: which Python values are native, and their fields."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from raylab.frame.plan.schema import BOOL, FLOAT64, INT64, STR, Field, NotNative


@dataclass(frozen=True)
class LiteralField(Field):
    """The field of a constant. ``weak`` Python scalars take the other operand's width."""

    weak: bool = False
    value: Any = None


def as_computed(field: Field) -> Field:
    """The field of a function's result, which is no constant even where an argument is one."""
    if not isinstance(field, LiteralField):
        return field
    return Field(field.dtype, field.nullable, field.nan, field.promotions, field.widens)


def literal_field(value: Any) -> LiteralField:
    """The field of a scalar constant.

    Raises:
        NotNative: the value has no native counterpart.
    """
    missing = value is None or value is pd.NaT or value is pd.NA
    if missing:
        raise NotNative(f"a missing constant ({value!r})")
    match value:
        case bool() | np.bool_():
            return LiteralField(BOOL, nullable=False, value=bool(value), weak=True)
        case np.generic() if value.dtype.kind in "iuf":
            nan = value.dtype.kind == "f" and bool(np.isnan(value))
            return LiteralField(value.dtype, nullable=False, nan=nan, value=value.item())
        case int() if -(2**63) <= value < 2**63:
            return LiteralField(INT64, nullable=False, value=value, weak=True)
        case float():
            return LiteralField(FLOAT64, nullable=False, nan=value != value, value=value, weak=True)
        case str():
            return LiteralField(STR, nullable=False, value=str(value))
        case dt.datetime() | np.datetime64():
            return _instant(pd.Timestamp(value))
        case dt.timedelta() | np.timedelta64():
            span = pd.Timedelta(value)
            return LiteralField(np.dtype(f"m8[{span.unit}]"), nullable=False, value=span)
        case _:
            raise NotNative(f"a constant of type {type(value).__name__}")


def _instant(stamp: pd.Timestamp) -> LiteralField:
    """The field of a moment, with its own unit and time zone."""
    if stamp.tz is not None:
        dtype = pd.DatetimeTZDtype(stamp.unit, stamp.tz)
        return LiteralField(dtype, nullable=False, value=stamp)
    return LiteralField(np.dtype(f"M8[{stamp.unit}]"), nullable=False, value=stamp)
