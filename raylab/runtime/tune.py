"""Many small pieces of work at once on Ray Tune: queueing, packing, early stopping, retries.

The only module that imports Tune. Nothing of Tune's own state is kept: the work keeps its state
itself, so a sweep that was killed starts over, and work that is done says so at once.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from ray import tune
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler

from raylab.errors import ClusterError, ConfigError, RaylabError

MAX_FAILURES: Final = 3  # of one piece of work whose process died
_FOLDER: Final = ".tune-"
_LOCK: Final = "lock"  # held by the process that made the folder
# Read when Tune starts: no event files of its own, no change of the working directory.
_SETTINGS: Final = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}


class Work(Protocol):
    """Something that is done in steps, in one process; it keeps its own state."""

    def advance(self) -> Mapping[str, Any]:
        """Do a step.

        Returns:
            Plain values; ``done`` is whether it has ended, ``steps`` how far it is, and ``score``
            how good (higher is better), if that is known.

        Raises:
            RaylabError: it failed, and would fail again.
        """

    def close(self) -> None:
        """Keep what there is; called when it ended and when it is stopped early."""


@dataclass(frozen=True)
class Halving:
    """Asynchronous successive halving: work that is behind its like is stopped early.

    Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning".
    """

    max_steps: int
    first_steps: int  # nothing is stopped before
    factor: float = 3.0  # of what reaches a rung, one in so many goes on


@dataclass(frozen=True)
class Event:
    """What happened to one piece of work."""

    index: int
    result: Mapping[str, Any]  # of its newest step
    error: str = ""  # why it failed, or died and is started again


def run_all(
    make: Callable[[Any], Work],
    work: Sequence[Any],
    *,
    threads: int,
    halving: Halving | None,
    tell: Callable[[Event], None],
    is_stopped: Callable[[], bool],
    storage: str | None = None,
) -> list[str]:
    """Do all work, as many pieces at a time as there are cores for.

    Args:
        make: builds a piece of work from its description, in the process that does it.
        work: the descriptions; can be pickled.
        threads: cores of one piece.
        halving: stop early what is behind; None does everything to its end.
        tell: called in this process for everything that happens.
        is_stopped: asked again and again; once it holds, what has begun is closed and no more
            is begun.
        storage: a folder that all nodes see, for Tune's own files; they are removed at the end.

    Returns:
        For each piece why it failed for good; empty text when it did not.

    Raises:
        ConfigError: the first rung lies beyond the end.
        ClusterError: Tune ended before the work did.
    """
    scheduler = _scheduler(halving)
    os.environ.update(_SETTINGS)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # we tell ourselves what failed
    trainable = tune.with_resources(
        tune.with_parameters(_Trainable, make=make, work=list(work)),
        PlacementGroupFactory([{"CPU": threads}]),
    )
    with own_folder(storage) as folder:
        tuner = tune.Tuner(
            trainable,
            param_space={"index": tune.grid_search(list(range(len(work))))},
            tune_config=tune.TuneConfig(scheduler=scheduler, reuse_actors=True),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=str(folder),
                verbose=0,
                stop=_Stopper(is_stopped),
                failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
                callbacks=[_Listener(tell)],
            ),
        )
        try:
            results = tuner.fit()
        except tune.TuneError as error:
            raise ClusterError(f"the sweep ended: {error}; the same command goes on.") from error
    failures = [""] * len(work)
    for number in range(len(results)):
        result = results[number]
        if result.config is None:
            continue
        why = str((result.metrics or {}).get("error", ""))
        if result.error is not None:
            why = why or _last_line(result.error)
        failures[result.config["index"]] = why
    return failures


@contextmanager
def own_folder(storage: str | None) -> Iterator[Path]:
    """A folder for Tune's files while this process lives; what killed ones left is removed."""
    parent = Path(storage or tempfile.gettempdir())
    for lock in parent.glob(f"{_FOLDER}*/{_LOCK}"):
        with suppress(OSError), lock.open("w") as file:  # BlockingIOError: its process lives
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER, dir=parent))
    try:
        with (folder / f"{_LOCK}.new").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            (folder / f"{_LOCK}.new").rename(folder / _LOCK)  # nobody sees it without the lock
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Trainable(tune.Trainable):
    """One piece of work as Tune wants it; its process is used for one after the other.

    What raylab raises is a result, for trying again would not help; what ends the process is not.
    """

    def setup(self, config: dict[str, Any], make: Any = None, work: Any = None) -> None:
        self._make, self._all = make, work
        self._work: Work | None = None
        self._index: int = config["index"]

    def step(self) -> dict[str, Any]:
        try:
            if self._work is None:  # not in setup: of two processes that are set up one may step
                self._work = self._make(self._all[self._index])
            return dict(self._work.advance())
        except RaylabError as error:
            return {"done": True, "error": str(error)}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self._index = new_config["index"]
        return True

    def cleanup(self) -> None:
        if self._work is not None:
            self._work.close()
            self._work = None

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: the work keeps its state."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: the work finds its state."""


class _Listener(tune.Callback):
    """Hands on what happens; Tune saves its callbacks, and this one without whom it tells."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell

    def __reduce__(self) -> tuple[Any, ...]:
        return _Listener, (_tell_nobody,)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        del iteration, trials, info
        self._tell(Event(trial.config["index"], result, result.get("error", "")))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        del iteration, trials, info
        self._tell(Event(trial.config["index"], trial.last_result or {}, _why(trial)))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        del iteration, trials, info
        self._tell(Event(trial.config["index"], trial.last_result or {}, _why(trial)))


class _Stopper(tune.Stopper):
    """Stops everything when somebody wants it; saved by Tune without whom it asks."""

    def __init__(self, is_stopped: Callable[[], bool]) -> None:
        self._is_stopped = is_stopped

    def __reduce__(self) -> tuple[Any, ...]:
        return _Stopper, (_goes_on,)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        return self._is_stopped()


def _goes_on() -> bool:
    return False


def _tell_nobody(event: Event) -> None:
    del event


def _scheduler(halving: Halving | None) -> Any:
    if halving is None:
        return FIFOScheduler()  # type: ignore[no-untyped-call]  # not annotated by ray
    if not 0 < halving.first_steps < halving.max_steps:
        raise ConfigError(
            f"the first rung at {halving.first_steps:,} agent steps must lie between 0 and the "
            f"{halving.max_steps:,} of until.agent_steps."
        )
    return AsyncHyperBandScheduler(
        time_attr="steps",
        metric="score",
        mode="max",
        max_t=halving.max_steps,
        grace_period=halving.first_steps,
        reduction_factor=halving.factor,
    )


def _why(trial: Any) -> str:
    error = trial.get_error()
    return _last_line(error) if error is not None else "its process died"


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
