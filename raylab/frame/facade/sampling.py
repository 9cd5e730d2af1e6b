"""Rows drawn at random, and small frames turned over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.core import common
from pandas.core import sample as sampling

from raylab.frame.execution import engine
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import native
from raylab.frame.facade.dataframe import compute_frame
from raylab.frame.facade.positions import rows_at
from raylab.frame.facade.state import FrameState, RangeSpec
from raylab.frame.plan.schema import NotNative

_MOST_COLUMNS = 10_000


@native(pd.DataFrame, pd.Series)
def sample(
    state: Any,
    n: Any = None,
    frac: Any = None,
    replace: bool = False,
    random_state: Any = None,
    axis: Any = None,
    ignore_index: bool = False,
) -> Any:
    if axis not in (None, 0, "index"):
        raise NotNative("argument axis")
    height = engine.count_rows(state.rows)
    own: Any = common
    generator = own.random_state(random_state)
    size = sampling.process_sampling_size(n, frac, replace)
    if size is None:
        size = round(frac * height)
    places = sampling.sample(height, size, replace, None, generator)
    return _with_index(rows_at(state, places), ignore_index=ignore_index)


def _with_index(state: Any, *, ignore_index: bool) -> Any:
    return replace(state, index=RangeSpec()) if ignore_index else state


@native(pd.DataFrame)
def transpose(frame: FrameState) -> Any:
    if engine.count_rows(frame.rows) > _MOST_COLUMNS:
        raise NotNative(f"more than {_MOST_COLUMNS} rows as columns")
    return adopt(compute_frame(frame).T)
