"""From a placement with open fields to the processes of a run: what the machine has free decides.

A decision is made once: it goes into the run's ``config.json``, and a resumed run keeps it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from raylab import runtime
from raylab.errors import ConfigError, EnvError
from raylab.experiment.experiment import Experiment, Placement
from raylab.rl.algorithms.appo import APPO
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.inline import useful_threads
from raylab.rl.job import Kind, Layout
from raylab.rl.placements.replay_side import Streams
from raylab.runtime import machine

MOST_THREADS: Final = 16  # beyond it the networks that raylab trains get no faster


def resolve_placement(
    experiment: Experiment,
    recorded: Placement | None,
    cluster: runtime.Cluster,
    cores: machine.Cores,
) -> tuple[Placement, str]:
    """Return the placement with nothing left open, and in words what was chosen and why.

    Args:
        experiment: its placement may leave fields open.
        recorded: of a run that is continued; takes part where the experiment says nothing.
        cluster: where the run will be.
        cores: what is free on this machine; counts if the cluster is new, and so on this machine.

    Raises:
        ConfigError: the fields contradict each other, or the cluster is too small; says what fits.
    """
    placement = _with_recorded(experiment.placement, recorded)
    free, seen = int(cluster.cpus), f"{cluster.cpus:g} cores in the cluster"
    if cluster.is_new:
        free, seen = min(cores.free, int(cluster.cpus)), str(cores)
    free = max(1, free // len(experiment.seeds))
    chosen = _choose(experiment, placement, free, int(cluster.largest_node_cpus))
    if chosen.evaluator is None:
        left = free - layout_of(chosen).cores
        aside = experiment.evaluation.every_agent_steps is not None and left >= 1
        chosen = replace(chosen, evaluator=aside)
    elif recorded is not None and recorded.evaluator and _cores(chosen) > cluster.cpus:
        chosen = replace(chosen, evaluator=False)  # where scores are made does not change the run
    _check(experiment, chosen, cluster)
    if chosen == placement:
        return chosen, ""
    text = f"{chosen.kind}, {chosen.threads} thread(s)"
    if chosen.workers:
        text += (
            f" of the learner, {chosen.workers} worker(s) of {chosen.envs_per_worker} "
            f"environment(s) and {chosen.worker_threads} thread(s)"
        )
    if chosen.replay_shards:
        text += f", replay in {chosen.replay_shards} shard(s)"
    return chosen, f"{text} a seed ({seen})"


def layout_of(placement: Placement) -> Layout:
    """Return the layout of a placement that :func:`resolve_placement` returned."""
    kind: Kind = "inline" if placement.kind == "auto" else placement.kind
    evaluator_cores = 1.0 if placement.evaluator else 0.0
    layout = Layout(
        kind=kind,
        threads=placement.threads or 1,
        evaluator_cores=evaluator_cores,
        device=placement.device,
        gpus=placement.gpus,
        learner_on=placement.learner_on,
        nodes_within_s=placement.nodes_within_s,
    )
    if kind == "inline":
        return layout
    return replace(
        layout,
        workers=placement.workers or 1,
        envs_per_worker=placement.envs_per_worker or 1,
        worker_threads=placement.worker_threads,
        worker_cores=_worker_cores(placement),
        workers_on=placement.workers_on,
        replay_shards=placement.replay_shards or 0,
        shard_cores=placement.shard_cores,
        shards_on=placement.shards_on,
    )


def _with_recorded(placement: Placement, recorded: Placement | None) -> Placement:
    """Fill what is open from the run that is continued, as long as the kind is the same."""
    if recorded is None or placement.kind not in ("auto", recorded.kind):
        return placement
    names = ("threads", "workers", "envs_per_worker", "worker_cores", "replay_shards", "evaluator")
    values = {
        name: getattr(recorded, name) if value is None else value
        for name in names
        for value in [getattr(placement, name)]
    }
    return replace(placement, kind=recorded.kind, **values)


def _choose(experiment: Experiment, placement: Placement, free: int, largest: int) -> Placement:
    """Decide what is open.

    Args:
        experiment: what is trained.
        placement: may leave fields open.
        free: cores for this seed, in all.
        largest: cores of the largest node: a process cannot have more.
    """
    kind = placement.kind
    if kind == "auto":
        kind = _choose_kind(experiment, placement, free)
    if kind == "inline":
        threads = placement.threads or max(1, min(free, largest, MOST_THREADS))
        if placement.threads is None:
            with suppress(EnvError):  # the trainer says why, and the run keeps it
                threads = useful_threads(experiment.env, threads)
        return replace(
            placement,
            kind=kind,
            threads=threads,
            workers=None,
            envs_per_worker=None,
            replay_shards=None,
        )
    num_envs = experiment.algorithm.num_envs
    # In step, learner and workers take turns on the same cores; otherwise they share them.
    share = free if kind == "sync" else max(1, free // 2)
    threads = placement.threads or useful_threads(experiment.env, min(share, largest, MOST_THREADS))
    left = max(1, (free if kind == "sync" else free - threads) // placement.worker_threads)
    workers = placement.workers or _divisor(
        num_envs, num_envs // (placement.envs_per_worker or 1), left
    )
    envs = placement.envs_per_worker or _divisor(num_envs, num_envs, max(1, num_envs // workers))
    shards = placement.replay_shards
    if shards is None and isinstance(experiment.algorithm, DQN):
        shards = workers
    return replace(
        placement,
        kind=kind,
        threads=threads,
        workers=workers,
        envs_per_worker=envs,
        replay_shards=shards,
    )


def _choose_kind(experiment: Experiment, placement: Placement, free: int) -> Kind:
    """APPO goes async as soon as there are two cores; whoever names workers wants some."""
    match experiment.algorithm:
        case APPO() if free > 1 or placement.workers:
            return "async"
        case PPO() | DQN() if placement.workers or placement.replay_shards:
            return "sync"
        case _:
            return "inline"


def _divisor(number: int, largest: int, wanted: int) -> int:
    """The largest divisor of a number that is at most ``wanted`` and ``largest``."""
    limit = min(wanted, largest)
    return max((d for d in range(1, limit + 1) if number % d == 0), default=1)


def _check(experiment: Experiment, placement: Placement, cluster: runtime.Cluster) -> None:
    layout = layout_of(placement)
    largest, num_envs = int(cluster.largest_node_cpus), experiment.algorithm.num_envs
    if layout.threads > largest:
        raise ConfigError(
            f"placement.threads={layout.threads} is more than the {largest} cores of any node in "
            f"the cluster; give --placement.threads {max(1, largest)}. A run that is there then "
            f"goes on, but not exactly as it would have."
        )
    cores = _cores(placement)
    if layout.cores <= cluster.cpus < cores:
        raise ConfigError(
            f"placement.evaluator occupies {layout.evaluator_cores:g} core(s) beside the "
            f"{layout.cores:g} of the training, the cluster has {cluster.cpus:g}; give "
            f"--placement.evaluator False, then the training waits for its evaluations."
        )
    if cores > cluster.cpus:
        raise ConfigError(
            f"placement {layout.kind} with {layout.workers} workers occupies {cores:g} "
            f"cores, the cluster has {cluster.cpus:g}; give fewer --placement.workers, or less "
            f"than a core each by --placement.worker-cores."
        )
    name = type(experiment.algorithm).__name__
    if layout.kind == "async" and not isinstance(experiment.algorithm, APPO | DQN):
        raise ConfigError(
            f"placement.kind='async' trains on data of older weights, which {name} does not "
            f"correct; use APPO, or another kind."
        )
    if layout.replay_shards and not isinstance(experiment.algorithm, DQN):
        raise ConfigError(
            f"placement.replay_shards={layout.replay_shards}: {name} has no replay; leave it out."
        )
    if layout.replay_shards:
        Streams(layout.workers, layout.replay_shards, layout.envs_per_worker)  # raises
    together = layout.workers * layout.envs_per_worker
    if layout.kind == "sync" and together != num_envs:
        raise ConfigError(
            f"placement sync needs workers x envs_per_worker = num_envs, which is {num_envs}; "
            f"{layout.workers} x {layout.envs_per_worker} is {together}. Leave one of them open."
        )
    if layout.kind == "async" and num_envs % layout.envs_per_worker:
        raise ConfigError(
            f"placement.envs_per_worker={layout.envs_per_worker} does not divide "
            f"num_envs={num_envs}, the environments of an update."
        )


def _cores(placement: Placement) -> float:
    """What a seed occupies, with its evaluator."""
    layout = layout_of(placement)
    return layout.cores + layout.evaluator_cores


def _worker_cores(placement: Placement) -> float:
    if placement.worker_cores is None:
        return float(placement.worker_threads)
    return placement.worker_cores
