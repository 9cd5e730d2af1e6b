"""Lazy accessors and groupbys: pandas' classes whose own set-up waits until it is needed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any, Self

import pandas as pd

from raylab.frame import support
from raylab.frame.facade.adoption import adopt, adopting


def own_accessor(series: Any, name: str) -> Any:
    """Pandas' own accessor of a series, whose results are of raylab's classes."""
    accessor = vars(pd.Series)[name].__get__(series, type(series))
    if name != "str" and not isinstance(accessor, _Adopting):  # that one asks its series
        owner: Any = type(accessor)
        accessor.__class__ = _adopting_class(owner)
    return accessor


class _Adopting:
    """An accessor that names pandas' classes in its code; its results become raylab's."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name.startswith("_"):
            return value
        return adopting(value) if isinstance(value, MethodType) else adopt(value)


@functools.cache
def _adopting_class(owner: Any) -> type:
    members: dict[str, Any] = {}
    if hasattr(owner, "__getitem__"):
        item = owner.__getitem__
        members["__getitem__"] = lambda self, key: adopt(item(self, key))
    return type(owner.__name__, (_Adopting, owner), members)


class LazyCompanion:
    """An object of a pandas class (``.str``, ``.dt``, a groupby) that stands over a state.

    Native methods use the state. Any other attribute first sets up pandas' own object, from a
    frame or series of the same state: later changes of the original do not reach it.
    """

    @classmethod
    def _standing(cls, state: Any, set_up: Callable[[], Any]) -> Self:
        """An object over a state.

        Args:
            state: for native methods.
            set_up: gives pandas' own object, when it is needed.
        """
        companion = object.__new__(cls)
        companion.__dict__["_lazy_state"] = state
        companion.__dict__["_set_up"] = set_up
        return companion

    def _state(self) -> Any:
        return self.__dict__.get("_lazy_state")

    def __getattribute__(self, name: str) -> Any:
        own: dict[str, Any] = object.__getattribute__(self, "__dict__")
        if "_set_up" in own and not _is_lazy(type(self), name):
            set_up = own.pop("_set_up")
            operation = f"{type(self).__name__.removeprefix('Lazy')}.{name}"
            with support.falling_back(operation, "no native form"):
                own.update(set_up().__dict__)
        return super().__getattribute__(name)


def _is_lazy(face: type, name: str) -> bool:
    """True for what works without pandas' own set-up."""
    return name.startswith("__") or name in _OWN or name in vars(face)


_OWN = frozenset(
    (
        "_state",
        "_lazy_state",
        "_set_up",
        "_delegate_property_get",
        "components",
        "codes",
        "categories",
        "ordered",
        "pipe",
    )
)
