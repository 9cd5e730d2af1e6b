"""Compare two answers of one query: exact but for floats, which may differ by 1e-6 relatively.

Needs only pandas 2 or 3 and NumPy, so that peers can use it in environments of their own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

TOLERANCE = 1e-6


def normalise(answer: pd.DataFrame) -> pd.DataFrame:
    """A frame's columns as float64, int64, datetime64[us] or str, with a fresh index."""
    columns = {name: _normalise_column(answer[name]) for name in answer.columns}
    return pd.DataFrame(columns)


def _normalise_column(column: pd.Series) -> pd.Series:
    values = pd.Series(column.to_numpy(), name=column.name)
    if values.dtype == object:
        values = values.infer_objects()
    if values.dtype.kind in "iub":
        return values.astype("int64")
    if values.dtype.kind == "f":
        return values.astype("float64")
    if values.dtype.kind == "M" or pd.api.types.infer_dtype(values) == "date":
        return pd.to_datetime(values).astype("datetime64[us]")
    if pd.api.types.infer_dtype(values) == "decimal":
        return values.astype("float64")
    return values.astype("str")


def difference(answer: pd.DataFrame, expected: pd.DataFrame) -> str | None:
    """What is wrong with an answer, or None when it is right.

    Columns, row order, integers, dates and strings must be equal; floats may differ by
    ``TOLERANCE`` relative to the expected value.
    """
    got, want = normalise(answer), normalise(expected)
    if list(got.columns) != list(want.columns):
        return f"columns {list(got.columns)}, expected {list(want.columns)}"
    if len(got) != len(want):
        return f"{len(got)} rows, expected {len(want)}"
    for name in want.columns:
        left, right = got[name], want[name]
        if "f" in (left.dtype.kind, right.dtype.kind):
            same = np.isclose(
                left.astype("float64"),
                right.astype("float64"),
                rtol=TOLERANCE,
                atol=0,
                equal_nan=True,
            )
        else:
            same = (left == right).to_numpy()
        if not same.all():
            row = int(np.argmin(same))
            return f"{name}[{row}] is {left.iloc[row]!r}, expected {right.iloc[row]!r}"
    return None
