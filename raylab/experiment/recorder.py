"""Writes a run's folder while it is trained: metrics, events, checkpoints, status, log.

Files appear whole or not at all, and none is changed later but ``status.json``, ``config.json``
and ``environment.json``, which are replaced. Whatever kills the process, a reader finds a run.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from raylab.errors import CorruptDataError, RunExistsError
from raylab.experiment import checkpoint, codec, files, tables
from raylab.experiment.checkpoint import Checkpoint
from raylab.experiment.evaluation import write_evaluation
from raylab.experiment.events import EventWriter
from raylab.experiment.files import Json
from raylab.experiment.run import Run, newest_whole
from raylab.experiment.stores import Mirror, Store
from raylab.rl.evaluate import Evaluation
from raylab.rl.job import Start
from raylab.rl.roles.evaluator import evaluation_seed
from raylab.rl.schedule import Progress, Tracker
from raylab.rl.trajectory import State, UpdateResult
from raylab.runtime.machine import ProcessId
from raylab.runtime.metrics import publish

_FOLDERS = (
    "attempts",
    "checkpoints",
    "episodes",
    "evaluations",
    "metrics",
    "tensorboard",
    "videos",
)
_PUBLISHED_AS = {
    "policy_lag/max": "policy_lag",
    "queue/fragments": "queued_fragments",
    "queue/collecting": "collecting_fragments",
    "queue/updates": "learning_updates",
}
_STATUS_S = 10.0
_FLUSH_S = (5.0, 60.0)  # parts are small at first, so that a young run can be read


class RunRecorder:
    """Keeps one run; see :class:`raylab.rl.system.Recorder` for the calls.

    Args:
        path: the run's folder, which holds its ``config.json``.
        cluster: address of the Ray cluster, recorded for drivers that want to attach.
        store: where the run is kept, if that is no folder: ``path`` is then a working copy.

    Raises:
        RunError: the folder cannot be written.
    """

    def __init__(self, path: Path, cluster: str = "", store: Store | None = None) -> None:
        self._mirror = None
        if store is not None:
            self._mirror = Mirror(store, f"{path.parent.name}/{path.name}", path)
            self._mirror.pull()
        for name in _FOLDERS:
            files.make_folder(path / name)
        self._path = path
        self._run = f"{path.parent.name}/{path.name}"
        self._experiment = Run(path).experiment
        self._cluster = cluster
        self._process = ProcessId.current()
        self._attempt = 0
        self._is_exact = True
        self._environment: Json = {}
        self._saved_environment: Json = {}
        self._weight_hash, self._hashed_at = "", 0
        self._simulated_agent_steps = 0
        self._checkpoint_cost: dict[str, float] = {}
        self._rows: list[dict[str, int | float]] = []
        self._episodes: list[dict[str, int | float]] = []
        self._status_at = -math.inf
        self._status_of: tuple[int, str] = (0, "")
        self._flushed_at = time.monotonic()
        self._events: EventWriter | None = None

    def begin(self) -> Start:
        """Claim the next attempt and load the newest whole checkpoint.

        Raises:
            CorruptDataError: there are checkpoints, and none is whole.
            RunError: the folder cannot be written.
        """
        self._rows, self._episodes = [], []
        found, damage = newest_whole(self._path)
        if found is None and damage:
            raise CorruptDataError(
                f"none of the {len(damage)} checkpoints in {self._path / 'checkpoints'} is whole; "
                f"restore one from a copy, or train from the beginning with --new. "
                f"The newest: {damage[0]}"
            )
        record = found.record if found else {}
        steps = record.get("agent_steps", 0)
        messages = [f"{error} Going on from {steps:,} agent steps." for error in damage]
        self._attempt = self._claim(steps)
        for folder in ("metrics", "episodes"):
            messages += self._tidy(self._path / folder)
        status = Run(self._path).status
        # Between two attempts of one process the status may be some seconds old.
        self._simulated_agent_steps = max(
            self._simulated_agent_steps, int(status.get("simulated_agent_steps", 0))
        )
        self._is_exact = record.get("exact", True)
        self._saved_environment = record.get("exactness", {})
        self._weight_hash, self._hashed_at = record.get("weight_hash", ""), steps
        if self._events is not None:
            self._events.close()
        self._events = EventWriter(self._path / "tensorboard", restart_at=steps)
        if found:
            messages.append(f"attempt {self._attempt} goes on from {steps:,} agent steps")
        return Start(
            attempt=self._attempt,
            state=found.state if found else None,
            progress=record.get("progress"),
            simulated_agent_steps=self._simulated_agent_steps,
            replay_limit_bytes=self._experiment.checkpointing.replay_limit_bytes(
                shutil.disk_usage(self._path).free
            ),
            has_random_baseline=self._evaluation_path("random", 0).exists(),
            messages=tuple(messages),
        )

    def describe(self, environment: Json, differences: Sequence[str]) -> list[str]:
        """Record where the attempt runs; return all that forbids an exact continuation."""
        self._environment = environment
        content = {"attempt": self._attempt, **environment}
        files.write_json(self._path / "environment.json", content)
        before, now = self._saved_environment, environment["exactness"]
        reasons = [*differences]
        for name in before:
            if before[name] != now.get(name):
                reasons.append(f"{name}: {now.get(name)}, was {before[name]}")
        self._is_exact &= not reasons
        return reasons

    def inexact(self, reason: str) -> None:
        """From here on the run cannot be repeated exactly."""
        self._is_exact = False
        self.message(f"not exact any more: {reason}")

    def record(self, result: UpdateResult, tracker: Tracker) -> None:
        """Keep an update's metrics and episodes; they are written within a minute."""
        self._simulated_agent_steps = tracker.simulated_agent_steps
        metrics: dict[str, float] = dict(result.metrics)
        if tracker.episode_return is not None:
            metrics["episode_return_mean"] = tracker.episode_return
        key = {"attempt": self._attempt, "update": result.update, "agent_steps": result.agent_steps}
        counters = {
            "simulated_agent_steps": tracker.simulated_agent_steps,
            "frames": result.agent_steps * self._experiment.env.frames_per_step,
            "wall_time_s": tracker.wall_time_s,
        }
        self._rows.append({**key, **counters, **metrics})
        state = {
            "attempt": self._attempt,
            "update": result.update,
            "agent_steps": result.agent_steps,
            "simulated_agent_steps": tracker.simulated_agent_steps,
            "steps_per_s": tracker.steps_per_s,
            "episode_return": metrics.get("episode_return_mean", math.nan),
        }
        named = {_PUBLISHED_AS.get(name, name): value for name, value in metrics.items()}
        publish(self._run, "supervisor", {**named, **state, **self._checkpoint_cost})
        for episode in result.episodes:
            self._episodes.append({**key, **dataclasses.asdict(episode)})
        if self._events is not None:
            self._events.add(metrics, result.agent_steps, time.time())
        age = time.monotonic() - self._flushed_at
        if age > min(max(tracker.wall_time_s / 50, _FLUSH_S[0]), _FLUSH_S[1]):
            self._flush()

    def checkpoint(self, state: State, weight_hash: str, tracker: Tracker) -> None:
        """Save the state; when this returns it is safe."""
        began = time.monotonic()
        self._flush()
        self._weight_hash, self._hashed_at = weight_hash, tracker.agent_steps
        record = {
            "agent_steps": tracker.agent_steps,
            "update": tracker.update,
            "attempt": self._attempt,
            "weight_hash": weight_hash,
            "exact": self._is_exact,
            "exactness": self._environment["exactness"],
            "progress": tracker.saved(),
        }
        parts = [
            {"folder": folder, **checkpoint.entry(path)}
            for folder in ("metrics", "episodes")
            for path in tables.list_parts(self._path / folder)
        ]
        saved = checkpoint.save(self._path / "checkpoints", Checkpoint(state, record), covers=parts)
        checkpoint.prune(self._path / "checkpoints", self._experiment.checkpointing.keep)
        if self._mirror is not None:
            self._mirror.push()
        self._checkpoint_cost = {
            "checkpoint_bytes": sum(path.stat().st_size for path in saved.iterdir()),
            "checkpoint_seconds": time.monotonic() - began,
        }
        publish(self._run, "supervisor", self._checkpoint_cost)

    def evaluation(
        self, policy: str, result: Evaluation, video: bytes | None, tracker: Tracker
    ) -> None:
        """Keep the scores of a policy and the video of its first game."""
        write_evaluation(
            self._path,
            self._experiment.env,
            policy,
            result,
            video,
            agent_steps=tracker.agent_steps,
            seed=evaluation_seed(self._experiment.seeds[0]),
            weight_hash=self._weight_hash if tracker.agent_steps == self._hashed_at > 0 else None,
        )
        if self._events is not None:
            scores = {f"evaluation/{policy}_return": result.mean}
            self._events.add(scores, tracker.agent_steps, time.time())
        self.message(f"{policy} policy at {tracker.agent_steps:,} agent steps: {result.mean:.2f}")

    def message(self, text: str) -> None:
        """Append a line to the log: for people in log.txt, for programs in log.jsonl."""
        now = datetime.now(UTC)
        line = f"{now:%Y-%m-%d %H:%M:%S} attempt {self._attempt}: {text}\n"
        entry = {
            "time": now.isoformat(timespec="milliseconds"),
            "run": self._run,
            "role": "supervisor",
            "node": self._process.host,
            "attempt": self._attempt,
            "message": text,
        }
        for name, content in (("log.txt", line), ("log.jsonl", json.dumps(entry) + "\n")):
            try:
                with (self._path / name).open("a", encoding="utf-8") as log:
                    log.write(content)
            except OSError as error:
                raise files.cannot_write(self._path / name, error) from error

    def beat(self, progress: Progress) -> None:
        """Renew the status every few seconds; stops a run that another attempt has taken over."""
        is_new = (self._attempt, progress.state) != self._status_of
        if is_new or time.monotonic() - self._status_at > _STATUS_S:
            self._write_status(progress)

    def finish(self, progress: Progress) -> None:
        """Write everything out and compact it; the run has ended as ``progress`` says."""
        self._check_claim()
        self.message(f"{progress.state}: {progress.cause}")
        self._flush()
        if self._events is not None:
            self._events.close()
        try:
            tables.compact(self._path / "metrics", self._path / "episodes", self._attempt)
        except CorruptDataError as error:
            self.message(f"the metrics stay in many parts: {error}")
        self._write_status(progress)

    def _flush(self) -> None:
        self._check_claim()
        self._flushed_at = time.monotonic()
        if self._rows:
            tables.write_part(self._path / "metrics", self._attempt, self._rows)
        if self._episodes:
            tables.write_part(self._path / "episodes", self._attempt, self._episodes)
        self._rows, self._episodes = [], []
        if self._events is not None:
            self._events.flush()

    def _claim(self, agent_steps: int) -> int:
        """Take the next attempt number; of several processes, each gets its own."""
        content = {
            "process": dataclasses.asdict(self._process),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "from_agent_steps": agent_steps,
        }
        attempt = self._newest_attempt()
        while True:
            attempt += 1
            claim = files.to_json({"attempt": attempt, **content})
            if self._mirror is not None and not self._mirror.claim(attempt, claim):
                continue
            path = self._path / "attempts" / f"{attempt:04d}.json"
            if files.create_exclusively(path, claim):
                return attempt

    def _newest_attempt(self) -> int:
        names = [path.stem for path in (self._path / "attempts").glob("*.json")]
        here = max((int(name) for name in names if name.isdecimal()), default=0)
        return here if self._mirror is None else max(here, self._mirror.newest_attempt())

    def _check_claim(self) -> None:
        newest = self._newest_attempt()
        if self._attempt and newest > self._attempt:
            raise RunExistsError(
                f"attempt {newest} has taken over {self._path}: attempt {self._attempt} stops, "
                f"and writes nothing more."
            )

    def _tidy(self, folder: Path) -> list[str]:
        """Finish a compaction that was cut off; return a line for every damaged part."""
        tables.remove_replaced(folder)
        damaged = []
        for path in tables.list_parts(folder):
            try:
                tables.read_part(path)
            except CorruptDataError as error:
                damaged.append(str(error))
        return damaged

    def _write_status(self, progress: Progress) -> None:
        self._check_claim()
        self._status_at = time.monotonic()
        self._status_of = (self._attempt, progress.state)
        now = datetime.now(UTC)
        status: dict[str, Any] = {
            "run": progress.run,
            "state": progress.state,
            "cause": progress.cause,
            "until": codec.to_json(self._experiment.until),
            "attempt": self._attempt,
            "update": progress.update,
            "agent_steps": progress.agent_steps,
            "simulated_agent_steps": self._simulated_agent_steps,
            "wall_time_s": progress.wall_time_s,
            "steps_per_s": progress.steps_per_s,
            "episode_return": progress.episode_return,
            "weight_hash": self._weight_hash,
            "exact": self._is_exact,
            "process": dataclasses.asdict(self._process),
            "cluster": self._cluster,
            "updated": now.isoformat(timespec="seconds"),
            "updated_at": now.timestamp(),
        }
        files.write_json(self._path / "status.json", status)
        if self._mirror is not None:
            self._mirror.push()

    def _evaluation_path(self, policy: str, agent_steps: int) -> Path:
        return self._path / "evaluations" / f"{agent_steps:012d}-{policy}.json"
