"""``read_csv``: lazy where it is certain that pandas' answer comes out, else by pandas."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
import pandas as pd
from pandas._libs.parsers import (  # type: ignore[import-not-found]  # not in the stubs
    STR_NA_VALUES,
)
from pandas.api.extensions import no_default
from pandas.api.types import pandas_dtype

from raylab.frame import settings
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.dataframe import lazy_frame
from raylab.frame.facade.reading import COMPRESSED, is_small, native_or_pandas
from raylab.frame.facade.state import FrameState, IndexSpec, Levels, RangeSpec
from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.nodes import Scan
from raylab.frame.plan.schema import BOOL, FLOAT64, INT64, OBJECT, STR, NotNative
from raylab.frame.sources.csv import PIECE_BYTES, CsvOptions, index_names, open_csv
from raylab.frame.sources.files import (
    FileIdentity,
    Options,
    is_url,
    local_names,
    plain_path,
    remote_names,
)

_TAKEN = {
    "sep",
    "delimiter",
    "header",
    "names",
    "index_col",
    "usecols",
    "dtype",
    "skiprows",
    "nrows",
    "na_values",
    "parse_dates",
    "low_memory",
    "storage_options",
}
_PLAIN: dict[str, tuple[Any, ...]] = {
    "engine": (None, "c"),
    "encoding": (None, "utf-8", "utf8"),
    "compression": ("infer", None),
    "keep_default_na": (True,),
    "on_bad_lines": ("error",),
}
"""Values of other arguments beside their defaults that change nothing."""


@functools.wraps(pd.read_csv)
def read_csv(filepath_or_buffer: Any, *args: Any, **kwargs: Any) -> Any:
    """A frame of a CSV file, with pandas' dtypes; arguments as in pandas.

    A file smaller than a partition (``pd.options.raylab.target_partition_bytes``) is read by
    pandas. A larger one becomes a lazy frame: the whole file is looked at once, in pieces, to infer
    its dtypes as pandas does; the data is read when it is needed. What pandas might read
    differently is read by pandas, and counted.

    Raises:
        pandas.errors.ParserError: a line has too many fields; names the line and the file.
    """
    try:
        if is_small(filepath_or_buffer):
            return adopt(pd.read_csv(filepath_or_buffer, *args, **kwargs))
        return native_or_pandas(
            lambda: _native(filepath_or_buffer, *args, **kwargs),
            "read_csv",
            filepath_or_buffer,
            *args,
            **kwargs,
        )
    except pd.errors.ParserError as error:
        if isinstance(filepath_or_buffer, str) or hasattr(filepath_or_buffer, "__fspath__"):
            raise pd.errors.ParserError(
                f"{str(error).strip()} (in {filepath_or_buffer})"
            ) from error
        raise


def _native(path: Any, *args: Any, **kwargs: Any) -> Any:
    text = plain_path(path)
    if text.endswith(COMPRESSED):
        raise NotNative("a compressed file")
    given = _arguments(path, *args, **kwargs)
    options = _options(given)
    stored = Options(given.get("storage_options"))
    names = remote_names(text, stored) if is_url(text) else local_names(text)
    if len(names) > 1:
        raise NotNative("a pattern for several files")
    file = FileIdentity.of(names[0], stored)
    source = open_csv(file, options, min(PIECE_BYTES, settings.get("target_partition_bytes")))
    scan = Scan(source, tuple(source.places))
    index, levels = _index(given.get("index_col"), source, options)
    columns: dict[str, Expr] = {
        label: Column(label) for label in source.places if label not in levels
    }
    return lazy_frame(FrameState(scan, columns, index))


def _arguments(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """The arguments that differ from pandas' defaults.

    Raises:
        NotNative: one of them has no native form.
    """
    signature = _signature()
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise NotNative("arguments that pandas refuses") from error
    given: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        default = signature.parameters[name].default
        if value is default or value is no_default:
            continue
        if type(value) is type(default) and isinstance(value, str | bool) and value == default:
            continue
        if name in _PLAIN and any(value is v or value == v for v in _PLAIN[name]):
            continue
        if name not in _TAKEN:
            raise NotNative(f"argument {name}")
        given[name] = value
    return given


@functools.cache
def _signature() -> inspect.Signature:
    return inspect.signature(pd.read_csv)


def _options(given: dict[str, Any]) -> CsvOptions:
    names = given.get("names")
    header = given.get("header", "infer")
    if header == "infer":
        header = 0 if names is None else None
    separator = given.get("delimiter", given.get("sep", ","))
    if not isinstance(separator, str) or len(separator) != 1 or separator in '"\n\r\\':
        raise NotNative("a separator other than one character")
    if not separator.isascii():
        raise NotNative("a separator beyond ASCII")
    usecols = _list_of_str("usecols", given.get("usecols"))
    if names is not None:
        names = _list_of_str("names", names)
        if usecols is not None:
            raise NotNative("names together with usecols")
    return CsvOptions(
        separator,
        None if header is None else _count("header", header),
        names,
        _count("skiprows", given.get("skiprows", 0) or 0),
        None if given.get("nrows") is None else _count("nrows", given["nrows"]),
        _missing(given.get("na_values")),
        usecols,
        _wanted(given.get("dtype"), given.get("parse_dates")),
        bool(given.get("low_memory", True)),
    )


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise NotNative(f"argument {name} of type {type(value).__name__}")
    return int(value)


def _list_of_str(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(type(item) is str for item in value):
        raise NotNative(f"argument {name} other than a list of labels")
    if len(set(value)) < len(value) or not value:
        raise NotNative(f"argument {name} with equal labels or none")
    return tuple(value)


def _missing(na_values: Any) -> tuple[str, ...]:
    more = [na_values] if isinstance(na_values, str) else na_values or []
    if not isinstance(more, list | tuple | set) or not all(type(item) is str for item in more):
        raise NotNative("argument na_values other than texts")
    for item in more:
        try:
            number = float(item)
        except ValueError:
            continue
        if number == number:
            raise NotNative("argument na_values with numbers")
    return tuple(sorted({*STR_NA_VALUES, *more}))


def _wanted(dtype: Any, parse_dates: Any) -> tuple[tuple[str | None, str], ...]:
    wanted: dict[str | None, str] = {}
    if isinstance(dtype, dict):
        if not all(type(label) is str for label in dtype):
            raise NotNative("argument dtype by other labels than texts")
        wanted = {label: _kind(kind) for label, kind in dtype.items()}
    elif dtype is not None:
        wanted = {None: _kind(dtype)}
    if parse_dates not in (None, False):
        for label in _list_of_str("parse_dates", parse_dates) or ():
            if label in wanted or None in wanted:
                raise NotNative("a dtype of a column of dates")
            wanted[label] = "moments"
    return tuple(wanted.items())


def _kind(dtype: Any) -> str:
    kinds = {INT64: "int", FLOAT64: "float", BOOL: "bool", STR: "text"}
    try:
        return kinds[pandas_dtype(dtype)]
    except (KeyError, TypeError) as error:
        raise NotNative(f"argument dtype with {dtype!r}") from error


def _index(index_col: Any, source: Any, options: CsvOptions) -> tuple[IndexSpec, list[str]]:
    """The index, and the columns that it takes."""
    if index_col is None:
        return RangeSpec(), []
    asked = index_col if isinstance(index_col, list | tuple) else [index_col]
    labels = list(source.places)
    levels: list[str] = []
    for item in asked:
        if type(item) is int and options.usecols is None and 0 <= item < len(labels):
            levels.append(labels[item])
        elif type(item) is str and item in labels:
            levels.append(item)
        else:
            raise NotNative("argument index_col other than labels and positions")
    if any(source.fields[level].dtype == OBJECT for level in levels):
        raise NotNative("a level of bools with missing values")
    if len(set(levels)) < len(levels) or len(levels) == len(labels) or None in dict(options.wanted):
        raise NotNative("equal levels, or no columns beside the index")
    arguments = {
        "sep": options.separator,
        "header": options.header,
        "names": None if options.names is None else list(options.names),
        "skiprows": options.skiprows,
        "usecols": None if options.usecols is None else list(options.usecols),
        "index_col": index_col,
    }
    columns, names = index_names(source.file, arguments)
    if columns != [label for label in labels if label not in levels]:
        raise NotNative("an index that pandas places otherwise")
    return Levels(tuple(Column(level) for level in levels), tuple(names)), levels
