"""What is looked at and written before a run is trained: its folder, its rule, its configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from raylab.errors import ConfigError, RunExistsError
from raylab.experiment import codec, files
from raylab.experiment.experiment import Experiment
from raylab.experiment.run import Run
from raylab.rl.schedule import Until


def check_extension(run: Run, until: Until) -> None:
    """Refuse a stopping rule that is tighter than the run's own; raises ConfigError."""
    before = run.experiment.until
    for name in ("agent_steps", "wall_time_s", "episode_return"):
        old, new = getattr(before, name), getattr(until, name)
        if new is not None and (old is None or new < old):
            raise ConfigError(
                f"until.{name}={new:,} would cut {run.path} short, which was started with {old}; "
                f"a run can only be extended. Train another with --new."
            )


def is_finished(run: Run, until: Until) -> bool:
    """Whether the run has reached this end, and not only an earlier one."""
    return run.state == "finished" and run.status["until"] == codec.to_json(until)


def running_elsewhere(run: Run) -> RunExistsError:
    """Return the error that says who trains a run, and what can be done."""
    status = run.status
    process = status["process"]
    return RunExistsError(
        f"{run.path} is being trained by process {process['pid']} on {process['host']} (cluster "
        f"{status['cluster']}, last sign of life {status['updated']}). Wait for it, stop it there "
        f"with Ctrl-C, or train another with --new."
    )


def new_folder(folder: Path) -> Path:
    """Return ``<id>``, or the first of ``<id>-2``, ``<id>-3``, ... that is not there."""
    number, candidate = 1, folder
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def write_config(path: Path, experiment: Experiment, *, add_seeds: bool = False) -> None:
    """Write a configuration; with ``add_seeds`` the seeds of the one that is there are kept."""
    if add_seeds and path.exists():
        before = Experiment.from_json(files.read_json(path, "remove it: it is written again"))
        seeds = tuple(dict.fromkeys((*before.seeds, *experiment.seeds)))
        experiment = replace(experiment, seeds=seeds)
    files.write_json(path, experiment.to_json())


def publish_configs(experiment: Experiment, path: Path) -> None:
    """Copy a run's and its experiment's configuration to the store, if that is no folder.

    Whoever trains the run, maybe on another node, takes it from there.
    """
    if experiment.store is not None:
        for folder in (path.parent, path):
            config = folder / "config.json"
            name = str(config.relative_to(path.parent.parent))
            experiment.store.write(name, config.read_bytes())
