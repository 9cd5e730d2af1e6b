"""Sweeps: settings of one experiment times seeds, trained side by side, some stopped early.

A setting is an ordinary experiment and a trial an ordinary run of it, in its usual folder: what
was trained before counts, a sweep that was killed goes on where its runs stand, and every verb
works on its runs.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from raylab import runtime
from raylab.errors import ConfigError
from raylab.experiment import files, prepare
from raylab.experiment.command import parse
from raylab.experiment.experiment import Experiment
from raylab.experiment.recorder import RunRecorder
from raylab.experiment.run import Run, is_run
from raylab.experiment.runner import make_job
from raylab.experiment.watching import stop_signals
from raylab.rl.schedule import RunState
from raylab.rl.trial import Trial
from raylab.runtime.tune import Event, Halving, run_all

_OTHER_TRAINER_S: Final = 60.0  # the trials of a killed sweep end within seconds
_LOG_FROM = 10.0  # a range that spans more than this factor is drawn by its logarithm

Axes = Mapping[str, Sequence[str]]
"""Option of the experiment, such as ``--algorithm.learning-rate``, to its values as text."""


@dataclass(frozen=True)
class Setting:
    """One experiment of a sweep."""

    label: str  # what distinguishes it, such as "learning-rate 1e-4"
    experiment: Experiment


@dataclass(frozen=True)
class TrialProgress:
    """How one run of a sweep is."""

    setting: str
    path: Path
    state: RunState = "queued"
    agent_steps: int = 0
    episode_return: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Sweep:
    """Settings, all trained with the same seeds.

    Raises:
        ConfigError: there is nothing to train, or two settings are the same experiment.
    """

    name: str
    settings: tuple[Setting, ...]
    halving: Halving | None = None

    def __post_init__(self) -> None:
        ids = [setting.experiment.experiment_id for setting in self.settings]
        if not ids:
            raise ConfigError("a sweep needs at least one setting.")
        twice = [s.label for s in self.settings if ids.count(s.experiment.experiment_id) > 1]
        if twice:
            raise ConfigError(f"{' and '.join(twice[:2])} are the same experiment; drop one.")

    @property
    def folder(self) -> Path:
        """Where the sweep's own files lie: what it tried, and its report."""
        ids = sorted(setting.experiment.experiment_id for setting in self.settings)
        number = hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:8]
        return self.settings[0].experiment.folder.parent / f"{self.name}-sweep-{number}"

    def trials(self) -> list[tuple[Setting, Experiment, Path]]:
        """Return (setting, experiment of one seed, folder of its run), seed by seed."""
        seeds = self.settings[0].experiment.seeds
        return [
            (
                setting,
                replace(setting.experiment, seeds=(seed,)),
                setting.experiment.folder.resolve() / str(seed),
            )
            for seed in seeds
            for setting in self.settings
        ]


def grid(axes: Axes) -> list[dict[str, str]]:
    """Return every combination of the values.

    >>> grid({"--lr": ["1", "2"], "--clip": ["3"]})
    [{'--lr': '1', '--clip': '3'}, {'--lr': '2', '--clip': '3'}]
    """
    for name, values in axes.items():
        if any(_range(value) for value in values):
            raise ConfigError(
                f"{name} gives a range; ranges need --samples N, which draws from it."
            )
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def draw(axes: Axes, samples: int, seed: int) -> list[dict[str, str]]:
    """Draw settings at random: of listed values, or of a range such as ``1e-5..1e-3``.

    A range of whole numbers gives whole numbers; one that spans more than a factor of ten is drawn
    by its logarithm. The same seed draws the same.
    """
    generator = random.Random(seed)
    return [
        {name: _draw(name, values, generator) for name, values in axes.items()}
        for _ in range(samples)
    ]


