"""Functions of the module: reading, combining, and conversions from other libraries."""

from __future__ import annotations

from typing import Any

import pandas as pd

from raylab.frame import support
from raylab.frame.execution.cache import CACHE
from raylab.frame.execution.uses import USES
from raylab.frame.facade.adoption import adopt
from raylab.frame.facade.base import LazyObject
from raylab.frame.facade.dataframe import DataFrame


def merge(left: Any, right: Any, *args: Any, **kwargs: Any) -> Any:
    """As ``pandas.merge``; native where ``DataFrame.merge`` is."""
    if isinstance(left, LazyObject) and isinstance(left, pd.DataFrame):
        return left.merge(right, *args, **kwargs)
    return adopt(pd.merge(left, right, *args, **kwargs))


def fallback_report() -> DataFrame:
    """What fell back to pandas: the operation, the reason, the place, how often and the cost.

    >>> import raylab.frame as pd
    >>> list(pd.fallback_report().columns)
    ['operation', 'reason', 'site', 'count', 'rows', 'seconds']
    """
    names = ["operation", "reason", "site", "count", "rows", "seconds"]
    data = [[getattr(entry, name) for name in names] for entry in support.fallbacks()]
    report = DataFrame(data, columns=names)
    return report.sort_values("seconds", ascending=False, ignore_index=True)


def clear_cache() -> None:
    """Forgets all kept results.

    >>> import raylab.frame as pd
    >>> pd.clear_cache()
    """
    CACHE.clear()
    USES.clear()
