"""pandas 3 on a lazy plan: ``import raylab.frame as pd``.

Every public name of pandas is here: native, or pandas' own on raylab's classes.
"""

from __future__ import annotations

from raylab.frame.pausing import resume as _resume

# isort: split
import sys as _sys
from types import FunctionType as _FunctionType
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

import pandas as _pandas

import raylab.frame.settings as _settings  # noqa: F401  registers the options
from raylab.frame.facade.adoption import adopting as _adopting
from raylab.frame.facade.adoption import looking_further as _looking_further
from raylab.frame.facade.asof import merge_asof
from raylab.frame.facade.concatenation import concat
from raylab.frame.facade.encoding import crosstab, cut, get_dummies, qcut
from raylab.frame.facade.interchange import (
    from_arrow,
    from_pandas,
    from_polars,
    from_ray_dataset,
)
from raylab.frame.facade.parsing import to_datetime, to_numeric
from raylab.frame.facade.reading import read_feather, read_parquet
from raylab.frame.facade.reading_csv import read_csv
from raylab.frame.facade.reading_json import read_json
from raylab.frame.facade.reading_sql import read_sql, read_sql_query
from raylab.frame.facade.toplevel import (
    clear_cache,
    fallback_report,
    merge,
)
from raylab.frame.support import FallbackWarning

if _TYPE_CHECKING:
    # Methods are annotated as in pandas' stubs, which know only pandas' own classes.
    from pandas import DataFrame, Series
else:
    from raylab.frame.facade.faces import DataFrame, Series

__all__ = [  # noqa: PLE0604  the rest is pandas' own list
    *_pandas.__all__,  # type: ignore[attr-defined]  # the stubs leave it out
    "DataFrame",
    "FallbackWarning",
    "Series",
    "clear_cache",
    "concat",
    "crosstab",
    "cut",
    "fallback_report",
    "from_arrow",
    "from_pandas",
    "from_polars",
    "from_ray_dataset",
    "get_dummies",
    "merge",
    "merge_asof",
    "qcut",
    "read_csv",
    "read_feather",
    "read_json",
    "read_parquet",
    "read_sql",
    "read_sql_query",
    "to_datetime",
    "to_numeric",
]

_PLAIN = frozenset(("get_option", "set_option", "reset_option", "describe_option", "test"))


def _export() -> None:
    """Fills the module with pandas' names; functions that give frames give raylab's."""
    own = globals()
    for name in _pandas.__all__:  # type: ignore[attr-defined]  # the stubs leave it out
        value = getattr(_pandas, name)
        if name not in own:
            wraps = isinstance(value, _FunctionType) and name not in _PLAIN
            own[name] = _adopting(value) if wraps else value
    own["eval"] = _adopting(_looking_further(_pandas.eval))
    for name in ("api", "arrays", "errors", "io", "plotting", "testing", "tseries"):
        # So that `import raylab.frame.testing` and `from raylab.frame.api import ...` work, too.
        _sys.modules[f"{__name__}.{name}"] = getattr(_pandas, name)


def __getattr__(name: str) -> _Any:
    """Names that pandas has beside its public list (``core``, ``compat``, ``util``)."""
    return getattr(_pandas, name)


_export()
_resume()