def plan(
    base: Experiment, combinations: Sequence[Mapping[str, str]], *, prog: str | None = None
) -> tuple[Setting, ...]:
    """Return a setting for each combination of overrides.

    Args:
        base: what they override.
        combinations: options and their values; of a field of yes or no ``True`` or ``False``.
        prog: what errors call the program.

    Raises:
        ConfigError: a value is out of range.
    """
    settings = []
    values: dict[str, set[str]] = {}
    for overrides in combinations:
        for name, value in overrides.items():
            values.setdefault(name, set()).add(value)
    for overrides in combinations:
        arguments = [part for name, value in overrides.items() for part in (name, value)]
        experiment, _ = parse(base, arguments, prog=prog, flags=False)
        label = ", ".join(
            f"{name.rpartition('.')[2].lstrip('-')} {value}"
            for name, value in overrides.items()
            if len(values[name]) > 1
        )
        settings.append(Setting(label or base.name, experiment))
    return tuple(settings)


def run_sweep(
    sweep: Sweep,
    *,
    address: str | None = None,
    tell: Callable[[list[TrialProgress]], None] | None = None,
) -> list[TrialProgress]:
    """Train what is not yet trained, as many runs at a time as there are cores.

    Ctrl-C (and SIGTERM) makes the runs that are trained save an exact checkpoint and end, and begins
    no more; a second Ctrl-C leaves at once. The same sweep again goes on.

    Args:
        sweep: what to train; each run takes ``placement.threads`` cores, one by default.
        address: of a Ray cluster; as in an experiment's placement.
        tell: called with all trials' progress, several times a second.

    Returns:
        How each trial ended, in the order of :meth:`Sweep.trials`.

    Raises:
        RaylabError: the cluster cannot be used.
    """
    trials = sweep.trials()
    threads = sweep.settings[0].experiment.placement.threads or 1
    files.make_folder(sweep.folder)
    files.write_json(sweep.folder / "sweep.json", _description(sweep))
    rows = [TrialProgress(setting.label, path) for setting, _, path in trials]

    def note(event: Event) -> None:
        rows[event.index] = _progress(rows[event.index], event)
        if tell is not None:
            tell(rows)

    was_connected = runtime.is_connected()
    cluster = runtime.connect(
        address or sweep.settings[0].experiment.placement.address, threads=threads
    )
    try:
        if threads > cluster.largest_node_cpus:
            raise ConfigError(
                f"placement.threads={threads} is more than the {cluster.largest_node_cpus:g} "
                f"cores of any node in the cluster."
            )
        with stop_signals() as stop:
            failures = run_all(
                partial(_start, cluster.address, threads, sweep.halving is not None),
                [(experiment, path) for _, experiment, path in trials],
                threads=threads,
                halving=sweep.halving,
                tell=note,
                is_stopped=stop.is_set,
                storage=str(sweep.folder.resolve()),
            )
    finally:
        if not was_connected:
            runtime.disconnect()
    return [
        replace(row, state="failed", note=failure) if failure else _stand(row)
        for row, failure in zip(rows, failures, strict=True)
    ]


class _RunWork:
    """One run as :class:`raylab.runtime.tune.Work`."""

    def __init__(self, trial: Trial | None, before: Iterator[dict[str, Any]]) -> None:
        self._trial = trial
        self._before = before

    def advance(self) -> dict[str, Any]:
        for earlier in self._before:
            return earlier
        if self._trial is None:
            return {"done": True}
        progress = self._trial.advance()
        return _result(progress.state, progress.agent_steps, progress.episode_return)

    def close(self) -> None:
        if self._trial is not None:
            self._trial.stop(
                "stopped early by the sweep: others were ahead, or its user stopped it"
            )
            self._trial = None


