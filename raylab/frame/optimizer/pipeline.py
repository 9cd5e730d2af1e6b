"""The order of the rules."""

from __future__ import annotations

from raylab.frame.optimizer.memberships import filter_membership_to_semi_join
from raylab.frame.optimizer.predicates import push_filter_down
from raylab.frame.optimizer.projections import merge_projections
from raylab.frame.optimizer.pruning import Lookup, prune_columns
from raylab.frame.optimizer.reduction import reduce_groups
from raylab.frame.optimizer.rewriting import bottom_up, top_down
from raylab.frame.optimizer.row_numbers import push_row_number_down
from raylab.frame.optimizer.slices import push_slice_into_scan
from raylab.frame.optimizer.ties import break_ties
from raylab.frame.optimizer.topk import slice_of_sort_to_top_k
from raylab.frame.optimizer.windows import compute_windows
from raylab.frame.plan.nodes import Node


def optimize(node: Node, lookup: Lookup | None = None) -> Node:
    """A plan with the same rows, columns and order.

    Args:
        node: the plan as the facade built it.
        lookup: finds results that are kept already, by node and columns.
    """
    node = compute_windows(node)
    node = prune_columns(node, lookup)
    node = bottom_up(node, filter_membership_to_semi_join)
    node = compute_windows(node)  # in the values of memberships that became joins
    node = bottom_up(node, push_slice_into_scan)
    node = bottom_up(node, push_row_number_down)
    node = bottom_up(node, merge_projections)
    node = top_down(node, push_filter_down)
    node = bottom_up(node, slice_of_sort_to_top_k)
    node = break_ties(node)
    node = bottom_up(node, reduce_groups)
    return prune_columns(node, None)
