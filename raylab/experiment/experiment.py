"""An experiment as a typed, frozen value: what to train, until when, where, and how to save it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from raylab.errors import ConfigError
from raylab.experiment import codec, files
from raylab.experiment.stores import Store, is_url, working_folder
from raylab.rl.algorithms import AlgorithmConfig
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import EnvConfig
from raylab.rl.job import On
from raylab.rl.schedule import Checkpointing, Evaluating, Until


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where the work runs; the same experiment elsewhere is still the same experiment.

    What is None is decided when the run begins, by the cores that are free, and frozen into it.
    """

    kind: Literal["auto", "inline", "sync", "async"] = "auto"
    """inline: one process. sync: rollout workers and a learner, in step. async: they do not wait
    for each other (APPO, DQN). auto chooses by the algorithm and the free cores."""
    threads: int | None = None
    """Cores of what learns."""
    workers: int | None = None
    """Rollout workers of a seed, for sync and async."""
    envs_per_worker: int | None = None
    """Environments of each; with sync all workers together have the algorithm's num_envs."""
    worker_threads: int = 1
    """Threads of each worker."""
    worker_cores: float | None = None
    """Cores that a worker occupies, if not one a thread; less for environments that mostly wait."""
    replay_shards: int | None = None
    """Processes that hold replay, for DQN with workers; None is one for each worker."""
    shard_cores: float = 0.0
    """Cores that each of them occupies; drawing takes a small part of one."""
    evaluator: bool | None = None
    """Evaluate during training in a process of its own, of one core. None does if one is left."""
    gpus: float = 0.0
    """GPUs of what learns; then it goes where they are."""
    learner_on: On = field(default_factory=On)
    """Which nodes what learns may be on: custom resources and labels."""
    workers_on: On = field(default_factory=On)
    """The same of every rollout worker; they spread over the nodes."""
    shards_on: On = field(default_factory=On)
    """The same of every shard of replay; without any, a shard is beside a worker that writes to it."""
    nodes_within_s: float = 60.0
    """How long to wait for nodes where the cluster, even with nobody else in it, is too small."""
    device: str = "auto"
    """A torch device; auto takes the CPU unless the trainer is given a GPU."""
    address: str | None = None
    """Ray cluster, host:port; None looks for one, local always starts one on this machine."""

    def __post_init__(self) -> None:
        for name in ("threads", "workers", "envs_per_worker", "worker_threads", "replay_shards"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"placement.{name}={value} must be at least 1.")
        for name in ("worker_cores", "shard_cores", "gpus", "nodes_within_s"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value < float("inf"):
                raise ConfigError(f"placement.{name}={value} must not be negative.")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What to train, until when, with which seeds; run it with :meth:`main` or ``train``.

    Raises:
        ConfigError: a field has a wrong value.
    """

    name: str
    """Of the experiment; its runs lie in <runs_dir>/<name>-<hash of the configuration>."""
    env: EnvConfig
    """The environment and its protocol."""
    algorithm: AlgorithmConfig = field(default_factory=PPO)
    """The algorithm and its settings."""
    until: Until = field(default_factory=Until)
    """The stopping rule; a run that is there can be extended."""
    seeds: tuple[int, ...] = (1,)
    """One run each, side by side as the cores allow."""
    placement: Placement = field(default_factory=Placement)
    """Where the work runs."""
    checkpointing: Checkpointing = field(default_factory=Checkpointing)
    """When the state is saved."""
    evaluation: Evaluating = field(default_factory=Evaluating)
    """When and how the policy is scored."""
    runs_dir: str = field(default_factory=files.default_runs_dir)
    """Folder or fsspec URL of all runs; the default is RAYLAB_RUNS_DIR, else ./runs."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ConfigError(
                f"name={self.name!r} becomes a folder: use letters, digits, '_', '-' and '.'."
            )
        if not self.seeds:
            raise ConfigError("seeds=() trains nothing; give at least one, like 1.")
        if len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise ConfigError(f"seeds={self.seeds} must be different numbers from 0 on.")

    @property
    def experiment_id(self) -> str:
        """Name and hash of what decides the results: environment and algorithm.

        Placement, folder, stopping rule, seeds, checkpoints and evaluation are not part of it.
        """
        text = json.dumps(
            {"env": _as_read(self.env), "algorithm": _as_read(self.algorithm)}, sort_keys=True
        )
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    @property
    def folder(self) -> Path:
        """Where the experiment's runs lie, one folder a seed; of a URL, the working copy."""
        root = working_folder(self.store) if self.store is not None else Path(self.runs_dir)
        return root / self.experiment_id

    @property
    def store(self) -> Store | None:
        """Where the runs are kept when ``runs_dir`` is a URL, and no folder.

        Raises:
            ConfigError: the backend has no exclusive create.
        """
        return Store(self.runs_dir) if is_url(self.runs_dir) else None

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as :meth:`from_json` reads it."""
        content: dict[str, Any] = codec.to_json(self)
        return content

    @staticmethod
    def from_json(content: Any) -> Experiment:
        """Build an experiment from parsed JSON.

        Raises:
            ConfigError: names the field, the value and the near match.
        """
        return codec.from_json(Experiment, content)

    def main(self, argv: Sequence[str] | None = None) -> None:
        """Train, with every field open to the command line; ends the process on a mistake.

        Args:
            argv: arguments; the default is the command line's.
        """
        from raylab.experiment.command import run

        run(self, argv)


def _as_read(config: Any) -> Any:
    """JSON of a dataclass as it is after it was read from JSON: a 0 that is a float is 0.0."""
    content = json.loads(json.dumps(codec.to_json(config)))
    return codec.to_json(codec.from_json(type(config), content))


def load_config(path: Path) -> Experiment:
    """Read an experiment from a run's ``config.json``.

    Its runs go where that run lies, also when the folder was moved since; those of a working copy
    stay in their store.

    Raises:
        ConfigError: names the field, the value and the near match.
        CorruptDataError: the file cannot be read.
    """
    content = files.read_json(path, "give the config.json of a run or of an experiment.")
    try:
        experiment = Experiment.from_json(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    for folder in list(path.resolve().parents)[:2]:
        if folder.name == experiment.experiment_id and folder != experiment.folder:
            return replace(experiment, runs_dir=str(folder.parent))
    return experiment
