"""Frozen dataclasses to JSON and back, every field checked; errors name it and the near match."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from raylab.errors import ConfigError

T = TypeVar("T")

_KIND = "kind"  # which dataclass of a union an object is


def to_json(value: Any) -> Any:
    """Return a dataclass as what JSON can hold; a dataclass carries its name as ``kind``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {_KIND: type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return value


def from_json(cls: type[T], content: Any, where: str = "") -> T:
    """Build a dataclass from :func:`to_json`'s result; absent fields take their defaults.

    Args:
        cls: the dataclass.
        content: a parsed JSON object.
        where: dotted name of the object, for errors.

    Raises:
        ConfigError: an unknown field or a value of the wrong type; names both and the near match.
    """
    if not isinstance(content, dict):
        raise ConfigError(f"{where or cls.__name__}={content!r} must be an object.")
    hints = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]  # cls is a dataclass
    values = {}
    for name, value in content.items():
        if name == _KIND and _KIND not in fields:
            continue
        path = f"{where}.{name}" if where else name
        if name not in fields:
            raise ConfigError(f"{path} is no field of {cls.__name__}; {_near(name, list(fields))}")
        values[name] = _decode(hints[name], value, path)
    missing = [
        name
        for name, field in fields.items()
        if name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where or cls.__name__} lacks {', '.join(missing)}.")
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}" if where else str(error)) from error


def _decode(hint: Any, value: Any, path: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _decode_union(arguments, value, path)
    if origin is Literal:
        if value not in arguments:
            names = [str(argument) for argument in arguments]
            raise ConfigError(f"{path}={value!r} is unknown; {_near(str(value), names)}")
        return value
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return from_json(hint, value, path)
    if origin is tuple and isinstance(value, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_decode(arguments[0], v, f"{path}[{i}]") for i, v in enumerate(value))
        if len(arguments) == len(value):
            pairs = zip(arguments, value, strict=True)
            return tuple(_decode(a, v, f"{path}[{i}]") for i, (a, v) in enumerate(pairs))
    if origin is dict and isinstance(value, dict):
        return {key: _decode(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    if hint is type(None) and value is None:
        return None
    raise ConfigError(f"{path}={value!r} must be {_describe(hint)}.")


def _decode_union(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    classes = {
        choice.__name__: choice
        for choice in choices
        if isinstance(choice, type) and dataclasses.is_dataclass(choice)
    }
    if isinstance(value, dict) and classes:
        kind = value.get(_KIND)
        if kind is None and len(classes) == 1:
            kind = next(iter(classes))
        if kind not in classes:
            raise ConfigError(f"{path}.{_KIND}={kind!r} is unknown; {_near(str(kind), classes)}")
        return from_json(classes[kind], value, path)
    # The exact type first: in `int | float`, 1 stays an int.
    for choice in sorted(choices, key=lambda c: type(value) is not c):
        try:
            return _decode(choice, value, path)
        except ConfigError:
            continue
    names = " or ".join(_describe(choice) for choice in choices)
    raise ConfigError(f"{path}={value!r} must be {names}.")


def _describe(hint: Any) -> str:
    if hint is type(None):
        return "null"
    if dataclasses.is_dataclass(hint) or get_origin(hint) is dict:
        return "an object"
    if get_origin(hint) is tuple:
        return "a list"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(hint, str(hint))


def _near(name: str, names: Any) -> str:
    known = list(names)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
