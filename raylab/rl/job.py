"""What a supervisor is given: the job of one run, the layout of its processes, its recorder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from raylab.rl.algorithms import AlgorithmConfig
from raylab.rl.envs import EnvConfig
from raylab.rl.evaluate import Evaluation
from raylab.rl.schedule import Checkpointing, Evaluating, Progress, Tracker, Until
from raylab.rl.trajectory import State, UpdateResult

Json = dict[str, Any]

Kind = Literal["inline", "sync", "async"]
"""inline: one process does everything. sync: rollout workers and a learner, in step. async: the
learner learns from what comes, while the workers go on with weights that are a little older."""


@dataclass(frozen=True, kw_only=True)
class On:
    """Which nodes a role may be on, beside the cores that it occupies."""

    resources: dict[str, float] = field(default_factory=dict)
    """Custom resources that it occupies there, by name."""
    labels: dict[str, str] = field(default_factory=dict)
    """Labels that the node must have."""


@dataclass(frozen=True)
class Layout:
    """The processes of a run, decided; the experiment's placement with nothing left open."""

    kind: Kind = "inline"
    threads: int = 1  # cores of what learns: the trainer, or the learner
    workers: int = 0  # rollout workers; none inline
    envs_per_worker: int = 0
    worker_threads: int = 1
    worker_cores: float = 1.0  # that a worker occupies; less for environments that mostly wait
    replay_shards: int = 0  # none: replay, if there is one, is in the process that learns
    shard_cores: float = 0.0  # that a shard occupies
    evaluator_cores: float = 0.0  # 0: what learns evaluates, too, and learns on afterwards
    in_flight_bytes: int = 128 << 20  # of fragments that nobody has learned from yet
    patience_s: float = 10.0  # no worker is taken for hung earlier
    device: str = "auto"
    gpus: float = 0.0  # of what learns
    learner_on: On = On()
    workers_on: On = On()
    shards_on: On = On()
    nodes_within_s: float = 60.0  # for nodes to join that a cluster lacks

    @property
    def cores(self) -> float:
        """Cores of training. In step, workers and learner take turns on the same."""
        playing = self.workers * self.worker_cores
        together = max(self.threads, playing) if self.kind == "sync" else self.threads + playing
        return together + self.replay_shards * self.shard_cores

    @property
    def learner_cores(self) -> float:
        """Cores that the learner occupies beside its workers and shards."""
        others = self.workers * self.worker_cores + self.replay_shards * self.shard_cores
        return self.cores - others


@dataclass(frozen=True)
class Job:
    """One seed of an experiment, ready to be trained."""

    run: str  # "<experiment id>/<seed>"
    env: EnvConfig
    algorithm: AlgorithmConfig
    seed: int
    until: Until
    checkpointing: Checkpointing
    evaluation: Evaluating
    layout: Layout


@dataclass(frozen=True)
class Start:
    """Where an attempt begins."""

    attempt: int
    state: State | None = None  # None: from nothing
    progress: Json | None = None  # the tracker's, from the same checkpoint
    simulated_agent_steps: int = 0  # by all attempts before
    has_random_baseline: bool = False
    replay_limit_bytes: float = 0.0  # of a replay in a checkpoint
    messages: tuple[str, ...] = ()  # what the user should know about it


class Recorder(Protocol):
    """Keeps what a run produces. All calls come from one thread."""

    def begin(self) -> Start:
        """Claim the next attempt and load the newest checkpoint that is whole."""

    def describe(self, environment: Json, differences: Sequence[str]) -> list[str]:
        """Record where the attempt runs.

        Args:
            environment: from what learns.
            differences: what was found that forbids an exact continuation.

        Returns:
            All that forbids it.
        """

    def inexact(self, reason: str) -> None:
        """From here on the run cannot be repeated exactly; say so in its log and status."""

    def record(self, result: UpdateResult, tracker: Tracker) -> None:
        """Keep an update's metrics and episodes."""

    def checkpoint(self, state: State, weight_hash: str, tracker: Tracker) -> None:
        """Save the state; when this returns it is safe."""

    def evaluation(
        self, policy: str, result: Evaluation, video: bytes | None, tracker: Tracker
    ) -> None:
        """Keep the scores of a policy ("random", "greedy", "sampled") and its video, if any."""

    def message(self, text: str) -> None:
        """Write a line to the run's log."""

    def beat(self, progress: Progress) -> None:
        """Called every few seconds: show that the run lives."""

    def finish(self, progress: Progress) -> None:
        """Write everything out; the run has ended as ``progress`` says."""
