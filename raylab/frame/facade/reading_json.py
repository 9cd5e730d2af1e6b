"""``read_json``: JSON lines lazily where pandas' answer is certain, else by pandas."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.extensions import no_default

from raylab.frame import settings
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.dataframe import lazy_frame
from raylab.frame.facade.reading import COMPRESSED, is_small, native_or_pandas
from raylab.frame.facade.state import FrameState
from raylab.frame.plan.expressions import Column, Expr
from raylab.frame.plan.nodes import Scan
from raylab.frame.plan.schema import NotNative
from raylab.frame.sources.files import FileIdentity, Options, is_url, plain_path
from raylab.frame.sources.json_lines import PIECE_BYTES, open_json_lines

_PLAIN: dict[str, tuple[Any, ...]] = {
    "lines": (True,),
    "orient": (None, "records", "columns"),
    "dtype": (None, True),
    "convert_axes": (None, True),
    "encoding": (None, "utf-8", "utf8"),
    "compression": ("infer", None),
}
"""Values of arguments beside their defaults that change nothing about JSON lines."""


@functools.wraps(pd.read_json)
def read_json(path_or_buf: Any, **kwargs: Any) -> Any:
    """A frame of a JSON file; arguments as in pandas.

    With ``lines=True`` a file that is not smaller than a partition
    (``pd.options.raylab.target_partition_bytes``) becomes a lazy frame: the whole file is looked
    at once, in pieces, to infer its dtypes as pandas does; the data is read when it is needed. A
    smaller file is read by pandas. What pandas might read differently is read by pandas, and
    counted.

    Raises:
        ValueError: a line is no JSON, in pandas' words.
    """
    if is_small(path_or_buf):
        return adopt(pd.read_json(path_or_buf, **kwargs))
    return native_or_pandas(
        lambda: _native(path_or_buf, kwargs), "read_json", path_or_buf, **kwargs
    )


def _native(path: Any, given: dict[str, Any]) -> Any:
    text = plain_path(path)
    if text.lower().endswith(COMPRESSED):
        raise NotNative("a compressed file")
    _check_arguments(given)
    stored = Options(given.get("storage_options"))
    if stored.values and not is_url(text):
        raise NotNative("storage_options of a local file")
    file = FileIdentity.of(text if is_url(text) else str(Path(text).resolve()), stored)
    source = open_json_lines(file, min(PIECE_BYTES, settings.get("target_partition_bytes")))
    columns: dict[str, Expr] = {label: Column(label) for label in source.fields}
    return lazy_frame(FrameState(Scan(source, tuple(source.fields)), columns))


def _check_arguments(given: dict[str, Any]) -> None:
    """Refuses arguments that have no native form.

    Raises:
        NotNative: names one of them.
    """
    if given.get("lines") is not True:
        raise NotNative("a file of other than lines")
    parameters = _signature().parameters
    for name, value in given.items():
        if name not in parameters:
            raise NotNative("arguments that pandas refuses")
        plain = _PLAIN.get(name, (parameters[name].default,))
        same = any(value is v or (type(value) is type(v) and value == v) for v in plain)
        if not same and value is not no_default and name != "storage_options":
            raise NotNative(f"argument {name}")


@functools.cache
def _signature() -> inspect.Signature:
    return inspect.signature(pd.read_json)
