"""The system around a learner: a trainer in one actor, under a supervisor that outlives drivers.

The trainer (``inline`` placement) holds environments, policy and learner. The supervisor drives
it update by update, hands what comes out to a recorder, starts it again from the last checkpoint
when it dies, and ends it cleanly when it is told to. Drivers come and go: they ask the supervisor
how it is, and tell it to stop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from raylab import runtime
from raylab.errors import RaylabError, RoleDiedError
from raylab.rl.agent import Algorithm
from raylab.rl.envs import EnvConfig
from raylab.rl.evaluate import Evaluation
from raylab.rl.schedule import (
    Checkpointing,
    Evaluating,
    Progress,
    RunState,
    Tracker,
    Until,
    crossed,
)
from raylab.rl.trainer import Trainer
from raylab.rl.trajectory import State, UpdateResult

Json = dict[str, Any]

MAX_RESTARTS: Final = 3  # of a trainer, without a new checkpoint in between; and of a supervisor
_BEAT_S: Final = 2.0
_LINGER_S: Final = 60.0  # a supervisor that has ended waits so long for a driver to ask how


@dataclass(frozen=True)
class Job:
    """One seed of an experiment, ready to be trained."""

    run: str  # "<experiment id>/<seed>"
    env: EnvConfig
    algorithm: Algorithm
    seed: int
    until: Until
    checkpointing: Checkpointing
    evaluation: Evaluating
    threads: int
    device: str = "auto"


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
            environment: from the trainer.
            differences: what the trainer found that forbids an exact continuation.

        Returns:
            All that forbids it.
        """

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


