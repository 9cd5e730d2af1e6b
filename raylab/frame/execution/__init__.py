"""Execution: from plan nodes to rows, through the optimizer, the planner and a runner."""
