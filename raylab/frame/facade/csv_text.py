"""The text of CSV rows by the engine, where it has the bytes of pandas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from raylab.frame.facade.state import FrameState, Levels, RangeSpec, dtype_of
from raylab.frame.plan.nodes import Node
from raylab.frame.plan.schema import BOOL, FLOAT64, STR, Dtype, kind_of

_ALIKE_FROM, _ALIKE_BELOW = 1e-4, 1e16
"""Floats of this size are written alike; others have exponents, which Python writes."""

_TAKEN = frozenset(
    ("index", "sep", "header", "columns", "compression", "encoding", "mode", "chunksize")
)


@dataclass(frozen=True, slots=True)
class CsvText:
    """How the rows of a node become lines.

    Attributes:
        separator: between fields.
        dtypes: of the columns that are written, by their name in the node, in order.
        numbers: the start and step of a RangeIndex that is written before them.
    """

    separator: str
    dtypes: tuple[tuple[str, Dtype], ...]
    numbers: tuple[int, int] | None

    def lines(self, rows: pl.DataFrame, first: int) -> str | None:
        """The lines of rows that begin at a number; None where only pandas knows their bytes."""
        columns = []
        if self.numbers is not None:
            start, step = self.numbers
            begin = start + first * step
            numbers = pl.int_range(begin, begin + rows.height * step, step, eager=True)
            columns.append(numbers.alias("0"))
        for name, dtype in self.dtypes:
            text = _text(rows[name], dtype)
            if text is None:
                return None
            columns.append(text.alias(str(len(columns))))
        frame = pl.DataFrame(columns)
        lines: str = frame.write_csv(include_header=False, separator=self.separator)
        return lines


def csv_text(
    state: FrameState, node: Node, levels: tuple[str, ...], arguments: dict[str, Any]
) -> CsvText | None:
    """How a frame is written, if the engine can write it.

    Args:
        state: the frame.
        node: the plan of its value.
        levels: the names of its index levels in the node.
        arguments: of ``to_csv``.
    """
    separator = arguments.get("sep", ",")
    if not set(arguments) <= _TAKEN or not isinstance(separator, str) or len(separator) != 1:
        return None
    if not separator.isascii() or separator in '"\r\n' or separator.isalnum():
        return None
    with_index = arguments.get("index", True)
    numbers = None
    names = list(state.columns)
    if with_index and isinstance(state.index, RangeSpec):
        numbers = (state.index.start, state.index.step)
    elif with_index and isinstance(state.index, Levels):
        names = [*levels, *names]
    if separator in ".+-" or len(names) + (numbers is not None) < 2:
        return None
    dtypes = tuple((name, dtype_of(node.schema[name])) for name in names)
    if not all(_is_written(dtype) for _, dtype in dtypes):
        return None
    return CsvText(separator, dtypes, numbers)


def _is_written(dtype: Dtype) -> bool:
    return dtype in (BOOL, FLOAT64, STR) or kind_of(dtype) == "int"


def _text(values: pl.Series, dtype: Dtype) -> pl.Series | None:
    if dtype == STR:
        if values.str.contains("\r", literal=True).any():
            return None  # whether it is quoted depends on the version of Python
        return values.set(values == "", None)
    if dtype == BOOL:
        return values.cast(pl.String).replace_strict({"true": "True", "false": "False"})
    return _decimals(values) if dtype == FLOAT64 else values


def _decimals(values: pl.Series) -> pl.Series:
    numbers = values.cast(pl.Float64).fill_nan(None)
    text = numbers.cast(pl.String)
    size = numbers.abs()
    odd = ~(((size >= _ALIKE_FROM) & (size < _ALIKE_BELOW)) | (size == 0))
    places = odd.fill_null(value=False).arg_true()
    if not len(places):
        return text
    return text.scatter(places, [repr(number) for number in numbers.gather(places)])
