"""Exceptions of Python code inside the engine: brought out as they were raised.

The engine wraps them in errors of its own, or makes new ones of the same type with a longer
message. So a number travels through it, and the exception waits here.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import TypeVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")

_MOST = 100
"""Exceptions that wait: of partitions that failed at the same time only one is asked for."""
_numbers = itertools.count()
_waiting: dict[int, Exception] = {}
_NUMBER = re.compile(r"raylab exception (\d+)")


def carrying(run: Callable[[Argument], Result]) -> Callable[[Argument], Result]:
    """The function, whose exceptions pass through the engine."""

    def carried(argument: Argument) -> Result:
        try:
            return run(argument)
        except Exception as error:
            number = next(_numbers)
            _waiting[number] = error
            for old in [key for key in list(_waiting) if key <= number - _MOST]:
                _waiting.pop(old, None)
            raise RuntimeError(f"raylab exception {number}") from error

    return carried


def taken_out(error: BaseException) -> Exception | None:
    """The exception that an error of the engine stands for; None when it is the engine's own."""
    found = _NUMBER.search(str(error))
    return None if found is None else _waiting.pop(int(found[1]), None)
