"""Plan values as text for people."""

from __future__ import annotations

from typing import Any

from raylab.frame.plan.expressions import (
    AggregateCall,
    Call,
    Column,
    Expr,
    Literal,
    Membership,
    Over,
)
from raylab.frame.plan.schema import HIDDEN


def show(value: Any) -> str:
    """Plan values for people: expressions as calls, hidden names without their mark."""
    match value:
        case Column(name):
            return show(name)
        case Literal(constant):
            return repr(constant)
        case Call(function, args, params):
            inner = [show(a) for a in args] + [f"{k}={show(v)}" for k, v in params]
            return f"{function}({', '.join(inner)})"
        case Over(function, arg):
            return f"{function}_over({show(arg)})"
        case Membership(arg, _):
            return f"is_member({show(arg)})"
        case AggregateCall(function, arg, _):
            return f"{function}({show(arg)})"
        case tuple():
            if (
                len(value) == 2
                and isinstance(value[0], str)
                and isinstance(value[1], Expr | AggregateCall)
            ):
                name, inner_text = show(value[0]), show(value[1])
                return name if name == inner_text else f"{name}: {inner_text}"
            return f"[{', '.join(show(v) for v in value)}]"
        case str():
            return value.replace(HIDDEN, "~")
        case _:
            return repr(value)
