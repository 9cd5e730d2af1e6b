"""Train an experiment: prepare its folders, start a supervisor a seed, and watch them.

Nothing of the training happens in this process. On a cluster that outlives it, so do the runs:
whoever starts the same experiment again is attached to them.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

from raylab import runtime
from raylab.errors import (
    ActorError,
    RaylabError,
    RoleDiedError,
    RoleTimeoutError,
    RunNotFoundError,
)
from raylab.experiment import files, prepare
from raylab.experiment.experiment import Experiment, Placement
from raylab.experiment.layout import layout_of, resolve_placement
from raylab.experiment.progress import Display
from raylab.experiment.recorder import RunRecorder
from raylab.experiment.run import Run, is_run, list_runs
from raylab.experiment.stores import fetch
from raylab.rl.job import Job
from raylab.rl.schedule import Progress, Until
from raylab.rl.system import MAX_RESTARTS, Supervisor
from raylab.runtime import machine

_POLL_S: Final = 0.5
_RETRY_S: Final = 0.5
_ANSWER_S: Final = 30.0
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
    return _train([experiment], folder.resolve(), display or Display())


def resume(
    path: str | Path,
    *,
    until: Until | None = None,
    placement: Placement | None = None,
    display: Display | None = None,
) -> list[Run]:
    """Continue the run in a folder, or all runs of an experiment's folder.

    Args:
        path: ``runs/<experiment id>/<seed>`` or ``runs/<experiment id>``.
        until: a stopping rule that extends the runs'; None keeps each one's own.
        placement: where to work now; another number of threads makes it "continued, not exact".
            None keeps each one's own, but all work in one cluster, the first one's.
        display: where to show progress.

    Raises:
        RunNotFoundError: there is no run.
        RaylabError: as :func:`train`.
    """

    def changed(own: Experiment) -> Experiment:
        return replace(own, until=until or own.until, placement=placement or own.placement)

    return resume_changed(path, changed, display=display)


def resume_changed(
    path: str | Path,
    change: Callable[[Experiment], Experiment],
    *,
    display: Display | None = None,
) -> list[Run]:
    """As :func:`resume`; ``change`` makes of each run's experiment what it is from now on."""
    runs = [Run(Path(path))] if is_run(Path(path)) else list_runs(path)
    if not runs:
        runs = [Run.open(path)]
    folders = sorted({run.path.resolve().parent for run in runs})
    if len(folders) > 1:
        names = ", ".join(str(folder) for folder in folders)
        raise RunNotFoundError(f"{path} holds {len(folders)} experiments; name one of {names}.")
    alike: list[Experiment] = []  # an experiment for all seeds that go on in the same way
    for run in runs:
        changed = change(run.experiment)
        for index, other in enumerate(alike):
            if replace(changed, seeds=other.seeds) == other:
                alike[index] = replace(other, seeds=(*other.seeds, run.seed))
                break
        else:
            alike.append(changed)
    return _train(alike, folders[0], display or Display())


def attach(
    path: str | Path, *, address: str | None = None, display: Display | None = None
) -> list[Run]:
    """Watch the run in a folder, or all runs of an experiment's folder, until they end.

    Ctrl-C leaves; the runs go on. A run that nobody trains is told how it stands.

    Args:
        path: as for :func:`resume`.
        address: of the cluster that trains them; None takes what the runs recorded.
        display: where to show progress.

    Raises:
        RunNotFoundError: there is no run.
        RaylabError: a run failed, or its cluster cannot be reached.
    """
    display = display or Display()
    runs = [Run(Path(path))] if is_run(Path(path)) else list_runs(path)
    runs = runs or [Run.open(path)]
    alive = [run for run in runs if run.is_alive]
    for run in runs:
        if run not in alive:
            cause = run.status.get("cause") or f"`raylab resume {run.path}` trains it"
            display.message(f"{run.path} is {run.state}: {cause}")
    if not alive:
        return runs
    was_connected = runtime.is_connected()
    runtime.connect(address or alive[0].status["cluster"])
    try:
        watched = [found for run in alive if (found := _find(run)) is not None]
        for each in watched:
            display.message(f"watching {each.run.path}; Ctrl-C leaves, and the run goes on")
        with suppress(KeyboardInterrupt):
            _watch(watched, display, can_stop=False)
        _tell_ends(watched, display)
    finally:
        if not was_connected:
            runtime.disconnect()
    return runs


