"""What a groupby or windows were made from, and whether it was changed since.

pandas' companions of a frame (``groupby``, ``rolling``, ``.str``) read the frame when they compute,
not when they are made: they follow it. A lazy companion keeps an ``Owner`` to do the same.
"""

from __future__ import annotations

import weakref
from typing import Any


class Owner:
    """The frame or series that a companion was made from.

    Attributes:
        obj: the frame or series itself.
        seen: its state when the companion was made.
    """

    def __init__(self, obj: Any) -> None:
        self.obj = obj
        self.seen: Any = _state_now(obj)
        self._held: Any = None
        if "_lazy" in obj.__dict__:
            obj.__dict__.setdefault("_followers", weakref.WeakSet()).add(self)

    def now(self) -> Any:
        """The state now: ``seen`` itself while nothing was changed; None for no native form."""
        state = _state_now(self.obj)
        if state is self.seen or state is None:
            return state
        if "_lazy" in self.obj.__dict__:
            return state
        before = self.seen if self._held is None else self._held
        same = state.rows is before.rows and _name(state) == _name(before)
        return self.seen if same else state

    def changed(self) -> bool:
        """Whether the data or its labels are others than those seen."""
        return self.now() is not self.seen

    def hold(self, state: Any) -> None:
        """Keeps in mind, when a lazy object computes its data, that this changes nothing."""
        if state is self.seen:
            self._held = _state_now(self.obj)


def computed(obj: Any, state: Any) -> None:
    """Tells those who follow a lazy object that its state was computed."""
    for owner in obj.__dict__.pop("_followers", ()):
        owner.hold(state)


def _state_now(obj: Any) -> Any:
    lazy = obj._plan()
    return obj._state_in_memory() if lazy is None else lazy


def _name(state: Any) -> Any:
    return getattr(state, "name", None)
