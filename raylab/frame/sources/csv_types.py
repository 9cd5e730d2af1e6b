"""The dtype that pandas infers for a column of text, and the values in it.

pandas infers block by block and joins what it finds; where the blocks of a column differ in kind,
or where it is not certain how pandas would read a value, the file is left to pandas. Numbers are
equal to the last bit where pandas rounds correctly, which is looked up once per process.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl

from raylab.frame.plan.schema import BOOL, FLOAT64, INT64, OBJECT, STR, Field, NotNative

Kind = Literal["int", "float", "bool", "text", "date", "moment", "iso moment"]

TRUE = ("True", "TRUE", "true")
FALSE = ("False", "FALSE", "false")

_INFINITE = ("inf", "-inf", "+inf", "Infinity", "-Infinity", "+Infinity")
_NO_NUMBER = r"[^0-9+\-.eEiInNfFtTyYaA\s]|[0-9][+\-]|\..*\."
"""A value with such a part is a number to nobody, however it is read."""

_WHOLE_NUMBER = r"^[+-]?[0-9]+$"
_FORMATS: dict[str, tuple[str, str]] = {
    "date": (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "%Y-%m-%d"),
    "moment": (r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$", "%Y-%m-%d %H:%M:%S"),
    "iso moment": (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$", "%Y-%m-%dT%H:%M:%S"),
}
_BEYOND_INT64 = 2.0**63
_FEW = 64


@dataclass(frozen=True)
class Seen:
    """What the values of a column are, all of them or some.

    Attributes:
        present: how many there are.
        missing: how many are missing.
        whole: all are integers that fit int64.
        number: all are numbers.
        logical: all are spellings of True and False.
        text: one can be nothing but text.
        form: the format of moments that all have.
    """

    present: int
    missing: int
    whole: bool = True
    number: bool = True
    logical: bool = True
    text: bool = False
    form: str | None = None

    def __add__(self, other: Seen) -> Seen:
        if not self.present or not other.present:
            known = self if self.present else other
            missing = self.missing + other.missing
            return Seen(
                known.present,
                missing,
                known.whole,
                known.number,
                known.logical,
                known.text,
                known.form,
            )
        return Seen(
            self.present + other.present,
            self.missing + other.missing,
            self.whole and other.whole,
            self.number and other.number,
            self.logical and other.logical,
            self.text or other.text,
            self.form if self.form == other.form else None,
        )


def look(values: pl.Series, *, moments: bool) -> Seen:
    """Looks at text in which missing values are null.

    Args:
        values: of one column.
        moments: the column is to hold dates or moments.

    Raises:
        NotNative: it holds integers beyond int64.
    """
    missing = values.null_count()
    present = len(values) - missing
    if not present:
        return Seen(0, missing)
    if moments:
        return Seen(present, missing, False, False, False, form=_form(values))
    few = values.drop_nulls().head(_FEW)
    if not _failures(few, pl.Int64) and _failures(values, pl.Int64) == missing:
        return Seen(present, missing, logical=False)
    if not _failures(few, pl.Float64) and _are_numbers(values):
        return Seen(present, missing, whole=False, logical=False)
    spelled = few.is_in(TRUE + FALSE).all() and values.drop_nulls().is_in(TRUE + FALSE).all()
    return Seen(present, missing, False, False, spelled, not spelled and _has_text(few, values))


def _failures(values: pl.Series, dtype: type[pl.DataType]) -> int:
    """How many values are missing or not of the dtype."""
    return values.cast(dtype, strict=False).null_count()


def _are_numbers(values: pl.Series) -> bool:
    floats = values.cast(pl.Float64, strict=False)
    if floats.null_count() != values.null_count() or floats.is_nan().any():
        return False
    large = values.filter(floats.abs() >= _BEYOND_INT64)
    if large.str.contains(_WHOLE_NUMBER).any():
        raise NotNative("integers beyond int64")
    endless = large.filter(large.str.contains("^[^0-9]*$"))
    return bool(endless.is_in(_INFINITE).all())


def _has_text(few: pl.Series, values: pl.Series) -> bool:
    for some in (few, values):
        others = some.filter(~some.is_in(TRUE + FALSE))
        if others.str.contains(_NO_NUMBER).any():
            return True
    return False


def _form(values: pl.Series) -> str | None:
    present = values.drop_nulls()
    for name, (pattern, form) in _FORMATS.items():
        if present.head(1).str.contains(pattern).all() and present.str.contains(pattern).all():
            read = present.str.to_datetime(form, time_unit="us", strict=False)
            return name if read.null_count() == 0 else None
    return None


def inferred(name: str, blocks: list[Seen], wanted: str | None) -> tuple[Kind, Field]:
    """The kind of a column and pandas' dtype for it.

    Args:
        name: of the column.
        blocks: what pandas sees in each of its blocks.
        wanted: a kind that the user asks for, or "moments".

    Raises:
        NotNative: blocks differ, or values might be read in several ways.
    """
    whole = functools.reduce(Seen.__add__, blocks)
    if wanted is not None:
        return _wanted(name, whole, wanted)
    kinds = {_kind(name, block) for block in blocks}
    missing = whole.missing > 0
    if kinds <= {"int", "float", "empty"}:
        if kinds == {"int"}:
            return "int", _number(missing)
        return "float", Field(FLOAT64, nullable=missing)
    if kinds == {"text"}:
        return "text", Field(STR, nullable=missing)
    if kinds == {"bool"} and (not missing or len(blocks) == 1):
        return "bool", Field(OBJECT) if missing else Field(BOOL, nullable=False)
    raise NotNative(f"column {name!r}, whose parts have different kinds of values")


def _number(missing: bool) -> Field:
    return Field(FLOAT64, nullable=True) if missing else Field(INT64, nullable=False)


def _kind(name: str, block: Seen) -> str:
    if not block.present:
        return "empty"
    if block.number:
        if not rounds_correctly():
            raise NotNative("numbers, which this pandas rounds in its own way")
        return "int" if block.whole else "float"
    if block.logical:
        return "bool"
    if block.text:
        return "text"
    raise NotNative(f"column {name!r}, whose values might be numbers")


def _wanted(name: str, seen: Seen, wanted: str) -> tuple[Kind, Field]:
    missing = seen.missing > 0
    if wanted == "text":
        return "text", Field(STR, nullable=missing)
    if wanted == "moments":
        if seen.form is None:
            raise NotNative(f"column {name!r} of moments in no or another format")
        return seen.form, Field(moment_dtype(), nullable=missing)  # type: ignore[return-value]
    if wanted == "float" and seen.number and rounds_correctly():
        return "float", Field(FLOAT64, nullable=missing)
    if wanted == "int" and seen.whole and seen.present and not missing:
        return "int", Field(INT64, nullable=False)
    if wanted == "bool" and seen.logical and seen.present and not missing:
        return "bool", Field(BOOL, nullable=False)
    raise NotNative(f"column {name!r}, which is not all {wanted}")


def converted(values: pl.Expr, kind: Kind, field: Field) -> pl.Expr:
    """The values of a column of a known kind; missing ones are null."""
    if kind == "text":
        return values
    if kind in ("int", "float"):
        number = values.cast(pl.Int64 if kind == "int" else pl.Float64)
        return number.cast(pl.Float64) if field.dtype == FLOAT64 else number
    if kind == "bool":
        return values.is_in(TRUE)
    return values.str.to_datetime(_FORMATS[kind][1], time_unit=np.datetime_data(field.dtype)[0])  # type: ignore[arg-type]  # a NumPy dtype


@functools.cache
def rounds_correctly() -> bool:
    """Whether pandas reads decimals as Python and the engine do; it did not before 3.1."""
    texts = [repr((7 * n + 1) / 3 ** (n % 40) * 10.0 ** (n % 61 - 30)) for n in range(500)]
    texts += [f"{text}1234567" for text in texts if "e" not in text]
    read = pd.read_csv(io.StringIO("\n".join(["x", *texts])))["x"].to_numpy()
    return bool((read == np.array([float(text) for text in texts])).all())


@functools.cache
def moment_dtype() -> Any:
    """The dtype of moments that pandas reads."""
    return pd.read_csv(io.StringIO("x\n2024-01-02\n"), parse_dates=["x"])["x"].dtype
