"""Where the roles of a run go: the places that a layout needs, and their reservation.

Rollout workers and shards of replay are spread over the nodes, a shard beside a worker that writes to
it. The learner is beside its replay where that is one shard, or where it needs no core of its own, as
in step; otherwise it has a place of its own, on a GPU if it wants one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from raylab import runtime
from raylab.errors import ClusterError
from raylab.rl.job import Layout, On
from raylab.rl.placements.watch import Stopped, Watch

_SLICE_S: Final = 1.0


@dataclass(frozen=True)
class Places:
    """The places of a layout, and which one each role takes; None goes anywhere."""

    needs: tuple[runtime.Needs, ...]
    learner: int | None
    workers: tuple[int | None, ...]
    shards: tuple[int | None, ...]

    def roles(self) -> list[list[str]]:
        """Return what goes into each place, in words."""
        words: list[list[str]] = [[] for _ in self.needs]
        named = [("learner" if self.workers else "trainer", self.learner)]
        named += [(f"rollout worker {i}", place) for i, place in enumerate(self.workers)]
        named += [(f"replay shard {i}", place) for i, place in enumerate(self.shards)]
        for role, place in named:
            if place is not None:
                words[place].append(role)
        return words


def places_of(layout: Layout) -> Places:
    """Return the places that a layout needs."""
    needs: list[runtime.Needs] = []

    def place(cpus: float, on: On, gpus: float = 0.0) -> int | None:
        one = runtime.Needs(cpus, gpus, on.resources, on.labels)
        if not one.amounts and not one.labels:
            return None
        needs.append(one)
        return len(needs) - 1

    learner = place(layout.learner_cores, layout.learner_on, layout.gpus)
    workers = [place(layout.worker_cores, layout.workers_on) for _ in range(layout.workers)]
    shards: list[int | None] = []
    for shard in range(layout.replay_shards):
        own = place(layout.shard_cores, layout.shards_on)
        if own is None:
            beside = workers[shard * layout.workers // layout.replay_shards]
            own = learner if layout.replay_shards == 1 and learner is not None else beside
        shards.append(own)
    if learner is None:
        learner = next((beside for beside in (*shards, *workers) if beside is not None), None)
    return Places(tuple(needs), learner, tuple(workers), tuple(shards))


def what_does_not_fit(needs: Sequence[runtime.Needs], nodes: Sequence[runtime.Room]) -> str:
    """Return in words what a cluster of such nodes could never hold; empty if it can."""
    chosen = runtime.lay_out(needs, nodes)
    missing = sorted({str(one) for one, node in zip(needs, chosen, strict=True) if node is None})
    if not missing:
        return ""
    resources = {"CPU", "GPU", *(name for one in needs for name in one.amounts)}
    labels = {name for one in needs for name in one.labels}

    def has(node: runtime.Room) -> str:
        amounts = [f"{n:g} {name}" for name, n in sorted(node.amounts.items()) if name in resources]
        marks = [f"{name}={value}" for name, value in node.labels.items() if name in labels]
        return f"{node.node}: {', '.join([*amounts, *marks]) or 'nothing'}"

    there = "; ".join(has(node) for node in nodes) or "none"
    return f"no node is left for {' or '.join(missing)} (there are {there})"


class Reservation:
    """The places of a run's roles, asked for at once and waited for once.

    Args:
        layout: of the run.
        watch: waits and tells.
    """

    def __init__(self, layout: Layout, watch: Watch) -> None:
        self.places = places_of(layout)
        self._limit_s = layout.nodes_within_s
        self._watch = watch
        self._group = runtime.Group(self.places.needs) if self.places.needs else None

    def options(self, place: int | None) -> dict[str, Any]:
        """Return the arguments of :func:`raylab.runtime.actor` that put a role into a place."""
        return {} if self._group is None or place is None else {"place": (self._group, place)}

    def stand(self) -> None:
        """Wait until all places are reserved.

        What others occupy is waited for as long as it takes. What no node has, or will be there
        beside the rest, is waited for as long as nodes may take to join.

        Raises:
            ClusterError: the cluster could not hold the run in all that time.
            Stopped: the run was told to stop.
        """
        if self._group is None:
            return
        short_s, last_s = 0.0, self._watch.now_s
        while not self._group.wait(_SLICE_S):
            self._watch.tick()
            if self._watch.is_stopped():
                raise Stopped
            missing = what_does_not_fit(self.places.needs, runtime.rooms())
            short_s = short_s + self._watch.now_s - last_s if missing else 0.0
            last_s = self._watch.now_s
            if missing and short_s > self._limit_s:
                raise ClusterError(
                    f"the cluster cannot hold this run, and no other node came within "
                    f"{self._limit_s:g} s: {missing}. Add nodes, or ask for less by --placement."
                )

    def close(self) -> None:
        """Give the places back."""
        if self._group is not None:
            self._group.remove()
