"""The machinery of the face: lazy objects, native methods, triggers and fallbacks.

A lazy object holds a state (``facade.state``) instead of data; pandas' code reaches the data only
through ``_mgr``, which computes it. A native method is a function from states to a state, declared
by ``@native``; the method that users call decides between it and pandas' own.
"""

from __future__ import annotations

import copy
import functools
import inspect
import threading
from collections.abc import Callable
from sys import getrefcount
from typing import Any, ClassVar, TypeVar

import pandas as pd
from pandas.api.extensions import no_default
from pandas.api.types import is_scalar

from raylab.errors import ExecutionError, MemoryBudgetError
from raylab.frame import settings, sites, support
from raylab.frame.facade.adoption import adopt, adopt_results, looking_further
from raylab.frame.facade.following import computed
from raylab.frame.facade.metadata import giver
from raylab.frame.facade.pending import held
from raylab.frame.facade.warning_sites import (
    CHAINED_METHODS,
    LEAST_REFERENCES,
    warn_of_chained_method,
    warn_of_inplace,
)
from raylab.frame.plan.schema import NotNative, UnknownLabel

Native = TypeVar("Native", bound=Callable[..., Any])


class LazyClass(type):
    """Lets objects of pandas' own classes pass for lazy ones.

    Functions of rows and groups are given pandas' own: what they ask by ``isinstance(x, pd.Series)``
    has pandas' answer. A class derived from a lazy one has only its own instances.
    """

    def __instancecheck__(cls, instance: Any) -> bool:
        stands_for: Any = cls.__dict__.get("_stands_for", ())
        return type.__instancecheck__(cls, instance) or isinstance(instance, stands_for)


class LazyObject:
    """What lazy frames and series share: the block manager that is computed when it is touched.

    The instance dictionary holds ``_real`` (pandas' block manager) or ``_lazy`` (a state), never
    both for longer than a moment, and ``_origin``: for data in memory, a weak reference to the
    plan node over it, so that changing the data copies nothing unless something lazy needs it.
    ``_guard`` lets one thread compute while others wait, ``_computed`` says that the data was lazy.
    """

    _internal_names: ClassVar[list[str]] = [
        *pd.DataFrame._internal_names,
        "_real",
        "_lazy",
        "_origin",
        "_guard",
        "_computed",
        "_followers",
        "_shown",
    ]
    _internal_names_set: ClassVar[set[str]] = pd.DataFrame._internal_names_set | {*_internal_names}

    @property
    def _mgr(self) -> Any:
        try:
            return self.__dict__["_real"]
        except KeyError:
            return self._materialise()

    @_mgr.setter
    def _mgr(self, manager: Any) -> None:
        self.__dict__["_real"] = manager
        self.__dict__.pop("_lazy", None)

    def _materialise(self) -> Any:
        """Computes the data and drops the plan; never lets an AttributeError out."""
        if "_lazy" not in self.__dict__ and "_real" not in self.__dict__:
            raise AttributeError("_mgr")  # an object under construction, as in pandas
        with self.__dict__.setdefault("_guard", threading.RLock()):
            if "_real" in self.__dict__:
                return self.__dict__["_real"]
            try:
                with support.materialising() as set_rows:
                    manager = self._compute(self._plan())
                    self._keep_labels(manager)
                    set_rows(len(manager.axes[-1]))
            except AttributeError as error:
                raise ExecutionError(f"computing a lazy {type(self).__name__}: {error}") from error
            self.__dict__["_real"] = manager
            self.__dict__["_computed"] = True
            state = self.__dict__.pop("_lazy", None)
            computed(self, state)
            return manager

    def _plan(self) -> Any:
        """The state while nothing is computed, with the names given to its labels; else None."""
        lazy = self.__dict__.get("_lazy")
        shown = self.__dict__.get("_shown")
        if lazy is None or shown is None or shown.state is not lazy:
            return lazy
        named = self.__dict__["_lazy"] = shown.named()
        return named

    def _keep_labels(self, manager: Any) -> None:
        """Puts the labels that were handed out into the computed data."""
        shown = self.__dict__.pop("_shown", None)
        if shown is None or shown.state is not self.__dict__["_lazy"]:
            return
        if shown.columns is not None:
            manager.axes[0] = shown.columns
        if shown.index is not None:
            manager.axes[-1] = shown.index

    def _check_inplace_deprecation(self, inplace: Any, method: str) -> Any:
        """The argument ``inplace``, with pandas' warning at the user's line."""
        return warn_of_inplace(type(self).__name__, method, inplace)

    def _compute(self, state: Any) -> Any:
        """The block manager of a state."""
        raise NotImplementedError

    def _state(self, operation: str = "") -> Any:
        """The state for native methods; None where pandas itself is to run."""
        lazy = self._plan()
        if lazy is not None:
            return lazy
        manager = self.__dict__.get("_real")
        if manager is None or len(manager.axes[-1]) < settings.get("lazy_threshold_rows"):
            return None
        return self._state_in_memory()

    def _state_in_memory(self) -> Any:
        """The state over data in memory; None where it cannot be held natively."""
        raise NotImplementedError