def _start(cluster: str, threads: int, is_halving: bool, what: tuple[Experiment, Path]) -> _RunWork:
    """Begin or continue a run; one that is finished only tells how it was."""
    experiment, path = what
    if is_run(path):
        prepare.check_extension(Run(path), experiment.until)
        if prepare.is_finished(Run(path), experiment.until):
            return _RunWork(None, _earlier(Run(path), is_halving))
    files.make_folder(path)
    deadline = time.monotonic() + _OTHER_TRAINER_S
    while is_run(path) and Run(path).is_alive:
        if time.monotonic() > deadline:
            raise prepare.running_elsewhere(Run(path))
        time.sleep(0.5)
    experiment = replace(
        experiment, placement=replace(experiment.placement, kind="inline", threads=threads)
    )
    prepare.write_config(path.parent / "config.json", experiment, add_seeds=True)
    prepare.write_config(path / "config.json", experiment)
    prepare.publish_configs(experiment, path)
    before = _earlier(Run(path), is_halving)
    trial = Trial(
        make_job(experiment, experiment.seeds[0], path),
        RunRecorder(path, cluster, experiment.store),
    )
    return _RunWork(trial, before)


def _earlier(run: Run, is_halving: bool) -> Iterator[dict[str, Any]]:
    """What the run reported in its time, so that early stopping compares all runs alike."""
    state, status = run.state, run.status
    if is_halving:
        metrics = run.metrics()
        if "episode_return_mean" in metrics:
            every = max(1, run.experiment.until.agent_steps // 20)
            rows = metrics[["agent_steps", "episode_return_mean"]].dropna()
            told = 0
            for steps, score in rows.itertuples(index=False):
                if steps // every > told:
                    told = steps // every
                    yield _result("running", int(steps), float(score))
    if state == "finished":
        yield _result(state, status["agent_steps"], status["episode_return"])


def _result(state: RunState, agent_steps: int, episode_return: float | None) -> dict[str, Any]:
    return {
        "steps": agent_steps,
        "score": math.nan if episode_return is None else episode_return,
        "done": state == "finished",
        "state": state,
    }


def _progress(row: TrialProgress, event: Event) -> TrialProgress:
    result = event.result
    score = result.get("score", math.nan)
    return replace(
        row,
        state="failed" if event.error else result.get("state", row.state),
        agent_steps=int(result.get("steps", row.agent_steps)),
        episode_return=None if math.isnan(score) else float(score),
        note=event.error,
    )


def _stand(row: TrialProgress) -> TrialProgress:
    """How the run is by its own record, when nobody trains it any more."""
    if not is_run(row.path) or not Run(row.path).status:
        return row
    run = Run(row.path)
    status = run.status
    return replace(
        row,
        state=run.state,
        agent_steps=int(status.get("agent_steps", 0)),
        episode_return=status.get("episode_return"),
        note="" if run.state == "finished" else str(status.get("cause", "")),
    )


def _description(sweep: Sweep) -> dict[str, Any]:
    return {
        "name": sweep.name,
        "halving": None if sweep.halving is None else vars(sweep.halving),
        "settings": [
            {"label": setting.label, "experiment": setting.experiment.experiment_id}
            for setting in sweep.settings
        ],
    }


def _draw(name: str, values: Sequence[str], generator: random.Random) -> str:
    limits = _range(values[0]) if len(values) == 1 else None
    if limits is None:
        return generator.choice(list(values))
    first, last = limits
    low, high = float(first), float(last)
    if not low < high:
        raise ConfigError(f"{name} {values[0]}: the first number must be below the second.")
    whole = first.lstrip("-").isdecimal() and last.lstrip("-").isdecimal()
    if low > 0 and high / low > _LOG_FROM:
        value = math.exp(generator.uniform(math.log(low), math.log(high)))
    else:
        value = generator.uniform(low, high)
    return str(round(value)) if whole else f"{value:.3g}"


def _range(value: str) -> tuple[str, str] | None:
    """The two numbers of a range such as ``1e-5..1e-3``; None of anything else, like a path."""
    first, _, last = value.partition("..")
    try:
        float(first), float(last)
    except ValueError:
        return None
    return first, last