def _find(run: Run) -> _Watched | None:
    """Return a run with its supervisor in this cluster, if it has one that answers."""
    name = supervisor_name(run.experiment, run.path.resolve())
    supervisor = runtime.find(name, f"supervisor of {run.id}")
    if supervisor is None:
        return None
    try:
        return _Watched(run, supervisor, supervisor.call("progress", timeout_s=_ANSWER_S))
    except (RoleDiedError, RoleTimeoutError):
        return None


@dataclass
class _Watched:
    """A run and its supervisor, as the driver sees them."""

    run: Run
    supervisor: runtime.Role
    progress: Progress
    silent_since: float | None = None


def _train(experiments: Sequence[Experiment], folder: Path, display: Display) -> list[Run]:
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
    _watch(watched, display)
    _tell_ends(watched, display)


def _tell_ends(watched: Sequence[_Watched], display: Display) -> None:
    """Say how the runs ended that have; raises what the first of them failed by."""
    for each in watched:
        progress = each.progress
        if not progress.ended:
            display.message(f"{progress.run} goes on: raylab attach {each.run.path}")
            continue
        display.message(f"{progress.run}: {progress.state}, {progress.cause}")
        if progress.state == "interrupted":
            display.message(f"  go on with: raylab resume {each.run.path}")
    errors = [each.progress.error for each in watched if each.progress.error is not None]
    if errors:
        raise errors[0]


def _start(
    experiment: Experiment, seed: int, path: Path, cluster: runtime.Cluster
) -> _Watched | None:
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
                    return _Watched(Run(path), supervisor, progress)
                supervisor.kill()  # it waits for somebody to ask how an earlier training ended
        if time.monotonic() > deadline:
            how = f": {str(death).rstrip('.')};" if death else " and does not end;"
            raise ActorError(f"{role} does not start{how} see {path / 'log.txt'}.") from death
        time.sleep(_RETRY_S)


def supervisor_name(experiment: Experiment, path: Path) -> str:
    """Return the name that locks a run inside a cluster: the run's place, from anywhere the same."""
    if experiment.store is None:
        return str(path)
    return f"{experiment.store}/{path.parent.name}/{path.name}"


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


def _watch(watched: Sequence[_Watched], display: Display, *, can_stop: bool = True) -> None:
    """Show the runs until all have ended; stop them cleanly when the user asks for it."""
    signals = stop_signals() if can_stop else nullcontext(threading.Event())
    with signals as stop, display:
        told = False
        while True:
            for each in watched:
                if not each.progress.ended:
                    _refresh(each)
            display.show([each.progress for each in watched])
            if all(each.progress.ended for each in watched):
                return
            if stop.is_set() and not told:
                told = True
                display.message(
                    "stopping: saving an exact checkpoint (Ctrl-C again leaves at once)"
                )
                for each in watched:
                    if not each.progress.ended:
                        each.supervisor.submit("stop", "stopped by the user")
            stop.wait(_POLL_S) if not told else time.sleep(_POLL_S)


def _refresh(each: _Watched) -> None:
    """Ask a supervisor how its run is; while Ray starts it again there is no answer for a time."""
    try:
        progress: Progress = each.supervisor.call("progress", timeout_s=_ANSWER_S)
    except (RoleDiedError, RoleTimeoutError) as error:
        now = time.monotonic()
        each.silent_since = each.silent_since or now
        name = supervisor_name(each.run.experiment, each.run.path)
        gone = runtime.find(name, "supervisor") is None
        if gone or now - each.silent_since > 2 * _ANSWER_S:
            each.progress = _last_words(each, error)
        return
    each.silent_since = None
    each.progress = progress
    if progress.ended:
        each.supervisor.submit("release")


def _last_words(each: _Watched, error: RaylabError) -> Progress:
    """Tell from the run's status how a supervisor ended that is gone."""
    state = each.run.state
    cause = str(each.run.status.get("cause") or error)
    failure = (
        None
        if state == "finished"
        else ActorError(
            f"the supervisor of {each.progress.run} is gone: {error}. Nothing up to the last "
            f"checkpoint is lost: `raylab resume {each.run.path}`."
        )
    )
    return replace(each.progress, state=state, cause=cause, ended=True, error=failure)


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Set an event on the first SIGINT or SIGTERM; a second SIGINT interrupts as usual.

    Only the main thread hears signals; in any other the event is never set.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before: dict[signal.Signals, Any] = {
        number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
