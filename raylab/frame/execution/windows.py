"""Window functions: lowered to the engine, and spread over partitions by their groups."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from raylab.frame.execution.constants import constants_as_columns
from raylab.frame.execution.lowering import Lowering, lower_node
from raylab.frame.execution.physical import Order, Spread, hashed
from raylab.frame.execution.planner import distribute, in_order, on_one, placed, selected
from raylab.frame.kernels.registry import Context
from raylab.frame.kernels.windows import ROW
from raylab.frame.plan.expressions import Column
from raylab.frame.plan.functions import WINDOWS
from raylab.frame.plan.nodes import HIDDEN, Project, hidden_name
from raylab.frame.plan.windows import Window


@lower_node.register
def _window(node: Window, lowering: Lowering, ordered: bool) -> pl.LazyFrame:
    names = list(node.schema)
    node = constants_as_columns(node)
    compiler = lowering.compiler(node.child)
    frame = lowering.lower(node.child, ordered=True)
    operands = [compiler.operand(key) for key in node.keys]
    keys = [f"{HIDDEN}group{i}" for i in range(len(operands))]
    if keys:
        columns = [o.clean.alias(name) for o, name in zip(operands, keys, strict=True)]
        frame = frame.with_columns(columns)
    if keys and not all(WINDOWS[call.function].by_group for _, call in node.calls):
        frame = frame.with_row_index(ROW)
    grouped = node.dropna and any(operand.field.may_miss for operand in operands)
    present = pl.all_horizontal(pl.col(name).is_not_null() for name in keys) if grouped else None
    built = []
    for name, call in node.calls:
        function = WINDOWS[call.function]
        context = Context(node.schema[name])
        operand = compiler.operand(call.arg)
        params = dict(call.params)
        if function.by_group:
            expr = function.kernel(context, operand, **params)
            expr = expr.over(keys) if keys else expr
        else:
            expr = function.kernel(context, operand, keys, **params)
        built.append((expr if present is None else pl.when(present).then(expr)).alias(name))
    return frame.with_columns(built).select(names)


@distribute.register
def _spread_window(node: Window, partitions: int, ordered: bool) -> Spread:
    """Rows of one group meet in one task; afterwards they go back to their places."""
    local = all(WINDOWS[call.function].local for _, call in node.calls)
    below = distribute(node.child, partitions, True)
    if not (node.keys and local) or below.partitions == 1:
        return on_one(node, partitions)
    below, place = placed(below, node)
    keys = [hidden_name(node, f"key{i}.") for i in range(len(node.keys))]
    plain = tuple((name, Column(name)) for name in below.fragment.schema)
    keyed = Project(below.fragment, (*plain, *zip(keys, node.keys, strict=True)))
    rows = hashed(below.on(keyed), tuple(keys), partitions)
    columns = tuple(Column(key) for key in keys)
    spread = rows.on(replace(node, child=rows.fragment, keys=columns))
    if not ordered:
        return spread.on(selected(spread.fragment, node))
    return in_order(spread, Order.rising((place,)), node, partitions)
