"""Watch runs by their supervisors: show how they are, stop them when the user wants it, tell their ends.

Nothing here trains: a driver that leaves loses nothing, and another one may watch on.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, Final

from raylab import runtime
from raylab.errors import ActorError, RaylabError, RoleDiedError, RoleTimeoutError
from raylab.experiment.experiment import Experiment
from raylab.experiment.progress import Display
from raylab.experiment.run import Run, is_run, list_runs
from raylab.rl.schedule import Progress

_POLL_S: Final = 0.5
_ANSWER_S: Final = 30.0


@dataclass
class Watched:
    """A run and its supervisor, as the driver sees them."""

    run: Run
    supervisor: runtime.Role
    progress: Progress
    silent_since: float | None = None


def attach(
    path: str | Path, *, address: str | None = None, display: Display | None = None
) -> list[Run]:
    """Watch the run in a folder, or all runs of an experiment's folder, until they end.

    Ctrl-C leaves; the runs go on. A run that nobody trains is told how it stands.

    Args:
        path: as for :func:`raylab.experiment.resume`.
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
            watch(watched, display, can_stop=False)
        tell_ends(watched, display)
    finally:
        if not was_connected:
            runtime.disconnect()
    return runs


def _find(run: Run) -> Watched | None:
    """Return a run with its supervisor in this cluster, if it has one that answers."""
    name = supervisor_name(run.experiment, run.path.resolve())
    supervisor = runtime.find(name, f"supervisor of {run.id}")
    if supervisor is None:
        return None
    try:
        return Watched(run, supervisor, supervisor.call("progress", timeout_s=_ANSWER_S))
    except (RoleDiedError, RoleTimeoutError):
        return None


def supervisor_name(experiment: Experiment, path: Path) -> str:
    """Return the name that locks a run inside a cluster: the run's place, from anywhere the same."""
    if experiment.store is None:
        return str(path)
    return f"{experiment.store}/{path.parent.name}/{path.name}"


def watch(watched: Sequence[Watched], display: Display, *, can_stop: bool = True) -> None:
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


def tell_ends(watched: Sequence[Watched], display: Display) -> None:
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


def _refresh(each: Watched) -> None:
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


def _last_words(each: Watched, error: RaylabError) -> Progress:
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
