"""Lazy accessors and groupbys: pandas' classes whose own set-up waits until it is needed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any, Self

import pandas as pd

from raylab.frame import support
from raylab.frame.facade.adoption import ADOPTED, adopt, adopting
from raylab.frame.facade.following import Owner


def own_accessor(series: Any, name: str) -> Any:
    """Pandas' own accessor of a series, whose results are of raylab's classes."""
    accessor = vars(pd.Series)[name].__get__(series, type(series))
    if not isinstance(accessor, _Adopting):
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
    frame or series of the same state. Both follow the frame or series that the companion was made
    from, as pandas' do: what is changed there in place shows in what is computed afterwards.
    """

    @classmethod
    def _standing(
        cls,
        state: Any,
        set_up: Callable[[Any], Any],
        owner: Owner | None = None,
        like: Any = None,
    ) -> Self:
        """An object over a state.

        Args:
            state: for native methods.
            set_up: gives pandas' own object over a state, when it is needed.
            owner: what is followed; None for a companion whose rows are fixed.
            like: whose attrs its results get.
        """
        companion = object.__new__(cls)
        companion.__dict__.update(_lazy_state=state, _set_up=set_up, _owner=owner)
        companion.__dict__["_attrs"] = getattr(like, "__dict__", {}).get("_attrs")
        return companion

    def _state(self, operation: str = "") -> Any:
        """The state for native methods; None where pandas' own object is to answer."""
        own = self.__dict__
        state, owner = own.get("_lazy_state"), own.get("_owner")
        if owner is None or state is None:
            return state
        now = owner.now()
        if now is owner.seen:
            return state
        if now is None or "_set_up" not in own:
            return None
        return self._followed(state, now, operation)

    def _followed(self, state: Any, now: Any, operation: str) -> Any:
        """The state over what the owner has become; None where there is no native form."""
        return None

    def _use(self, operation: str, arguments: dict[str, Any]) -> None:
        """Takes note of a native operation that was done."""

    def _like(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Whose attrs a result gets."""
        return self

    def _as_set_up(self, set_up: Callable[[Any], Any]) -> Any:
        """Pandas' own object over what was seen."""
        return set_up(self.__dict__["_lazy_state"])

    def __getattribute__(self, name: str) -> Any:
        own: dict[str, Any] = object.__getattribute__(self, "__dict__")
        if "_set_up" in own:
            if not _is_lazy(type(self), name):
                set_up = own.pop("_set_up")
                operation = f"{type(self).__name__.removeprefix('Lazy')}.{name}"
                with support.falling_back(operation, "no native form"):
                    own.update(self._as_set_up(set_up).__dict__)
                if name in _DATA:
                    self._catch_up()
        elif name in _DATA:
            self._catch_up()
        return super().__getattribute__(name)

    def _catch_up(self) -> None:
        """Gives pandas' own object the owner in place of what was seen, once it was changed."""
        own = self.__dict__
        owner, before = own.get("_owner"), own.get("obj")
        if owner is None or before is None or before is owner.obj or not owner.changed():
            return
        own["obj"] = owner.obj
        kept = own.get("_cache", {})
        for name in [name for name in _DATA if kept.get(name) is before]:
            del kept[name]


class LazyAccessor(LazyCompanion):
    """An accessor of a series: ``.str``, ``.dt``, ``.cat``."""

    @classmethod
    def _of(cls, series: Any, name: str, state: Any) -> Self:
        """The accessor of a series with this state."""
        accessor = cls._standing(state, lambda _: own_accessor(series, name), Owner(series), series)
        accessor.__dict__["__frozen"] = True  # pandas refuses new attributes then
        return accessor

    def _followed(self, state: Any, now: Any, operation: str) -> Any:
        return now if now.field.dtype == state.field.dtype else None


_DATA = frozenset(("obj", "_selected_obj", "_obj_with_exclusions"))
"""Attributes by which pandas' code reaches the frame or series."""


def _is_lazy(face: type, name: str) -> bool:
    """True for what works without pandas' own set-up."""
    own = vars(face)
    return name.startswith("__") or name in _OWN or (name in own and own[name] not in ADOPTED)


_OWN = frozenset(
    (
        "_state",
        "_lazy_state",
        "_set_up",
        "_owner",
        "_followed",
        "_use",
        "_like",
        "_as_set_up",
        "_catch_up",
        "_of",
        "_known",
        "_delegate_property_get",
        "components",
        "codes",
        "categories",
        "ordered",
        "pipe",
    )
)
