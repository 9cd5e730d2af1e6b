"""Fields: what is known about a column before anything is computed."""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionDtype
from pandas.core.dtypes.dtypes import BaseMaskedDtype

if TYPE_CHECKING:
    from raylab.frame.plan.nodes import Node

Dtype: TypeAlias = "np.dtype[Any] | ExtensionDtype"
Kind: TypeAlias = Literal[
    "bool", "int", "float", "str", "datetime", "timedelta", "nullable", "opaque"
]
Family: TypeAlias = Literal[
    "bool", "int", "float", "str", "date", "decimal", "datetime", "timedelta", "opaque"
]

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

    ``nullable`` are pandas' masked dtypes, ``string`` and the Arrow dtypes of scalars: the
    engine holds NA as null, and what has no kernel runs pandas' own code batch by batch.
    ``opaque`` covers what has no kernels: object, category, nested Arrow dtypes. Such columns are
    selected, filtered and joined natively; any other use falls back.
    """
    if isinstance(dtype, np.dtype):
        half_or_long = dtype.kind == "f" and dtype.itemsize not in (4, 8)
        return (
            "opaque"
            if half_or_long or not dtype.isnative
            else _NUMPY_KINDS.get(dtype.kind, "opaque")
        )
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "datetime" if _is_zone(str(dtype.tz)) else "opaque"
    if dtype == STR:
        return "str"
    family = family_of(dtype)
    numbers = family in ("bool", "int", "float", "decimal")
    if numbers and pd.get_option("future.distinguish_nan_and_na"):
        return "opaque"  # numbers make NaN beside NA under this option, and the engine has one
    return "opaque" if family == "opaque" else "nullable"


def family_of(dtype: Dtype) -> Family:
    """What the values of a nullable dtype are; ``opaque`` where the engine cannot hold them."""
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow_family(dtype.pyarrow_dtype)
    if isinstance(dtype, pd.StringDtype):
        return "str"
    if isinstance(dtype, BaseMaskedDtype):
        held: np.dtype[Any] = dtype.numpy_dtype  # type: ignore[attr-defined]  # the stubs leave it out
        return _NUMPY_KINDS[held.kind]  # type: ignore[return-value]  # numbers only
    return "opaque"


def _arrow_family(arrow: pa.DataType) -> Family:
    if pa.types.is_timestamp(arrow):
        return "datetime" if arrow.tz is None or _is_zone(arrow.tz) else "opaque"
    if pa.types.is_decimal128(arrow) and arrow.scale >= 0:
        return "decimal"
    if pa.types.is_float16(arrow):
        return "opaque"
    for is_of, family in _ARROW_FAMILIES:
        if is_of(arrow):
            return family
    return "opaque"


_ARROW_FAMILIES: tuple[tuple[Any, Family], ...] = (
    (pa.types.is_boolean, "bool"),
    (pa.types.is_integer, "int"),
    (pa.types.is_floating, "float"),
    (pa.types.is_date32, "date"),
    (pa.types.is_string, "str"),
    (pa.types.is_large_string, "str"),
    (pa.types.is_duration, "timedelta"),
)


def is_text(field: Field) -> bool:
    """True for strings, of pandas' default dtype or a nullable one."""
    return field.kind == "str" or (field.kind == "nullable" and family_of(field.dtype) == "str")


def is_number(dtype: Dtype) -> bool:
    """What ``numeric_only`` keeps: numbers and bools of every kind."""
    if isinstance(dtype, np.dtype):
        return dtype.kind in "biufc"
    return bool(dtype._is_numeric)  # type: ignore[attr-defined]  # pandas' own rule


@functools.cache
def _is_zone(name: str) -> bool:
    """True for time zones that the engine knows; fixed offsets are none of them."""
    if name in ("Factory", "localtime"):
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def is_category(dtype: Dtype) -> bool:
    """True for categories of strings, the ones that have a native form."""
    if not isinstance(dtype, pd.CategoricalDtype):
        return False
    categories: pd.Index | None = dtype.categories  # None until there is data
    return categories is not None and categories.dtype == STR and len(categories) > 0


def is_number_key(dtype: Dtype) -> bool:
    """True for the categories of whole numbers that folder names tell, held by their texts."""
    if not isinstance(dtype, pd.CategoricalDtype) or dtype.categories is None:
        return False
    return bool(dtype.categories.dtype == np.dtype("int32")) and not dtype.ordered


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