class Supervisor:
    """Owns one run from its first attempt to its end; an actor that answers while it works.

    Ray starts it again when its process dies: it then goes on from the last checkpoint. It ends
    its own process some time after the run's end, or when a driver has seen how it ended.

    Args:
        job: what to train.
        make_recorder: builds the recorder, in the supervisor's process.
    """

    def __init__(self, job: Job, make_recorder: Callable[[], Recorder]) -> None:
        self._job = job
        self._stop = threading.Event()
        self._stop_cause = ""
        self._released = threading.Event()
        self._progress = Progress(
            run=job.run,
            state="queued",
            phase="starting",
            until_agent_steps=job.until.agent_steps,
            until_wall_time_s=job.until.wall_time_s,
        )
        threading.Thread(
            target=self._run, args=(make_recorder,), name="supervisor", daemon=True
        ).start()

    def progress(self) -> Progress:
        """Return how far the run is."""
        return self._progress

    def stop(self, cause: str) -> None:
        """Finish the update that is under way, save an exact checkpoint, and end."""
        self._stop_cause = cause
        self._stop.set()

    def release(self) -> None:
        """Let the process end: somebody knows how the run ended."""
        self._released.set()

    # The rest runs in the supervisor's own thread.

    def _run(self, make_recorder: Callable[[], Recorder]) -> None:
        recorder = None
        try:
            recorder = make_recorder()
            state, cause = self._train(recorder)
            self._tell(state=state, cause=cause, phase="")
            recorder.finish(self._progress)
        except Exception as error:  # noqa: BLE001 - nothing above would see it: drivers ask for it
            self._fail(error, recorder)
        self._tell(ended=True)
        self._released.wait(_LINGER_S)
        time.sleep(0.1)  # lets the answer to release() out
        runtime.leave()

    def _fail(self, error: Exception, recorder: Recorder | None) -> None:
        known = (
            error if isinstance(error, RaylabError) else RaylabError(f"raylab failed: {error!r}")
        )
        self._tell(state="failed", cause=str(known), error=known, phase="")
        if recorder is None:
            return
        try:
            recorder.finish(self._progress)
        except Exception as second:  # noqa: BLE001 - the first error is the one to report
            self._tell(cause=f"{known} (and then: {second})")

    def _train(self, recorder: Recorder) -> tuple[RunState, str]:
        """Make attempts until one ends well; the last error of too many goes up."""
        deaths = 0
        reached = -1
        while True:
            start = recorder.begin()
            tracker = Tracker(self._job.until, start.progress, start.simulated_agent_steps)
            for message in start.messages:
                self._message(message, recorder)
            deaths = 0 if tracker.agent_steps > reached else deaths
            reached = tracker.agent_steps
            try:
                return self._attempt(recorder, start, tracker)
            except RoleDiedError as error:
                deaths += 1
                if deaths > MAX_RESTARTS:
                    raise
                self._message(f"the trainer died and is started again: {error}", recorder)

    def _attempt(self, recorder: Recorder, start: Start, tracker: Tracker) -> tuple[RunState, str]:
        job = self._job
        self._tell(attempt=start.attempt, phase=f"waiting for {job.threads} core(s)")
        self._count(tracker)
        trainer = runtime.actor(
            Trainer,
            job.env,
            job.algorithm,
            job.seed,
            job.until.agent_steps,
            job.threads,
            job.device,
            role=f"trainer of {job.run}",
            num_cpus=job.threads,
            threads=job.threads,
        )
        try:
            environment = self._await(trainer.submit("prepare"), recorder, stoppable=True)
            if environment is None:
                return "interrupted", self._stop_cause
            self._tell(state="running", phase="preparing")
            differences: tuple[str, ...] = ()
            if start.state is not None:
                differences = self._await(trainer.submit("restore", start.state), recorder)
            reasons = recorder.describe(environment, differences)
            if reasons:
                self._message(f"continued, not exact: {'; '.join(reasons)}", recorder)
            baseline = job.evaluation.random_baseline_episodes
            if baseline and not start.has_random_baseline:
                self._tell(phase=f"playing {baseline} games at random")
                games = trainer.submit("random_baseline", baseline)
                played = self._await(games, recorder, stoppable=True)
                if played is None:
                    return "interrupted", self._stop_cause
                recorder.evaluation("random", played, None, tracker)
            return self._loop(recorder, trainer, tracker, start.replay_limit_bytes)
        finally:
            trainer.kill()

    def _loop(
        self,
        recorder: Recorder,
        trainer: runtime.Role,
        tracker: Tracker,
        replay_limit_bytes: float,
    ) -> tuple[RunState, str]:
        """Update after update. The next one is under way while the last one is recorded."""
        job = self._job
        self._tell(phase="training")
        tracker.start()
        cause = tracker.reached()
        update = None if cause else trainer.submit("update")
        while update is not None:
            result: UpdateResult = self._await(update, recorder)
            before = tracker.agent_steps
            tracker.add(result)
            cause = tracker.reached()
            is_last = cause is not None or self._stop.is_set()
            now = result.agent_steps
            saved = evaluated = update = None
            if is_last or crossed(job.checkpointing.every_agent_steps, before, now):
                saved = trainer.submit("checkpoint", replay_limit_bytes)
            if not is_last and crossed(job.evaluation.every_agent_steps, before, now):
                evaluated = self._submit_evaluation(trainer)
            if not is_last:
                update = trainer.submit("update")
            recorder.record(result, tracker)
            self._count(tracker)
            if saved is not None:
                state, weight_hash = self._await(saved, recorder)
                recorder.checkpoint(state, weight_hash, tracker)
            if evaluated is not None:
                self._keep_evaluation(evaluated, recorder, tracker)
        if cause is None:
            return "interrupted", self._stop_cause
        if job.evaluation.episodes:
            self._tell(phase=f"evaluating over {job.evaluation.episodes} games")
            self._keep_evaluation(self._submit_evaluation(trainer), recorder, tracker)
        return "finished", cause

    def _submit_evaluation(self, trainer: runtime.Role) -> runtime.Ref:
        evaluation = self._job.evaluation
        return trainer.submit("evaluate", evaluation.episodes, evaluation.greedy, evaluation.video)

    def _keep_evaluation(self, ref: runtime.Ref, recorder: Recorder, tracker: Tracker) -> None:
        """Record an evaluation; one that fails or is stopped costs the run nothing."""
        try:
            played = self._await(ref, recorder, stoppable=True)
        except RoleDiedError:
            raise
        except RaylabError as error:
            self._message(f"an evaluation failed: {error}", recorder)
            return
        if played is not None:
            result, video = played
            policy = "greedy" if self._job.evaluation.greedy else "sampled"
            recorder.evaluation(policy, result, video, tracker)

    def _await(self, ref: runtime.Ref, recorder: Recorder, *, stoppable: bool = False) -> Any:
        """Wait for a result with signs of life; None if it is stoppable and we were stopped."""
        while not runtime.wait([ref], _BEAT_S):
            recorder.beat(self._progress)
            if stoppable and self._stop.is_set():
                return None
        recorder.beat(self._progress)
        return ref.get()

    def _count(self, tracker: Tracker) -> None:
        self._tell(
            update=tracker.update,
            agent_steps=tracker.agent_steps,
            wall_time_s=tracker.wall_time_s,
            steps_per_s=tracker.steps_per_s,
            episode_return=tracker.episode_return,
            time_left_s=tracker.time_left_s,
        )

    def _message(self, text: str, recorder: Recorder) -> None:
        recorder.message(text)
        self._tell(messages=(*self._progress.messages, text))

    def _tell(self, **changes: Any) -> None:
        self._progress = replace(self._progress, **changes)
