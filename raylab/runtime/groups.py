"""Groups of places: what the roles of a run need, reserved on the nodes of a cluster together."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import ray
import ray.util.scheduling_strategies
from ray.util.placement_group import (
    get_placement_group,
    placement_group,
    placement_group_table,
    remove_placement_group,
)

_NOTHING: Final = {"memory": 1}
"""What Ray reserves for a place that only asks for labels: a byte of what every node has."""


@dataclass(frozen=True)
class Needs:
    """What a place needs of a node."""

    cpus: float = 0.0
    gpus: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)  # custom ones, by name
    labels: Mapping[str, str] = field(default_factory=dict)  # that the node must have

    @property
    def amounts(self) -> dict[str, float]:
        """Everything that is counted, without what is zero."""
        counted = {"CPU": self.cpus, "GPU": self.gpus, **self.resources}
        return {name: amount for name, amount in counted.items() if amount > 0}

    def __str__(self) -> str:
        wanted = [f"{amount:g} {name}" for name, amount in self.amounts.items()]
        labelled = [f"{name}={value}" for name, value in self.labels.items()]
        what = ", ".join(wanted) or "a role"
        return what + (f" where {', '.join(labelled)}" if labelled else "")


@dataclass(frozen=True)
class Room:
    """What a living node has in all, whoever occupies it."""

    node: str
    amounts: Mapping[str, float]
    labels: Mapping[str, str]

    def holds(self, needs: Needs) -> bool:
        """Whether the place fits on the node when nothing else is there."""
        labels = all(self.labels.get(name) == value for name, value in needs.labels.items())
        return labels and all(
            self.amounts.get(name, 0.0) >= amount for name, amount in needs.amounts.items()
        )


class Group:
    """Places that are reserved together, spread over the nodes."""

    def __init__(self, places: Sequence[Needs]) -> None:
        self._places = list(places)
        name = _name()
        _remove(name)  # of the same role, before it died and was started again
        self._handle: Any = placement_group(
            [needs.amounts or _NOTHING for needs in places],
            strategy="SPREAD",
            name=name,
            bundle_label_selector=[dict(needs.labels) for needs in places]
            if any(needs.labels for needs in places)
            else None,
        )

    def wait(self, timeout_s: float) -> bool:
        """Whether all places are reserved, after so many seconds at most."""
        return bool(self._handle.wait(timeout_s))

    def strategy(self, place: int) -> Any:
        """Return what puts a role into a place."""
        return ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy(
            self._handle, placement_group_bundle_index=place
        )

    def remove(self) -> None:
        """Give the places back; what runs in them ends."""
        remove_placement_group(self._handle)


def rooms() -> list[Room]:
    """Return what the living nodes have."""
    found = []
    for node in ray.nodes():  # type: ignore[no-untyped-call]  # not annotated by ray
        if node["Alive"]:
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            found.append(Room(name, dict(node["Resources"]), dict(node.get("Labels") or {})))
    return found


def lay_out(places: Sequence[Needs], nodes: Sequence[Room]) -> list[int | None]:
    """Return which node would hold each place, spread as evenly as they fit; None if none can.

    The largest places choose first, each the node with the fewest places so far. Ray decides by
    itself; this tells beforehand whether and how it can.
    """
    free = [dict(node.amounts) for node in nodes]
    held = [0] * len(nodes)
    chosen: list[int | None] = [None] * len(places)
    order = sorted(range(len(places)), key=lambda i: -sum(places[i].amounts.values()))
    for place in order:
        needs = places[place]
        fitting = [
            index
            for index, node in enumerate(nodes)
            if Room(node.node, free[index], node.labels).holds(needs)
        ]
        if fitting:
            index = min(fitting, key=lambda i: (held[i], i))
            chosen[place] = index
            held[index] += 1
            for name, amount in needs.amounts.items():
                free[index][name] -= amount
    return chosen


def group_names() -> list[str]:
    """Return the names of the groups that are reserved, or wait to be."""
    table: dict[str, dict[str, Any]] = placement_group_table()
    return sorted(group["name"] for group in table.values() if group["state"] != "REMOVED")


def _name() -> str:
    """A name that is the same for a role that was started again, and for nobody else."""
    actor = ray.get_runtime_context().get_actor_id()
    return f"raylab {actor or uuid.uuid4().hex}"


def _remove(name: str) -> None:
    try:
        group = get_placement_group(name)
    except ValueError:
        return
    remove_placement_group(group)
