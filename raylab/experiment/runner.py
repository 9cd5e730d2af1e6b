"""Train an experiment: prepare its folders, start a supervisor a seed, and watch them.

Nothing of the training happens in this process. On a cluster that outlives it, so do the runs:
whoever starts the same experiment again is attached to them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from raylab import runtime
from raylab.errors import ActorError, RoleDiedError
from raylab.experiment import files, prepare
from raylab.experiment.experiment import Experiment, Placement
from raylab.experiment.layout import layout_of, resolve_placement
from raylab.experiment.progress import Display
from raylab.experiment.recorder import RunRecorder
from raylab.experiment.run import Run, is_run
from raylab.experiment.stores import fetch
from raylab.experiment.watching import Watched, supervisor_name, tell_ends, watch
from raylab.rl.job import Job
from raylab.rl.schedule import Progress
from raylab.rl.system import MAX_RESTARTS, Supervisor
from raylab.runtime import machine

_RETRY_S: Final = 0.5
_START_S: Final = 180.0  # a busy machine takes its time to load torch


def train(
    experiment: Experiment, *, new: bool = False, display: Display | None = None
) -> list[Run]:
    """Train every seed of an experiment and return their runs, in the order of the seeds.

    A run that is there already is continued from its last checkpoint; one that is being trained
    is watched; one that has reached its end is left alone. Ctrl-C (and SIGTERM) makes the runs
    save an exact checkpoint and end; a second Ctrl-C leaves at once.

    Args:
        experiment: what to train.
        new: train from the beginning, in a folder of its own, whatever is there.
        display: where to show progress.

    Raises:
        RaylabError: a run failed, or cannot be started; says why and what to do.
    """
    folder = experiment.folder
    store = experiment.store
    if store is not None:
        store.check()
        fetch(store, folder.parent, below=folder.name, without=("checkpoints",), may_lack=True)
    if new:
        folder = prepare.new_folder(folder)
    return train_in_folder([experiment], folder.resolve(), display or Display())


def train_in_folder(experiments: Sequence[Experiment], folder: Path, display: Display) -> list[Run]:
    """Train the seeds of experiments that differ in how long and where they train."""
    waiting = []
    for experiment in experiments:
        seeds = _unfinished(experiment, folder, display)
        if seeds:
            waiting.append(replace(experiment, seeds=seeds))
    if waiting:
        if "_ray_pkg_" in str(folder):
            display.message(
                f"runs are written to {folder}, into Ray's copy of the job's folder, which Ray "
                f"removes after the job: give --runs-dir a path that lasts"
            )
        files.make_folder(folder)
        runs = [run for experiment in waiting for run in _begun(experiment, folder)]
        cores = machine.cores()  # before Ray starts, which is busy for some seconds
        with _cluster(waiting[0].placement, runs, display) as cluster:
            placed = []
            for experiment in waiting:
                recorded = next((r.experiment.placement for r in _begun(experiment, folder)), None)
                placement, why = resolve_placement(experiment, recorded, cluster, cores)
                if why:
                    display.message(f"placement: {why}")
                placed.append(replace(experiment, placement=placement))
            _train_in(cluster, placed, folder, display)
    return [Run(folder / str(seed)) for experiment in experiments for seed in experiment.seeds]


def _unfinished(experiment: Experiment, folder: Path, display: Display) -> tuple[int, ...]:
    """Return the seeds that have not reached the experiment's end."""
    waiting = []
    for seed in experiment.seeds:
        path = folder / str(seed)
        if is_run(path):
            prepare.check_extension(Run(path), experiment.until)
        if is_run(path) and prepare.is_finished(Run(path), experiment.until):
            display.message(
                f"{path} is finished ({Run(path).status['cause']}). Extend it with "
                f"--until.agent-steps, or train another with --new."
            )
        else:
            waiting.append(seed)
    return tuple(waiting)


def _begun(experiment: Experiment, folder: Path) -> list[Run]:
    paths = [folder / str(seed) for seed in experiment.seeds]
    return [Run(path) for path in paths if is_run(path)]