def check_budget(nbytes: int) -> None:
    """Refuses to turn a result into pandas memory beyond the budget.

    Raises:
        MemoryBudgetError: it says the size, the budget and what to do.
    """
    budget = settings.get("memory_budget")
    if budget is not None and nbytes > budget:
        raise MemoryBudgetError(
            f"the result has about {nbytes:,} bytes, pd.options.raylab.memory_budget allows "
            f"{budget:,}. Filter or aggregate first, take head(), or raise the budget."
        )


def become(obj: Any, state: Any, *, like: Any = None) -> Any:
    """Makes a bare instance the lazy object of a state, with the metadata of another."""
    attrs = None if like is None else like.__dict__.get("_attrs")
    obj.__dict__["_lazy"] = state
    object.__setattr__(obj, "_attrs", copy.deepcopy(attrs) if attrs else {})
    object.__setattr__(obj, "_flags", pd.Flags(obj, allows_duplicate_labels=True))
    held(obj)
    return obj


WRAPPERS: dict[type, Callable[..., Any]] = {}
"""From the class of a state to the function that makes its face."""


def wrap(result: Any, like: Any = None) -> Any:
    """The face of a state; any other value is the result itself. Faces get the attrs of another."""
    wrapper = WRAPPERS.get(type(result))
    if wrapper is not None:
        return wrapper(result, like)
    attrs = getattr(like, "__dict__", {}).get("_attrs")
    if attrs and isinstance(result, LazyObject) and result is not like:
        result.attrs = copy.deepcopy(attrs)
    return result


def native(*owners: type, name: str | None = None) -> Callable[[Native], Native]:
    """Declares the native form of a pandas method, of the same name unless one is given.

    The function takes the state of the object and the arguments that it supports, under pandas'
    names; it returns a state or a plain value, or raises NotNative. An argument that it does not
    take falls back unless it has pandas' default value.
    """

    def register(implementation: Native) -> Native:
        for owner in owners:
            support.NATIVE[owner.__name__, name or implementation.__name__] = implementation
        return implementation

    return register


def install(face: type, owner: type, forms: type | None = None) -> None:
    """Gives a face the methods that are declared native for its pandas class, or for another."""
    declared = (forms or owner).__name__
    for (owner_name, name), implementation in support.NATIVE.items():
        if owner_name == declared:
            setattr(face, name, _method(owner, name, implementation))
    if not issubclass(face, LazyObject):
        face.__name__ = face.__qualname__ = owner.__name__  # which shows in texts of pandas
        adopt_results(face, owner)


def _method(owner: type, name: str, implementation: Callable[..., Any]) -> Callable[..., Any]:
    """The method that users call: native where it can be, else pandas' own."""
    base = _scoped(owner, name)
    chained = name in CHAINED_METHODS
    follows = not issubclass(owner, pd.DataFrame | pd.Series)
    taken, takes_rest = _taken(implementation)
    signature = functools.cache(lambda: inspect.signature(base))

    @functools.wraps(base)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(type(self), "_state"):
            return base(self, *args, **kwargs)  # `apply(pd.Series.sum)` hands over pandas' own
        if chained and kwargs.get("inplace") is True and getrefcount(self) <= LEAST_REFERENCES:
            warn_of_chained_method(self)
        state = self._state(name)
        if state is None:
            return adopt(base(self, *args, **kwargs))
        try:
            bound = signature().bind(self, *args, **kwargs)
        except TypeError:
            return adopt(base(self, *args, **kwargs))  # pandas words the error
        arguments = dict(list(bound.arguments.items())[1:])
        given_inplace = arguments.pop("inplace", no_default)
        inplace = given_inplace is True
        try:
            given = _supported(arguments, signature(), taken, takes_rest)
            result = implementation(state, **given)
            _check_inplace(given_inplace, state, result)
        except NotNative as reason:
            if isinstance(reason, UnknownLabel):
                raise_as_pandas(base, self, args, kwargs)
            with support.falling_back(f"{owner.__name__}.{name}", str(reason)):
                return adopt(base(self, *args, **kwargs))
        if name == "astype":
            sites.remember(f"{owner.__name__}.astype", *_expressions(result))
        elif (expr := getattr(result, "expr", None)) is not None:
            sites.remember(name, expr)
        if given_inplace is not no_default and _default(signature(), "inplace") is no_default:
            self._check_inplace_deprecation(given_inplace, name)
        if inplace:
            self.__dict__.pop("_real", None)
            self.__dict__["_lazy"] = result
            if isinstance(self, pd.Series):
                object.__setattr__(self, "_name", result.name)
            return self if chained else None
        if follows:
            self._use(name, given)
            return wrap(result, self._like(name, given))
        return wrap(result, giver(name, self, given))

    return method


