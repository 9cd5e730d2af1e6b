"""One line of what ``raylab doctor`` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was seen, and whether it needs attention."""

    name: str
    seen: str
    advice: str = ""  # what to know or do; empty when all is well
    is_fault: bool = False  # training cannot work, or not as configured
