"""Warnings of pandas name the user's line, not the wrapper around pandas' method.

pandas looks for the first caller outside of its own folder and keeps that folder as a prefix of
file names. ``str.startswith`` takes several prefixes: with the folder of ``raylab.frame`` as a
second one its wrappers count as pandas' own code, at no cost per call. The few warnings with a
fixed distance to the user are raised here.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default
from pandas.errors import ChainedAssignmentError

_exceptions: Any = importlib.import_module("pandas.util._exceptions")
_constants: Any = importlib.import_module("pandas.compat._constants")
_common: Any = importlib.import_module("pandas.core.common")
_texts: Any = importlib.import_module("pandas.errors.cow")

CHAINED_METHODS = frozenset(
    ("fillna", "ffill", "bfill", "replace", "interpolate", "clip", "where", "mask")
)
"""Methods whose ``inplace=True`` on a temporary object changes nothing; pandas says so."""

LEAST_REFERENCES = _constants.REF_COUNT_METHOD
"""``sys.getrefcount`` of an object on which a method is called and that nothing else holds."""

LEAST_REFERENCES_SET = _constants.REF_COUNT
"""The same in ``__setitem__``."""

_FRAME = str(Path(__file__).resolve().parents[1]) + os.sep


def count_as_pandas() -> bool:
    """Makes pandas skip raylab's frames, too; False where this pandas looks in another way."""
    if not hasattr(_exceptions, "_pkg_dir"):
        return False
    own = str(Path(pd.__file__).parent) + os.sep
    _exceptions._pkg_dir = (own, _FRAME)
    _exceptions._test_dir = str(Path(own, "tests")) + os.sep
    return True


def warn_of_inplace(owner: str, method: str, inplace: Any) -> Any:
    """The value of an argument ``inplace`` whose use is deprecated, with pandas' warning.

    pandas checks afterwards that it is a bool.
    """
    if inplace is no_default:
        return False
    changes: Any = pd.errors
    warnings.warn(
        f"The inplace keyword in {owner}.{method} is deprecated and will be removed in a future "
        "version (PDEP-8).\nSee https://pandas.pydata.org/docs/dev/whatsnew/v3.1.0.html"
        "#deprecation-inplace for more details.",
        changes.Pandas4Warning,
        stacklevel=_exceptions.find_stack_level(),
    )
    return inplace


def warn_of_chained_method(obj: Any) -> None:
    """Pandas' warning that a method changes a temporary object, unless the caller holds it.

    To be called by the method itself, which has counted the references: a call deeper there is
    one more.
    """
    if not _is_held_by_user(obj):
        text = _texts._chained_assignment_method_msg
        warnings.warn(text, ChainedAssignmentError, stacklevel=_exceptions.find_stack_level())


def warn_of_chained_assignment(obj: Any) -> None:
    """The same for ``obj[key] = value``."""
    if not _is_held_by_user(obj) and _is_assignment():
        text = _texts._chained_assignment_msg
        warnings.warn(text, ChainedAssignmentError, stacklevel=_exceptions.find_stack_level())


def _is_held_by_user(obj: Any) -> bool:
    frame = sys._getframe(3)
    return any(value is obj for value in frame.f_locals.values())


def _is_assignment() -> bool:
    """Whether the user's frame is at ``obj[key] = value``, and not Cython code below it."""
    opcodes = getattr(_common, "_SETITEM_OPCODES", None)
    frame = sys._getframe(3)
    return opcodes is None or frame.f_code.co_code[frame.f_lasti] in opcodes


count_as_pandas()
