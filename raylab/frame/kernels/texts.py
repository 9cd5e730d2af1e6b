"""String functions with two ways: the engine's where it is exact, else pandas' own per batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import polars as pl

from raylab.frame.kernels.batches import Arguments, each_batch, from_pandas, in_batches, to_pandas
from raylab.frame.kernels.registry import Context, Operand, function
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import FLOAT64, INT64, OBJECT, PIECES, STR, Field, NotNative


def _strings_only(fields: tuple[Field, ...]) -> None:
    if any(field.kind != "str" for field in fields):
        raise NotNative(f"string methods of {' and '.join(str(f.dtype) for f in fields)}")


def _text(fields: tuple[Field, ...], _: Params) -> Field:
    _strings_only(fields)
    return fields[0]


def _is_ascii(text: pl.Series) -> bool:
    return int(text.str.len_bytes().sum()) == int(text.str.len_chars().sum())


def _register_case(name: str, convert: Callable[[pl.Series], pl.Series]) -> None:
    @function(f"str.{name}", _text)
    def kernel(_: Context, text: Operand) -> pl.Expr:
        """The rules for other letters than ASCII's differ between Unicode libraries."""

        def run(values: pl.Series) -> pl.Series:
            if _is_ascii(values):
                return convert(values)
            return from_pandas(getattr(to_pandas(values, STR).str, name)(), STR)

        return each_batch(text.expr, run, pl.String())


_register_case("lower", lambda values: values.str.to_lowercase())
_register_case("upper", lambda values: values.str.to_uppercase())


def _lists(fields: tuple[Field, ...], _: Params) -> Field:
    _strings_only(fields)
    return Field(OBJECT)


def _pieces(values: Any, side: str, arguments: Arguments) -> Any:
    return getattr(values.str, side)(**dict(arguments))


@function("str.split", _lists)
def _split(_: Context, text: Operand, *, side: str, arguments: Arguments) -> pl.Expr:
    """Lists of the parts of each string."""

    def run(values: pl.Series) -> pl.Series:
        lists = _pieces(to_pandas(values, STR), side, arguments)
        found = [item if isinstance(item, list) else None for item in lists]
        pieces = pl.Series(PIECES, found, dtype=pl.List(pl.String))
        return pieces.to_frame().to_struct("")

    dtype = pl.Struct({PIECES: pl.List(pl.String)})
    return each_batch(text.expr, run, dtype)


def _part_result(fields: tuple[Field, ...], _: Params) -> Field:
    _strings_only(fields)
    return Field(OBJECT)  # pandas does not look into the lists


@function("str.part", _part_result)
def _part(_: Context, text: Operand, *, side: str, arguments: Arguments, position: int) -> pl.Expr:
    """One part of each split string; missing where there are fewer."""
    given = dict(arguments)
    literal = given.get("pat")
    plain = set(given) == {"pat"} and isinstance(literal, str) and len(literal) == 1
    if plain and position >= 0 and side == "split" and literal:
        return text.expr.str.split(literal).list.get(position, null_on_oob=True)

    def run(values: pl.Series) -> pl.Series:
        if values.null_count() == len(values):
            return pl.Series("", [None] * len(values), dtype=pl.String)
        parts = _pieces(to_pandas(values, STR), side, arguments).str.get(position)
        return from_pandas(parts.astype(STR), STR)

    return each_batch(text.expr, run, pl.String())


def _part_count(fields: tuple[Field, ...], _: Params) -> Field:
    _strings_only(fields)
    missing = fields[0].may_miss
    return Field(INT64, nullable=missing, widens=missing)


@function("str.parts", _part_count)
def _parts(context: Context, text: Operand, *, side: str, arguments: Arguments) -> pl.Expr:
    """The number of parts of each split string."""

    def run(values: Any) -> Any:
        if values.isna().all():
            return values.astype("float64")
        return _pieces(values, side, arguments).str.len()

    return in_batches(context, run, text)


def _group(fields: tuple[Field, ...], params: Params) -> Field:
    _strings_only(fields)
    re.compile(params["pattern"], params["flags"])
    return Field(STR)


@function("str.extract", _group)
def _extract(context: Context, text: Operand, *, pattern: str, flags: int, group: int) -> pl.Expr:
    """One group of the first match; missing where there is none."""
    return in_batches(
        context, lambda v: v.str.extract(pattern, flags=flags, expand=True).iloc[:, group], text
    )


def _joined(fields: tuple[Field, ...], params: Params) -> Field:
    _strings_only(fields)
    missing = any(f.may_miss for f in fields) and params["na_rep"] is None
    return replace(Field(STR), nullable=missing)


@function("str.cat", _joined)
def _cat(_: Context, *texts: Operand, sep: str, na_rep: str | None) -> pl.Expr:
    """Strings of one row after each other; a missing one makes the result missing."""
    parts = [t.expr if na_rep is None else t.expr.fill_null(na_rep) for t in texts]
    return pl.concat_str(parts, separator=sep)


def _kind_of_number(fields: tuple[Field, ...], _: Params) -> Field:
    _strings_only(fields)
    return Field(INT64, nullable=False)


@function("number_kind", _kind_of_number)
def _number_kind(_: Context, text: Operand, *, errors: Any) -> pl.Expr:
    """What pandas makes of the batch: 0 for int64, 1 for float64, 2 for others."""

    def run(values: pl.Series) -> pl.Series:
        found = str(pd.to_numeric(to_pandas(values, STR), errors=errors).dtype)
        kind = {"int64": 0, "float64": 1}.get(found, 2)
        return pl.Series("", [kind] * len(values), dtype=pl.Int64)

    return each_batch(text.expr, run, pl.Int64())


def _number(fields: tuple[Field, ...], params: Params) -> Field:
    _strings_only(fields)
    if params["whole"]:
        return Field(INT64, nullable=False)
    return Field(FLOAT64, nullable=True, nan=True)


@function("to_number", _number)
def _to_number(context: Context, text: Operand, *, errors: Any, whole: bool) -> pl.Expr:
    """The numbers that strings stand for."""
    del whole  # only the dtype tells
    return in_batches(context, lambda v: pd.to_numeric(v, errors=errors), text)
