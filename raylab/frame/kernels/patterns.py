"""Python regular expressions in Polars: a subset in which both engines agree."""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any

from raylab.frame.plan.schema import NotNative

# Python's own parser of patterns: private, and without type information.
sre: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

_LIMIT = 1000


@functools.lru_cache(maxsize=512)
def translate(pattern: str) -> str:
    r"""The pattern for the engine, with the same matches as in Python's ``re``.

    Literals, ``.``, classes of characters, ``\d``, groups, branches, repetition and the start
    anchor are written out anew from Python's own parse tree. Everything else (lookaround, back
    references, flags, ``\w``, ``\s``, ``\b``, whose meaning differs) is refused.

    Raises:
        NotNative: the pattern uses something outside of the subset, or is not a valid pattern.
    """
    if any(part in pattern for part in ("{,", "[:", "(?#")):
        raise NotNative(f"the pattern {pattern!r}, which pandas' engines read differently")
    try:
        parsed = parser.parse(pattern)
    except re.error as error:
        raise NotNative(f"the pattern {pattern!r}: {error}") from error
    if parsed.state.flags & ~re.UNICODE:
        raise NotNative(f"flags in the pattern {pattern!r}")
    return _sequence(parsed, pattern)


def _sequence(items: Any, pattern: str) -> str:
    return "".join(_item(op, argument, pattern) for op, argument in items)


def _item(op: Any, argument: Any, pattern: str) -> str:
    if op is sre.LITERAL:
        return _escape(argument)
    if op is sre.NOT_LITERAL:
        return f"[^{_escape(argument)}]"
    if op is sre.ANY:
        return "."
    if op is sre.IN:
        return _character_class(argument, pattern)
    if op is sre.BRANCH:
        return "(?:" + "|".join(_sequence(branch, pattern) for branch in argument[1]) + ")"
    if op is sre.SUBPATTERN:
        group, add_flags, remove_flags, inner = argument
        if not add_flags and not remove_flags:
            return ("(" if group is not None else "(?:") + _sequence(inner, pattern) + ")"
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return _repeat(op, argument, pattern)
    if op is sre.AT and argument in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
        return r"\A"
    if op is sre.AT and argument is sre.AT_END_STRING:
        return r"\z"
    raise NotNative(f"the pattern {pattern!r} ({str(op).lower()})")


def _repeat(op: Any, argument: Any, pattern: str) -> str:
    low, high, inner = argument
    if low > _LIMIT or (high is not sre.MAXREPEAT and high > _LIMIT):
        raise NotNative(f"a repetition beyond {_LIMIT} in the pattern {pattern!r}")
    bound = "" if high is sre.MAXREPEAT else str(high)
    lazy = "?" if op is sre.MIN_REPEAT else ""
    return f"(?:{_sequence(inner, pattern)}){{{low},{bound}}}{lazy}"


def _character_class(items: Any, pattern: str) -> str:
    parts = []
    for op, argument in items:
        if op is sre.NEGATE:
            parts.append("^")
        elif op is sre.LITERAL:
            parts.append(_escape(argument))
        elif op is sre.RANGE:
            parts.append(f"{_escape(argument[0])}-{_escape(argument[1])}")
        elif op is sre.CATEGORY and argument is sre.CATEGORY_DIGIT:
            parts.append(r"\d")
        else:
            raise NotNative(f"the pattern {pattern!r} ({str(argument).lower()})")
    return f"[{''.join(parts)}]"


def _escape(code: int) -> str:
    character = chr(code)
    return character if character.isalnum() and code < 128 else f"\\x{{{code:x}}}"
