"""Go on with runs that are there, each as its own configuration says, or as it is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from raylab.errors import RunNotFoundError
from raylab.experiment.experiment import Experiment, Placement
from raylab.experiment.progress import Display
from raylab.experiment.run import Run, is_run, list_runs
from raylab.experiment.runner import train_in_folder
from raylab.rl.schedule import Until


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
        RaylabError: as :func:`raylab.experiment.train`.
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
    return train_in_folder(alike, folders[0], display or Display())
