"""Compare two answers of one query: exact but for floats, which may differ by 1e-6 relatively.

Needs only pandas 2 or 3 and NumPy, so that peers can use it in environments of their own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

TOLERANCE = 1e-6
TIE = 1e-12
"""Floats of neighbouring rows that differ by less, relatively, are sums of equal decimals."""


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


def _tied_runs(answer: pd.DataFrame) -> np.ndarray:
    """For each row the number of its run of neighbours whose floats are all tied."""
    floats = answer.select_dtypes("float64").to_numpy()
    if not floats.size:
        return np.arange(len(answer))
    tied = np.isclose(floats[1:], floats[:-1], rtol=TIE, atol=0, equal_nan=True).all(axis=1)
    return np.concatenate([[0], np.cumsum(~tied)])


def _ordered_in_runs(answer: pd.DataFrame, keys: list[str], runs: np.ndarray) -> pd.DataFrame:
    """The rows sorted by some columns, within their runs."""
    places = [pd.factorize(answer[key], sort=True)[0] for key in reversed(keys)]
    order = np.lexsort([*places, runs])
    return answer.iloc[order].reset_index(drop=True)


def difference(answer: pd.DataFrame, expected: pd.DataFrame) -> str | None:
    """What is wrong with an answer, or None when it is right.

    Columns, row order, integers, dates and strings must be equal; floats may differ by
    ``TOLERANCE`` relative to the expected value. Neighbouring rows whose floats are tied may stand
    in any order: the text of the query leaves it open, or rounding decides.
    """
    got, want = normalise(answer), normalise(expected)
    if list(got.columns) != list(want.columns):
        return f"columns {list(got.columns)}, expected {list(want.columns)}"
    if len(got) != len(want):
        return f"{len(got)} rows, expected {len(want)}"
    runs = _tied_runs(want)
    others = list(want.select_dtypes(exclude="float64").columns)
    got, want = (_ordered_in_runs(one, others, runs) for one in (got, want))
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
