"""What the configurations of algorithms check alike: each raises a ConfigError that names the field."""

from __future__ import annotations

import math
from typing import Any

from raylab.errors import ConfigError


def check(config: object, name: str, holds: bool, must: str) -> None:
    """Raise unless a field holds what it must."""
    if not holds:
        raise ConfigError(f"{name}={getattr(config, name)!r} must be {must}.")


def at_least_one(config: object, *names: str) -> None:
    """Counts."""
    for name in names:
        check(config, name, getattr(config, name) >= 1, "at least 1")


def between_0_and_1(config: object, *names: str) -> None:
    """Discounts and probabilities."""
    for name in names:
        check(config, name, 0.0 <= getattr(config, name) <= 1.0, "between 0 and 1")


def positive(config: object, *names: str, or_none: bool = False) -> None:
    """Rates and limits."""
    for name in names:
        value = getattr(config, name)
        holds = or_none if value is None else 0.0 < value < math.inf
        check(config, name, holds, "positive and finite" + (", or None" if or_none else ""))


def not_negative(config: object, *names: str) -> None:
    """Weights of a loss."""
    for name in names:
        check(config, name, 0.0 <= getattr(config, name) < math.inf, "finite, from 0 on")


def one_of(config: object, name: str, *choices: str) -> None:
    """Names."""
    listed = ", ".join(choices[:-1]) + f" or {choices[-1]}"
    check(config, name, getattr(config, name) in choices, listed)


def rewards_and_precision(config: Any) -> None:
    """What every algorithm has: ``reward_clipping`` and ``precision``, and some: normalisation."""
    one_of(config, "reward_clipping", "none", "sign")
    one_of(config, "precision", "auto", "float32", "bfloat16")
    if getattr(config, "normalize_rewards", False) and config.reward_clipping != "none":
        raise ConfigError(
            f"normalize_rewards=True scales rewards, of which reward_clipping="
            f"{config.reward_clipping!r} leaves the sign; choose one, or reward_clipping='none'."
        )
