"""The dtype that pandas gives a column of JSON lines, from what is seen in each piece of the file.

Pandas first types all values of a column together. Then it makes integers of floats that are all
whole, numbers of texts that are all numbers, floats of bools with gaps, and dates of what is named
like dates. Here each piece is typed by pandas, and a column is left to pandas where its pieces
together might become something else.
"""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from raylab.frame.plan.schema import BOOL, FLOAT64, HIDDEN, INT64, STR, Field, NotNative

_BEYOND_INT64 = 2.0**63


@dataclass(frozen=True)
class Seen:
    """What the values of a column are in one piece.

    Attributes:
        kind: of the values that are there; None where all are missing.
        missing: some are missing.
        kept: a text that is no number, or a float that is not whole: it keeps pandas from
            converting the whole column.
    """

    kind: Literal["int", "float", "bool", "text"] | None
    missing: bool = False
    kept: bool = False


def look(name: str, values: pd.Series) -> Seen:
    """Looks at a column of one piece, as pandas types it by itself.

    Raises:
        NotNative: its values are of several kinds, nested, or beyond int64; or dates by its name.
    """
    if _is_like_dates(name.lower()):
        raise NotNative(f"column {name!r}, which is named like dates")
    missing = values.isna()
    some = bool(missing.any())
    if missing.all():
        return Seen(None, missing=True)
    if values.dtype == STR:
        return Seen("text", some, kept=not _are_numbers(values))
    if values.dtype == INT64:
        return Seen("int")
    if values.dtype == FLOAT64:
        if not some and (values == _BEYOND_INT64).any():
            raise NotNative(f"column {name!r} with 2**63, which machines cast differently")
        return Seen("float", some, kept=not _are_whole(values))
    if values.dtype == BOOL or pd.api.types.infer_dtype(values, skipna=True) == "boolean":
        return Seen("bool", some)
    raise NotNative(f"column {name!r} with values of several kinds, nested or beyond int64")


def _are_numbers(values: pd.Series) -> bool:
    """Whether pandas makes floats of all these texts; it tries that with every column of text."""
    try:
        values.astype("float64")
    except (TypeError, ValueError):
        return False
    return True


def _are_whole(values: pd.Series) -> bool:
    """Whether pandas makes integers of all these floats."""
    try:
        return bool((values.astype("int64") == values).all())
    except (TypeError, ValueError, OverflowError):
        return False


def inferred(name: str, parts: list[Seen], pieces: int) -> Field:
    """The dtype of a column, after pandas' conversions of whole columns.

    Raises:
        NotNative: pandas might convert it in another way.
    """
    kinds = {part.kind for part in parts} - {None}
    missing = len(parts) < pieces or any(part.missing for part in parts)
    kept = any(part.kept for part in parts)
    if kinds == {"text"} and kept:
        return Field(STR, nullable=missing)
    if kinds == {"bool"} and not missing:
        return Field(BOOL, nullable=False)
    if kinds <= {"int", "float"} or kinds == {"bool"}:
        if missing or kept:
            return Field(FLOAT64, nullable=missing)
        if len(kinds) == 1:
            return Field(INT64, nullable=False)
    raise NotNative(f"column {name!r}, whose values might be read as another kind")


def _is_like_dates(name: str) -> bool:
    """Whether pandas tries to read a column of this name, in lower case, as dates."""
    return (
        name.endswith(("_at", "_time"))
        or name in ("modified", "date", "datetime")
        or name.startswith("timestamp")
    )


def check_labels(labels: list[str]) -> None:
    """Asks pandas, which makes numbers or dates of labels if all of them can be.

    Raises:
        NotNative: the labels do not stay as they are, or they are marks to the engine.
    """
    if any(label == "" or HIDDEN in label for label in labels):
        raise NotNative("labels that mean something to the engine")
    record = json.dumps(dict.fromkeys(labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = pd.read_json(io.StringIO(record), lines=True).columns
    if read.dtype != STR or list(read) != labels:
        raise NotNative("labels that pandas converts")
