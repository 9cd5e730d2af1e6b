"""The ``.str`` accessor."""

from __future__ import annotations

import builtins
from typing import Any

from pandas.api.extensions import no_default
from pandas.core.strings.accessor import StringMethods

from raylab.frame.facade.accessors import LazyAccessor
from raylab.frame.facade.base import install, native
from raylab.frame.facade.state import SeriesState
from raylab.frame.plan.expressions import call
from raylab.frame.plan.schema import NotNative


class LazyStringMethods(LazyAccessor, StringMethods):
    """pandas' string methods over a lazy series."""

    @classmethod
    def over(cls, series: Any, state: SeriesState) -> LazyStringMethods:
        """The accessor of a series."""
        return cls._of(series, "str", state)


def _pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise NotNative(f"a pattern of type {type(value).__name__}")
    return value


def _no_missing_answer(na: Any) -> None:
    if na is not no_default and na is not False:
        raise NotNative("argument na")


@native(StringMethods)
def contains(
    text: SeriesState,
    pat: Any,
    case: bool = True,
    flags: int = 0,
    na: Any = no_default,
    regex: bool = True,
) -> SeriesState:
    _no_missing_answer(na)
    if not case or flags:
        raise NotNative("argument case or flags")
    return text.mapped(call("str.contains", text.expr, pattern=_pattern(pat), regex=bool(regex)))


@native(StringMethods)
def match(text: SeriesState, pat: Any, na: Any = no_default) -> SeriesState:
    _no_missing_answer(na)
    return text.mapped(call("str.match", text.expr, pattern=_pattern(pat)))


@native(StringMethods)
def fullmatch(text: SeriesState, pat: Any, na: Any = no_default) -> SeriesState:
    _no_missing_answer(na)
    return text.mapped(call("str.fullmatch", text.expr, pattern=_pattern(pat)))


def _affixes(pat: Any) -> tuple[str, ...]:
    affixes = pat if isinstance(pat, tuple) else (pat,)
    if not affixes or not all(isinstance(affix, str) for affix in affixes):
        raise NotNative("an affix that is not a string")
    return affixes


@native(StringMethods)
def startswith(text: SeriesState, pat: Any, na: Any = no_default) -> SeriesState:
    _no_missing_answer(na)
    return text.mapped(call("str.startswith", text.expr, affixes=_affixes(pat)))


@native(StringMethods)
def endswith(text: SeriesState, pat: Any, na: Any = no_default) -> SeriesState:
    _no_missing_answer(na)
    return text.mapped(call("str.endswith", text.expr, affixes=_affixes(pat)))


@native(StringMethods, name="len")
def len_(text: SeriesState) -> SeriesState:
    if text.field.kind == "nullable":
        return text.mapped(call("method", text.expr, accessor="str", name="len", arguments=()))
    return text.mapped(call("str.len", text.expr))


def _stripped(text: SeriesState, side: str, to_strip: Any) -> SeriesState:
    if to_strip is not None and not isinstance(to_strip, str):
        raise NotNative("argument to_strip")
    return text.mapped(call("str.strip", text.expr, side=side, characters=to_strip))


@native(StringMethods)
def strip(text: SeriesState, to_strip: Any = None) -> SeriesState:
    return _stripped(text, "both", to_strip)


@native(StringMethods)
def lstrip(text: SeriesState, to_strip: Any = None) -> SeriesState:
    return _stripped(text, "left", to_strip)


@native(StringMethods)
def rstrip(text: SeriesState, to_strip: Any = None) -> SeriesState:
    return _stripped(text, "right", to_strip)


@native(StringMethods, name="slice")
def slice_(text: SeriesState, start: Any = None, stop: Any = None) -> SeriesState:
    first = 0 if start is None else start
    if not isinstance(first, int) or (stop is not None and not isinstance(stop, int)):
        raise NotNative("slice bounds other than integers")
    if stop is not None and (first < 0 or stop < 0):
        raise NotNative("negative slice bounds")
    length = None if stop is None else max(stop - first, 0)
    return text.mapped(call("str.slice", text.expr, start=first, length=length))


@native(StringMethods)
def __getitem__(text: SeriesState, key: Any) -> SeriesState:
    if not isinstance(key, builtins.slice) or key.step not in (None, 1):
        raise NotNative("a position in a string")
    return slice_(text, key.start, key.stop)


@native(StringMethods)
def replace(text: SeriesState, pat: Any, repl: Any = None, regex: bool = False) -> SeriesState:
    if regex or not isinstance(repl, str) or not _pattern(pat):
        raise NotNative("a replacement other than of a plain substring")
    return text.mapped(call("str.replace", text.expr, old=pat, new=repl))


install(LazyStringMethods, StringMethods)
