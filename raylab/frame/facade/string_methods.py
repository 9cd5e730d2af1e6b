"""The breadth of ``.str``: methods of one string that run as pandas' own, batch by batch."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default
from pandas.core.strings.accessor import StringMethods

from raylab.frame import support
from raylab.frame.facade.base import install, native, state_of
from raylab.frame.facade.state import FrameState, SeriesState, same_labelled_rows
from raylab.frame.facade.strings import LazyStringMethods
from raylab.frame.kernels.batches import frozen
from raylab.frame.plan.expressions import Call, Expr, call
from raylab.frame.plan.schema import NotNative

_METHODS = (
    "capitalize",
    "casefold",
    "center",
    "contains",
    "count",
    "endswith",
    "find",
    "fullmatch",
    "get",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "islower",
    "isnumeric",
    "isspace",
    "istitle",
    "isupper",
    "ljust",
    "lstrip",
    "match",
    "normalize",
    "pad",
    "removeprefix",
    "removesuffix",
    "repeat",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rstrip",
    "slice",
    "slice_replace",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "wrap",
    "zfill",
)
"""Methods whose value depends on the one string, and whose dtype does not."""

_SPLITS = "str.split"


def is_split(state: SeriesState) -> bool:
    """True for a column of lists of strings, as ``str.split`` gives it."""
    return isinstance(state.expr, Call) and state.expr.function == _SPLITS


def _of_strings(text: SeriesState) -> None:
    if is_split(text):
        raise NotNative("string methods of lists")


def _declare(name: str) -> None:
    direct = support.NATIVE.get(("StringMethods", name))
    taken = frozenset(inspect.signature(direct).parameters) if direct else frozenset()

    def method(text: SeriesState, **arguments: Any) -> SeriesState:
        if is_split(text):
            return _of_lists(text, name, arguments)
        if direct is not None and frozenset(arguments) <= taken:
            try:
                result: SeriesState = direct(text, **arguments)
            except NotNative:
                pass  # the engine's own form does not do; pandas' does
            else:
                return result
        return _in_batches(text, name, arguments)

    setattr(method, "__signature__", inspect.signature(getattr(StringMethods, name)))  # noqa: B010  read by inspect
    native(StringMethods, name=name)(method)


def _in_batches(text: SeriesState, name: str, arguments: dict[str, Any]) -> SeriesState:
    given = {k: v for k, v in arguments.items() if v is not no_default}
    if not isinstance(given.get("na", False), bool):
        raise NotNative("argument na")
    expr = call("method", text.expr, accessor="str", name=name, arguments=frozen(given))
    return text.mapped(expr)


def _of_lists(text: SeriesState, name: str, arguments: dict[str, Any]) -> SeriesState:
    """``.str[i]`` and ``.str.get(i)`` of a split: the split itself is not needed."""
    position = arguments.get("i")
    if name != "get" or not isinstance(position, int) or isinstance(position, bool):
        raise NotNative("methods of lists")
    return _split_part(text, position)


def _split_part(text: SeriesState, position: int) -> SeriesState:
    split = text.expr
    assert isinstance(split, Call)  # noqa: S101  the callers looked
    part = Call("str.part", split.args, (*split.params, ("position", position)))
    return text.mapped(part)


for _name in _METHODS:
    _declare(_name)

_item = support.NATIVE["StringMethods", "__getitem__"]
_length = support.NATIVE["StringMethods", "len"]


@native(StringMethods)
def __getitem__(text: SeriesState, key: Any) -> SeriesState:
    if isinstance(key, int) and not isinstance(key, bool):
        if is_split(text):
            return _split_part(text, key)
        return _in_batches(text, "get", {"i": key})
    _of_strings(text)
    if isinstance(key, slice) and all(
        bound is None or isinstance(bound, int) for bound in (key.start, key.stop, key.step)
    ):
        bounds = {"start": key.start, "stop": key.stop, "step": key.step}
        return _in_batches(text, "slice", bounds) if _from_end(key) else _item(text, key)
    raise NotNative("a position in a string")


def _from_end(key: slice) -> bool:
    return key.step not in (None, 1) or any(b is not None and b < 0 for b in (key.start, key.stop))


@native(StringMethods, name="len")
def len_(text: SeriesState) -> SeriesState:
    if is_split(text):
        split = text.expr
        assert isinstance(split, Call)  # noqa: S101  is_split looked
        return text.mapped(Call("str.parts", split.args, split.params))
    result: SeriesState = _length(text)
    return result


@native(StringMethods)
def lower(text: SeriesState) -> SeriesState:
    _of_strings(text)
    if text.field.kind == "nullable":
        return _in_batches(text, "lower", {})
    return text.mapped(call("str.lower", text.expr))


@native(StringMethods)
def upper(text: SeriesState) -> SeriesState:
    _of_strings(text)
    if text.field.kind == "nullable":
        return _in_batches(text, "upper", {})
    return text.mapped(call("str.upper", text.expr))


def _declare_split(side: str) -> None:
    def split(text: SeriesState, **arguments: Any) -> SeriesState:
        _of_strings(text)
        if arguments.pop("expand", False):
            raise NotNative("columns whose number depends on data")
        given = frozen(arguments)
        getattr(pd.Series([], dtype="str").str, side)(**arguments)  # pandas words the errors
        return text.mapped(call(_SPLITS, text.expr, side=side, arguments=given))

    setattr(split, "__signature__", inspect.signature(getattr(StringMethods, side)))  # noqa: B010  read by inspect
    native(StringMethods, name=side)(split)


_declare_split("split")
_declare_split("rsplit")


@native(StringMethods)
def extract(text: SeriesState, pat: Any, flags: int = 0, expand: bool = True) -> Any:
    _of_strings(text)
    if not isinstance(pat, str) or not isinstance(flags, int):
        raise NotNative("a pattern that is no string")
    empty: Any = pd.Series([], dtype="str")
    pandas_result = empty.str.extract(pat, flags=flags, expand=expand)
    names = {number: name for name, number in re.compile(pat, flags).groupindex.items()}
    groups = re.compile(pat, flags).groups
    exprs = [
        call("str.extract", text.expr, pattern=pat, flags=int(flags), group=i)
        for i in range(groups)
    ]
    if isinstance(pandas_result, pd.Series):
        series = text.mapped(exprs[0])
        name = text.name if pandas_result.name is None else pandas_result.name
        _ = series.field  # refused now where the strings are stored in another way
        return SeriesState(series.rows, series.expr, name, series.index)
    if len(names) < groups:
        raise NotNative("groups without a name, whose columns are numbers")
    frame = FrameState(text.rows, {names[i + 1]: e for i, e in enumerate(exprs)}, text.index)
    _ = frame.fields
    return frame


@native(StringMethods)
def cat(text: SeriesState, others: Any = None, sep: Any = None, na_rep: Any = None) -> SeriesState:
    _of_strings(text)
    listed = [others] if isinstance(others, pd.Series) else others
    if not isinstance(listed, list) or not all(isinstance(o, pd.Series) for o in listed):
        raise NotNative("others that are no series")
    if not isinstance(sep, str | None) or not isinstance(na_rep, str | None):
        raise NotNative("argument sep or na_rep")
    exprs: list[Expr] = [text.expr]
    for other in listed:
        state = state_of(other)
        if not same_labelled_rows(state, text):
            raise NotNative("others with other rows or labels")
        exprs.append(state.expr)
    return text.mapped(call("str.cat", *exprs, sep=sep or "", na_rep=na_rep))


install(LazyStringMethods, StringMethods)
