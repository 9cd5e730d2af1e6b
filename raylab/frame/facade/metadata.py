"""Whose ``attrs`` a result gets: the rules of pandas' ``__finalize__``."""

from __future__ import annotations

from typing import Any

import pandas as pd

OPERATORS: set[str] = set()
"""Methods of operators, as ``add``."""

_WITHOUT = frozenset(("value_counts", "pivot", "unstack", "get_dummies", "crosstab"))
_JOINS = frozenset(("merge", "join"))


def giver(operation: str, obj: Any, arguments: dict[str, Any]) -> Any:
    """The object whose attrs the result of an operation of another gets; None for no attrs."""
    if operation in _WITHOUT:
        return None
    if operation in _JOINS:
        others = [v for v in arguments.values() if isinstance(v, pd.DataFrame | pd.Series)]
        return obj if all(other.attrs == obj.attrs for other in others) else None
    if operation in OPERATORS:
        return later(obj, arguments.get("other"))
    return obj


def later(one: Any, other: Any) -> Any:
    """The second operand, where it has attrs."""
    return other if getattr(other, "attrs", None) else one
