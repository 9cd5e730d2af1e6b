"""Why a test of pandas fails with another module in pandas' place: a few classes."""

from __future__ import annotations

import re

_INTROSPECTION = re.compile(
    r"\._mgr\b|\.blocks\b|\._block|\._item_cache|_is_view\b|_consolidat|\._get_axis|__dict__"
    r"|weakref|getrefcount|\._values\b|\._cache\b|\._references"
)
_IDENTITY = re.compile(
    r"shares_memory|may_share_memory|get_array|\.base\b"
    r"|\bis (not )?(?!not\b|True\b|False\b|None\b)"
)
_TYPE = re.compile(
    r"isinstance|\btype\(|Expected type|classes are (not|different)|_constructor|issubclass|__class__"
)
_ATTRIBUTE = re.compile(
    r'^Attributes of .* are different|Attribute "(dtype|names?|inferred_type|freq|attrs)"'
)


def cause_of(kind: str, message: str, statement: str, *, late: bool = False) -> str:
    """The class of a failure.

    ``value`` is the residue of failed assertions: a wrong answer is never filed elsewhere
    because its message is unusual.

    Args:
        kind: name of the exception's type.
        message: text of the exception.
        statement: the line of the test at which it left the test.
        late: the error that the test waits for came when the lazy result was computed.
    """
    if kind == "Failed":
        if message.startswith("Timeout"):
            return "timeout"
        if message.startswith("DID NOT RAISE"):
            return "error raised when computed" if late else "error not raised"
        return "failed"
    if kind.endswith("Warning") or "unexpected warning" in message:
        return "warning"
    if message.startswith(("Did not see expected warning", "Warning not set with correct")):
        return "warning"
    if _INTROSPECTION.search(statement):
        return "introspection"
    if kind != "AssertionError":
        return f"exception {kind}"
    if "Regex pattern did not match" in message or "Expected regex" in message:
        return "error message"
    if _TYPE.search(statement) or _TYPE.search(message[:200]):
        return "type"
    if _ATTRIBUTE.search(message) and "values are different" not in message:
        return "attribute"
    if " are different" in message:
        return "value"
    if _IDENTITY.search(statement) and "==" not in statement:
        return "identity"
    return "value"
