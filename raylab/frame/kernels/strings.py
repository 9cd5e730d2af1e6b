"""String methods. A missing string answers False to a question and stays missing otherwise."""

from __future__ import annotations

import polars as pl

from raylab.frame.kernels.patterns import translate
from raylab.frame.kernels.registry import Context, Operand, function, guarded
from raylab.frame.plan.functions import Params
from raylab.frame.plan.schema import BOOL, INT64, Field, NotNative

PYTHON_WHITESPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())


def _strings_only(field: Field) -> None:
    if field.kind != "str":
        raise NotNative(f"string methods of {field.dtype}")


def _text(fields: tuple[Field, ...], _: Params) -> Field:
    _strings_only(fields[0])
    return fields[0]


def _truth(fields: tuple[Field, ...], _: Params) -> Field:
    _strings_only(fields[0])
    return Field(BOOL, nullable=False)


def _truth_of_pattern(fields: tuple[Field, ...], params: Params) -> Field:
    if params.get("regex", True):
        translate(params["pattern"])
    return _truth(fields, params)


def _number(fields: tuple[Field, ...], _: Params) -> Field:
    _strings_only(fields[0])
    return Field(INT64, nullable=fields[0].may_miss, widens=fields[0].may_miss)


@function("str.contains", _truth_of_pattern)
def _contains(context: Context, text: Operand, *, pattern: str, regex: bool) -> pl.Expr:
    found = (
        text.expr.str.contains(translate(pattern))
        if regex
        else text.expr.str.contains(pattern, literal=True)
    )
    return guarded(context, found, text)


@function("str.match", _truth_of_pattern)
def _match(context: Context, text: Operand, *, pattern: str) -> pl.Expr:
    return guarded(context, text.expr.str.contains(rf"\A(?:{translate(pattern)})"), text)


@function("str.fullmatch", _truth_of_pattern)
def _fullmatch(context: Context, text: Operand, *, pattern: str) -> pl.Expr:
    return guarded(context, text.expr.str.contains(rf"\A(?:{translate(pattern)})\z"), text)


@function("str.startswith", _truth)
def _startswith(context: Context, text: Operand, *, affixes: tuple[str, ...]) -> pl.Expr:
    found = [text.expr.str.starts_with(affix) for affix in affixes]
    return guarded(context, pl.any_horizontal(found), text)


@function("str.endswith", _truth)
def _endswith(context: Context, text: Operand, *, affixes: tuple[str, ...]) -> pl.Expr:
    found = [text.expr.str.ends_with(affix) for affix in affixes]
    return guarded(context, pl.any_horizontal(found), text)


@function("str.len", _number)
def _len(_: Context, text: Operand) -> pl.Expr:
    return text.expr.str.len_chars().cast(pl.Int64)


@function("str.strip", _text)
def _strip(_: Context, text: Operand, *, side: str, characters: str | None) -> pl.Expr:
    namespace = text.expr.str
    method = {
        "both": namespace.strip_chars,
        "left": namespace.strip_chars_start,
        "right": namespace.strip_chars_end,
    }[side]
    return method(PYTHON_WHITESPACE if characters is None else characters)


@function("str.slice", _text)
def _slice(_: Context, text: Operand, *, start: int, length: int | None) -> pl.Expr:
    return text.expr.str.slice(start, length)


@function("str.replace", _text)
def _replace(_: Context, text: Operand, *, old: str, new: str) -> pl.Expr:
    """All occurrences of a plain substring."""
    return text.expr.str.replace_all(old, new, literal=True)