def _train_in(
    cluster: runtime.Cluster, experiments: Sequence[Experiment], folder: Path, display: Display
) -> None:
    seeds = tuple(seed for experiment in experiments for seed in experiment.seeds)
    whole = replace(experiments[0], seeds=seeds)
    prepare.write_config(folder / "config.json", whole, add_seeds=True)
    watched = []
    for experiment in experiments:
        for seed in experiment.seeds:
            started = _start(experiment, seed, folder / str(seed), cluster)
            if started is not None:
                watched.append(started)
                display.message(f"training {started.run.path}")
    watch(watched, display)
    tell_ends(watched, display)


def _start(
    experiment: Experiment, seed: int, path: Path, cluster: runtime.Cluster
) -> Watched | None:
    """Start a run's supervisor, or find the one that is there: its name is the lock.

    Returns None if somebody else has finished the run in the meantime.

    Raises:
        ActorError: none stays; its cause is how the last one died.
    """
    files.make_folder(path)
    name, role = supervisor_name(experiment, path), f"supervisor of {path.parent.name}/{path.name}"
    job = make_job(experiment, seed, path)
    deadline = time.monotonic() + _START_S
    death: RoleDiedError | None = None
    while True:
        if is_run(path) and prepare.is_finished(Run(path), experiment.until):
            return None
        supervisor = runtime.find(name, role) or _start_supervisor(
            job, replace(experiment, seeds=(seed,)), path, cluster, role
        )
        if supervisor is not None:
            try:
                progress: Progress = supervisor.call("progress", timeout_s=_START_S)
            except RoleDiedError as error:  # it was about to leave, or cannot start
                death = error
            else:
                if not progress.ended:
                    return Watched(Run(path), supervisor, progress)
                supervisor.kill()  # it waits for somebody to ask how an earlier training ended
        if time.monotonic() > deadline:
            how = f": {str(death).rstrip('.')};" if death else " and does not end;"
            raise ActorError(f"{role} does not start{how} see {path / 'log.txt'}.") from death
        time.sleep(_RETRY_S)


def make_job(experiment: Experiment, seed: int, path: Path) -> Job:
    """Return what a supervisor, or a trial of a sweep, trains for one seed."""
    return Job(
        run=f"{path.parent.name}/{path.name}",
        env=experiment.env,
        algorithm=experiment.algorithm,
        seed=seed,
        until=experiment.until,
        checkpointing=experiment.checkpointing,
        evaluation=experiment.evaluation,
        layout=layout_of(experiment.placement),
    )


def _start_supervisor(
    job: Job, experiment: Experiment, path: Path, cluster: runtime.Cluster, role: str
) -> runtime.Role | None:
    """Write the run's configuration and start its supervisor; None if somebody was faster."""
    if is_run(path) and Run(path).is_alive:
        raise prepare.running_elsewhere(Run(path))
    prepare.write_config(path / "config.json", experiment)
    prepare.publish_configs(experiment, path)
    try:
        return runtime.actor(
            Supervisor,
            job,
            partial(RunRecorder, path, cluster.address, experiment.store),
            role=role,
            name=supervisor_name(experiment, path),
            detached=True,
            max_restarts=MAX_RESTARTS,
            concurrency=4,
            near=cluster.node,
        )
    except ActorError:
        return None


@contextmanager
def _cluster(
    placement: Placement, runs: Sequence[Run], display: Display
) -> Iterator[runtime.Cluster]:
    """Connect, to where a run is being trained already if there is one; disconnect at the end."""
    was_connected = runtime.is_connected()
    address = placement.address
    alive = [run for run in runs if run.is_alive]
    if was_connected:
        pass
    elif alive and address is None:
        address = alive[0].status["cluster"]
        display.message(f"attaching to {alive[0].path}, trained on the cluster at {address}")
    else:
        display.message("connecting to Ray")
    cluster = runtime.connect(address)
    try:
        if not cluster.is_new and not was_connected:
            runtime.check_versions(cluster)
        yield cluster
    finally:
        if not was_connected:
            runtime.disconnect()
