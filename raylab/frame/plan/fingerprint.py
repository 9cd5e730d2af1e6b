"""Structural identity: two plans with the same fingerprint have the same value."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from typing import Any

_tokens = itertools.count()


def new_token() -> str:
    """A name that no other object of this process has: the identity of data held in memory."""
    return f"memory:{next(_tokens)}"


def fingerprint_of(value: Any) -> str:
    """The identity of a plan value: of its type and, recursively, of what it consists of.

    Objects with a ``fingerprint`` of their own (nodes, expressions, sources) answer for
    themselves; their answer is cached, so that a deep plan is hashed once per node.
    """
    if type(value) is str:
        return f"str:{value!r}"
    if isinstance(value, tuple):
        return f"({','.join([fingerprint_of(item) for item in value])})"
    own = getattr(value, "fingerprint", None)
    if own is not None:
        return str(own)
    return f"{type(value).__name__}:{value!r}"


def structural_fingerprint(instance: Any) -> str:
    """The fingerprint of a dataclass: a hash of its class and its fields."""
    parts = [type(instance).__name__]
    parts += [fingerprint_of(getattr(instance, name)) for name in field_names(type(instance))]
    return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()


_FIELDS: dict[type, tuple[str, ...]] = {}


def field_names(kind: type) -> tuple[str, ...]:
    """The names of the fields of a dataclass; planning asks for them thousands of times."""
    names = _FIELDS.get(kind)
    if names is None:
        names = _FIELDS[kind] = tuple(f.name for f in dataclasses.fields(kind))
    return names