def _check_inplace(inplace: Any, state: Any, result: Any) -> None:
    """Leaves to pandas what it refuses: no bool, or a result of another class than the object."""
    plain = inplace is no_default or isinstance(inplace, bool)
    if not plain or (inplace is True and type(result) is not type(state)):
        raise NotNative("argument inplace")


def _taken(implementation: Any) -> tuple[tuple[str, ...], bool]:
    """The arguments behind the state, and whether any others are taken, too.

    From the code where it tells: ``inspect.signature`` of all methods is felt at import.
    """
    if hasattr(implementation, "__signature__") or hasattr(implementation, "__wrapped__"):
        parameters = inspect.signature(implementation).parameters
        rest = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        return tuple(parameters)[1:], rest
    code = implementation.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names[1:], bool(code.co_flags & inspect.CO_VARKEYWORDS)


def _expressions(state: Any) -> list[Any]:
    return [state.expr] if hasattr(state, "expr") else list(state.columns.values())


EMPTY: dict[type, Callable[[Any], Any]] = {}
"""From the class of a state to the function that makes pandas' object of it, without rows."""


def raise_as_pandas(base: Callable[..., Any], self: Any, args: Any, kwargs: Any) -> None:
    """Raises the KeyError of a pandas method, which it words over objects without rows.

    Nothing is computed; where the method raises no KeyError, it is to run over the rows.
    """

    def without_rows(value: Any) -> Any:
        state = value._plan() if isinstance(value, LazyObject) else None
        state = state or getattr(value, "__dict__", {}).get("_lazy_state")
        make = EMPTY.get(type(state))
        return value if make is None else make(state)

    given = [without_rows(value) for value in args]
    named = {name: without_rows(value) for name, value in kwargs.items()}
    try:
        base(without_rows(self), *given, **named)
    except KeyError:
        raise
    except Exception:  # noqa: BLE001  over the rows it may be another one, or none
        return


def _default(signature: inspect.Signature, name: str) -> Any:
    return signature.parameters[name].default


_SCOPED = frozenset(("query", "eval"))


def _scoped(owner: type, name: str) -> Callable[..., Any]:
    """Pandas' own method; where it looks up variables of its caller, behind two more frames."""
    base: Callable[..., Any] = getattr(owner, name)
    return looking_further(base) if name in _SCOPED else base


def _is_flag(parameter: inspect.Parameter) -> bool:
    """Whether True and False are all that pandas takes: `indicator: str | bool` is none."""
    return isinstance(parameter.default, bool) and "str" not in str(parameter.annotation)


def _is_only_flag(parameter: inspect.Parameter) -> bool:
    """Whether lists of flags are refused, too: `ascending` takes them."""
    return str(parameter.annotation) in ("bool", "bool_t")


def _supported(
    arguments: dict[str, Any],
    signature: inspect.Signature,
    taken: tuple[str, ...],
    takes_rest: bool,
) -> dict[str, Any]:
    """The arguments for the native form.

    Raises:
        NotNative: one that it does not take differs from pandas' default.
    """
    given: dict[str, Any] = {}
    for name, value in arguments.items():
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_KEYWORD:
            for key, item in value.items():
                if key not in taken and not takes_rest:
                    raise NotNative(f"argument {key}")
                given[key] = item
        elif name in taken:
            other = type(value) is not bool and (is_scalar(value) or _is_only_flag(parameter))
            if _is_flag(parameter) and other:
                raise NotNative(f"argument {name} that is no bool")
            given[name] = value
        elif parameter.kind is parameter.VAR_POSITIONAL:
            if value:
                raise NotNative(f"argument {name}")
        elif not _is_default(value, parameter.default):
            raise NotNative(f"argument {name}")
    return given


def _is_default(value: Any, default: Any) -> bool:
    if value is default or value is no_default:
        return True
    return type(value) is type(default) and isinstance(value, bool | int | str) and value == default


def state_of(value: Any) -> Any:
    """The state of another frame or series that takes part in a native operation.

    Data in memory takes part whatever its size.

    Raises:
        NotNative: it is not one of raylab's classes, or cannot be held natively.
    """
    if isinstance(value, pd.DataFrame | pd.Series) and not isinstance(value, LazyObject):
        value = adopt(value)
    if not isinstance(value, LazyObject):
        raise NotNative(f"an argument of type {type(value).__name__}")
    state = value._plan() or value._state_in_memory()
    if state is None:
        raise NotNative("data that has no native form")
    return state
