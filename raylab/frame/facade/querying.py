"""``query`` and ``eval``: the part of pandas' expressions that are operators of columns."""

from __future__ import annotations

import ast
import io
import operator
import tokenize
from collections.abc import Callable
from typing import Any

import pandas as pd
from pandas.api.types import is_list_like, is_scalar

from raylab.frame import support
from raylab.frame.facade.base import LazyObject, native, state_of, wrap
from raylab.frame.facade.selection import filtered, predicate_of, set_column
from raylab.frame.facade.state import FrameState
from raylab.frame.plan.schema import NotNative

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_LOCAL = "__local_"


def evaluate(frame: FrameState, text: str) -> tuple[str | None, Any]:
    """The value of an expression over a frame's columns, and the label it is assigned to.

    Raises:
        NotNative: it uses more than operators, comparisons, ``in``, logic, columns and ``@names``.
    """
    try:
        tree = ast.parse(_plain(text.strip()), mode="exec")
    except SyntaxError as error:
        raise NotNative("an expression that is not Python's") from error
    if len(tree.body) != 1:
        raise NotNative("several expressions")
    statement = tree.body[0]
    visit = _Evaluator(frame).visit
    match statement:
        case ast.Expr(value):
            return None, visit(value)
        case ast.Assign([ast.Name(label)], value):
            return label, visit(value)
        case _:
            raise NotNative("a statement")


def _plain(text: str) -> str:
    """Python's own syntax: ``@x`` as a name; ``&`` and ``|`` bind like ``and`` and ``or``."""
    if "`" in text:
        raise NotNative("quoted labels")
    tokens = []
    words = {"&": "and", "|": "or"}
    mark = False
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.string == "@":
                mark = True
                continue
            word = words.get(token.string, token.string)
            tokens.append((token.type, f"{_LOCAL}{word}" if mark else word))
            mark = False
    except tokenize.TokenError as error:
        raise NotNative("an expression that is not Python's") from error
    return tokenize.untokenize(tokens)


class _Evaluator:
    """Applies the operators to the lazy columns."""

    def __init__(self, frame: FrameState) -> None:
        self._frame = frame

    def visit(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value) if isinstance(value, bool | int | float | str):
                return value
            case ast.List(items) | ast.Tuple(items):
                return [self.visit(item) for item in items]
            case ast.Name(name):
                return self._named(name)
            case ast.BinOp(left, op, right) if type(op) in _BINARY:
                return self._combined(_BINARY[type(op)], left, right)
            case ast.UnaryOp(ast.USub(), operand):
                return -self.visit(operand)
            case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
                return ~self._bools(operand)
            case ast.BoolOp(op, values):
                parts = [self._bools(value) for value in values]
                result = parts[0]
                for part in parts[1:]:
                    result = result & part if isinstance(op, ast.And) else result | part
                return result
            case ast.Compare(left, ops, rights):
                return self._compared(left, ops, rights)
            case _:
                raise NotNative(f"{type(node).__name__} in an expression")

    def _named(self, name: str) -> Any:
        if name in self._frame.columns:
            column = wrap(self._frame.column(name))
            if str(column.dtype) == "float32":
                raise NotNative("float32, for which pandas narrows constants")
            return column
        if not name.startswith(_LOCAL):
            raise NotNative(f"the name {name!r}, which is no column")
        caller = support._user_frame()[0]
        key = name.removeprefix(_LOCAL)
        for scope in (caller.f_locals, caller.f_globals) if caller else ():
            if key in scope:
                value = scope[key]
                if is_scalar(value) or isinstance(value, list | tuple | set):
                    return value
        raise NotNative(f"the variable {key!r}")

    def _combined(self, compute: Callable[[Any, Any], Any], left: ast.AST, right: ast.AST) -> Any:
        return compute(self.visit(left), self.visit(right))

    def _bools(self, node: ast.AST) -> Any:
        value = self.visit(node)
        if not isinstance(value, LazyObject) or state_of(value).field.kind != "bool":
            raise NotNative("logic on other than bools")
        return value

    def _compared(self, left: ast.AST, ops: list[ast.cmpop], rights: list[ast.expr]) -> Any:
        result = None
        one = self.visit(left)
        for op, right in zip(ops, rights, strict=True):
            other = self.visit(right)
            part = self._pair(op, one, other)
            result = part if result is None else result & part
            one = other
        return result

    def _pair(self, op: ast.cmpop, one: Any, other: Any) -> Any:
        among = is_list_like(other) and not isinstance(other, pd.Series)
        if not isinstance(one, pd.Series) and not isinstance(other, pd.Series):
            raise NotNative("a comparison of constants")
        if isinstance(op, ast.In | ast.NotIn) or (among and isinstance(op, ast.Eq | ast.NotEq)):
            if not among or not isinstance(one, pd.Series):
                raise NotNative("membership other than of a column in a list")
            found = one.isin(list(other))
            return ~found if isinstance(op, ast.NotIn | ast.NotEq) else found
        if among or is_list_like(one) != isinstance(one, pd.Series) or type(op) not in _COMPARISONS:
            raise NotNative("a comparison with a list")
        return _COMPARISONS[type(op)](one, other)


@native(pd.DataFrame)
def query(frame: FrameState, expr: Any) -> FrameState:
    if not isinstance(expr, str):
        raise NotNative("an expression that is no string")
    label, value = evaluate(frame, expr)
    predicate = predicate_of(frame.rows, value, frame.index)
    if label is not None or predicate is None:
        raise NotNative("an expression that is no condition")
    return filtered(frame, predicate)


@native(pd.DataFrame, name="eval")
def eval_(frame: FrameState, expr: Any) -> Any:
    if not isinstance(expr, str):
        raise NotNative("an expression that is no string")
    label, value = evaluate(frame, expr)
    if label is not None:
        return set_column(frame, label, value)
    if not isinstance(value, pd.Series):
        raise NotNative("an expression without columns")
    return state_of(value)
