"""What would go where: an experiment's roles on the nodes of a cluster, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from raylab.cli.finding import Finding

if TYPE_CHECKING:
    from raylab.experiment.experiment import Experiment
    from raylab.rl.job import Layout
    from raylab.runtime import Cluster, Room


def place_findings(
    cluster: Cluster, nodes: list[Room], experiment: Experiment | None
) -> Iterator[Finding]:
    """Where a run's roles would go; of an experiment, or of PPO with one worker for every core."""
    from raylab.errors import ConfigError
    from raylab.experiment.layout import layout_of, resolve_placement
    from raylab.rl.job import Layout
    from raylab.runtime import machine

    if experiment is None:
        workers = max(1, sum(int(node.amounts.get("CPU", 0.0)) for node in nodes))
        yield from _lines("a run in step", Layout(kind="sync", workers=workers), 1, nodes)
        return
    try:
        placement, _ = resolve_placement(experiment, None, cluster, machine.cores())
    except ConfigError as error:
        yield Finding(experiment.name, "does not fit", str(error), is_fault=True)
        return
    yield from _lines(experiment.name, layout_of(placement), len(experiment.seeds), nodes)


def _lines(name: str, layout: Layout, seeds: int, nodes: list[Room]) -> Iterator[Finding]:
    from raylab import runtime
    from raylab.rl.placements.places import places_of, what_does_not_fit

    places = places_of(layout)
    missing = what_does_not_fit(places.needs, nodes)
    advice = f"The cluster cannot hold it: {missing}." if missing else ""
    many = f", {seeds} seeds" if seeds > 1 else ""
    yield Finding(
        name, f"{layout.kind}, {layout.cores:g} core(s) a seed{many}", advice, bool(missing)
    )
    chosen = runtime.lay_out(places.needs * seeds, nodes)
    words = places.roles() * seeds
    for index, node in enumerate(nodes):
        roles = [
            role
            for place, where in zip(words, chosen, strict=True)
            if where == index
            for role in place
        ]
        if roles:
            yield Finding("", f"{node.node}: {_counted(roles)}")
    if not missing and None in chosen:
        at_once = len(places.needs) and sum(c is not None for c in chosen) // len(places.needs)
        yield Finding("", f"{at_once} of {seeds} seeds at a time; the others wait")


def _counted(roles: list[str]) -> str:
    """``["rollout worker 0", "rollout worker 2"]`` to ``2 rollout worker(s)``, and so on."""
    kinds = [role.rstrip("0123456789 ") for role in roles]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    return ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in counts.items())
