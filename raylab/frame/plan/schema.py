"""Fields: what is known about a column before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype

if TYPE_CHECKING:
    from raylab.frame.plan.nodes import Node

Dtype: TypeAlias = "np.dtype[Any] | ExtensionDtype"
Kind: TypeAlias = Literal["bool", "int", "float", "str", "datetime", "timedelta", "opaque"]

INT64: Dtype = np.dtype("int64")
FLOAT64: Dtype = np.dtype("float64")
BOOL: Dtype = np.dtype("bool")
OBJECT: Dtype = np.dtype("object")
NONE_OBJECT: Dtype = np.dtype("object", metadata={"missing": None})
"""Of bools that come from Arrow: pandas shows a missing one as None, and as NaN elsewhere."""
STR: Dtype = pd.StringDtype(na_value=np.nan)

HIDDEN = "\x01"
"""The mark of columns that are not labels: no NUL, which Arrow's C interface cannot carry."""

PIECES = f"{HIDDEN}pieces"
"""The only field of a column of Python lists of strings; other lists are NumPy arrays to pandas."""

_NUMPY_KINDS: dict[str, Kind] = {
    "b": "bool",
    "i": "int",
    "u": "int",
    "f": "float",
    "M": "datetime",
    "m": "timedelta",
}


class NotNative(Exception):  # noqa: N818  a signal between plan and facade, never seen by users
    """The operation has no native form; the message names the argument or dtype in the way."""


class UnknownLabel(NotNative):
    """A label is not there: pandas words its error over a frame without rows, at once."""


@dataclass(frozen=True)
class Field:
    """A column's pandas dtype and what may be missing in it.

    Attributes:
        dtype: the pandas dtype of the result, unless a promotion applies.
        nullable: False when the column is known to hold no null.
        nan: True when a float column may hold NaN as a value. Both null and NaN are missing.
        promotions: probes of a data-dependent dtype. When one of them yields a row, pandas
            widens the column: int64 to float64, bool to object (a left merge without a match).
        widens: as a promotion, where the missing value would be one of the expression itself
            (``.dt.year`` of a missing date); Project turns it into a probe.
    """

    dtype: Dtype
    nullable: bool = True
    nan: bool = False
    promotions: tuple[Node, ...] = ()
    widens: bool = False

    @property
    def kind(self) -> Kind:
        """The family of dtypes whose kernels apply; ``opaque`` columns only pass through."""
        return kind_of(self.dtype) if self.settled else "opaque"

    @property
    def settled(self) -> bool:
        """False when the dtype depends on data that nobody has looked at yet."""
        return not (self.promotions or self.widens)

    @property
    def may_miss(self) -> bool:
        """True when a value may be missing, as null or as NaN."""
        return self.nullable or self.nan

    def optional(self) -> Field:
        """The same field where a null may have come in."""
        return self if self.nullable else replace(self, nullable=True)


Schema: TypeAlias = Mapping[str, Field]


def kind_of(dtype: Dtype) -> Kind:
    """The kernel family of a dtype.

    ``opaque`` covers what has no kernels: object, category and, so far, nullable and Arrow
    dtypes. Such columns are selected, filtered and joined natively; any other use falls back.
    """
    if isinstance(dtype, np.dtype):
        return _NUMPY_KINDS.get(dtype.kind, "opaque") if dtype.itemsize <= 8 else "opaque"
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "datetime"
    if dtype == STR:
        return "str"
    return "opaque"


def is_category(dtype: Dtype) -> bool:
    """True for categories of strings, the ones that have a native form."""
    if not isinstance(dtype, pd.CategoricalDtype):
        return False
    categories: pd.Index | None = dtype.categories  # None until there is data
    return categories is not None and categories.dtype == STR and len(categories) > 0


def same_dtype(one: Dtype, other: Dtype) -> bool:
    """Equality; categories also in the same order, at which pandas' own equality does not look."""
    if isinstance(one, pd.CategoricalDtype) and isinstance(other, pd.CategoricalDtype):
        return one == other and list(one.categories) == list(other.categories)
    return bool(one == other)


def promoted(dtype: Dtype) -> Dtype:
    """The dtype that pandas gives a column into which a missing value comes."""
    if isinstance(dtype, np.dtype):
        if dtype.kind in "iu":
            return FLOAT64
        if dtype.kind == "b":
            return OBJECT
    return dtype


def column(dtype: Dtype, *, missing: bool = True) -> Field:
    """A field of a computed column; floats that may miss values may hold NaN, too."""
    is_float = isinstance(dtype, np.dtype) and dtype.kind == "f"
    return Field(dtype, nullable=missing, nan=missing and is_float)
