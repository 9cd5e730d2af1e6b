"""Plans as text."""

from __future__ import annotations

from raylab.frame.execution.engine import kept
from raylab.frame.execution.lowering import Lowering
from raylab.frame.execution.physical import Stage
from raylab.frame.execution.placement import choose
from raylab.frame.execution.planner import plan_stages
from raylab.frame.optimizer import optimize
from raylab.frame.plan.nodes import Node


def explain(node: Node, stage: str) -> str:
    """The plan at one stage.

    Args:
        node: the plan as it was built.
        stage: "logical", "optimized", or "physical": the stages and exchanges, or, for a plan on
            one partition, what the engine makes of it.

    Raises:
        ValueError: there is no such stage.
    """
    if stage == "logical":
        return _tree(node, 0)
    optimized = optimize(node, kept)
    if stage == "optimized":
        return _tree(optimized, 0)
    if stage != "physical":
        raise ValueError(f"stage={stage!r} is not one of 'logical', 'optimized', 'physical'")
    placement = choose(optimized)
    if placement.runner == "local" and placement.partitions == 1:
        return Lowering().root(optimized, ordered=True).explain(engine="streaming")
    return _stages(plan_stages(optimized, placement.partitions, ordered=True), 0)


def _tree(node: Node, depth: int) -> str:
    lines = [f"{'  ' * depth}{node.describe()}"]
    lines += [_tree(child, depth + 1) for child in node.children]
    return "\n".join(lines)


def _stages(stage: Stage, depth: int) -> str:
    indent = "  " * depth
    lines = [f"{indent}Stage of {stage.partitions} tasks", _tree(stage.plans[0], depth + 1)]
    for slot, exchange in enumerate(stage.inputs):
        lines.append(f"{indent}  Input({slot}): {exchange.describe(stage.partitions)}")
        lines += [_stages(below, depth + 2) for below in exchange.stages]
    return "\n".join(lines)
