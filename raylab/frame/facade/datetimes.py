"""The ``.dt`` accessor."""

from __future__ import annotations

from typing import Any

from pandas.core.indexes.accessors import DatetimeProperties

from raylab.frame.facade.accessors import LazyCompanion, own_accessor
from raylab.frame.facade.base import install, native, wrap
from raylab.frame.facade.state import SeriesState
from raylab.frame.plan.expressions import call
from raylab.frame.plan.functions import FUNCTIONS
from raylab.frame.plan.schema import NotNative

_ALIASES = {"day_of_week": "dayofweek", "weekday": "dayofweek", "day_of_year": "dayofyear"}


class LazyDatetimeProperties(LazyCompanion, DatetimeProperties):
    """pandas' datetime properties over a lazy series."""

    def _delegate_property_get(self, name: str) -> Any:
        state: SeriesState | None = self._state()
        function = f"dt.{_ALIASES.get(name, name)}"
        if state is not None and function in FUNCTIONS:
            try:
                return wrap(state.mapped(call(function, state.expr)))
            except NotNative:
                pass
        return super()._delegate_property_get(name)


def datetime_properties(series: Any, state: SeriesState) -> LazyDatetimeProperties:
    """The accessor of a series."""
    return LazyDatetimeProperties.standing(state, lambda: own_accessor(series, "dt"))


@native(DatetimeProperties)
def normalize(moments: SeriesState) -> SeriesState:
    return moments.mapped(call("dt.normalize", moments.expr))


install(LazyDatetimeProperties, DatetimeProperties)
