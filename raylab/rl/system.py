"""The supervisor of a run: it outlives drivers, and starts again what dies.

A team of processes trains (see :mod:`raylab.rl.placements`). The supervisor drives it update by
update, hands what comes out to a recorder, starts another team from the last checkpoint when what
learns dies or hangs, and ends the run cleanly when it is told to. Drivers come and go: they ask
the supervisor how it is, and tell it to stop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from raylab import runtime
from raylab.errors import RaylabError, RoleDiedError, RoleTimeoutError
from raylab.rl.job import Job, Recorder, Start
from raylab.rl.placements import make_team
from raylab.rl.placements.evaluator_side import EvaluatorSide
from raylab.rl.placements.team import Pending, Team
from raylab.rl.placements.watch import Stopped, Watch
from raylab.rl.schedule import Progress, RunState, Tracker, crossed

MAX_RESTARTS: Final = 3  # of a team, without a new checkpoint in between; and of a supervisor
_LINGER_S: Final = 60.0  # a supervisor that has ended waits so long for a driver to ask how


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
        watch = Watch(
            beat=lambda: recorder.beat(self._progress),
            is_stopped=self._stop.is_set,
            message=lambda text: self._message(text, recorder),
            inexact=recorder.inexact,
        )
        start: Start | None = recorder.begin()
        deaths, reached = 0, -1
        while True:
            team = make_team(self._job, watch)
            evaluator = (
                EvaluatorSide(self._job, watch) if self._job.layout.evaluator_cores else None
            )
            try:
                self._tell(phase=f"waiting for {self._job.layout.cores:g} core(s)")
                team.stand()
                # After a death an attempt is claimed by a team that stands. In a cluster that is
                # going down none ever does, and whoever resumes the run has the next number.
                start = start or recorder.begin()
                tracker = Tracker(self._job.until, start.progress, start.simulated_agent_steps)
                deaths = 0 if tracker.agent_steps > reached else deaths
                reached = tracker.agent_steps
                return self._attempt(recorder, team, evaluator, start, tracker)
            except Stopped:
                return "interrupted", self._stop_cause
            except (RoleDiedError, RoleTimeoutError) as error:
                deaths += 1
                if deaths > MAX_RESTARTS:
                    raise
                self._message(f"going on from the last checkpoint: {error}", recorder)
                start = None
            finally:
                team.close()
                if evaluator is not None:
                    evaluator.close()

    def _attempt(
        self,
        recorder: Recorder,
        team: Team,
        evaluator: EvaluatorSide | None,
        start: Start,
        tracker: Tracker,
    ) -> tuple[RunState, str]:
        for message in start.messages:
            self._message(message, recorder)
        self._tell(attempt=start.attempt, state="running", phase="preparing")
        self._count(tracker)
        environment = team.prepare()
        differences = team.restore(start.state) if start.state is not None else ()
        reasons = recorder.describe(environment, differences)
        if reasons:
            self._message(f"continued, not exact: {'; '.join(reasons)}", recorder)
        baseline = self._job.evaluation.random_baseline_episodes
        if baseline and not start.has_random_baseline:
            self._tell(phase=f"playing {baseline} games at random")
            recorder.evaluation("random", team.random_baseline(baseline), None, tracker)
        return self._loop(recorder, team, evaluator, start, tracker)

    def _loop(
        self,
        recorder: Recorder,
        team: Team,
        evaluator: EvaluatorSide | None,
        start: Start,
        tracker: Tracker,
    ) -> tuple[RunState, str]:
        """Update after update. The next one is under way while the last one is recorded."""
        job = self._job
        self._tell(phase="training")
        tracker.start()
        cause = tracker.reached()
        is_last = cause is not None
        if not is_last:
            team.begin_update()
        while not is_last:
            before = tracker.agent_steps
            result = team.finish_update()
            tracker.add(result)
            stops = self._stop.is_set()
            if stops or self._is_due(tracker, before):
                for further in team.drain():
                    recorder.record(result, tracker)
                    result = further
                    tracker.add(result)
            cause = tracker.reached()
            is_last = cause is not None or stops
            now = tracker.agent_steps
            saves = is_last or crossed(job.checkpointing.every_agent_steps, before, now)
            evaluates = not is_last and crossed(job.evaluation.every_agent_steps, before, now)
            saved = team.begin_checkpoint(start.replay_limit_bytes) if saves else None
            evaluated = None
            if evaluates and evaluator is not None:
                evaluator.begin(team.weights(), tracker)
            elif evaluates:
                # The next update waits behind these games, so a stop waits for them, too.
                evaluated = self._begin_evaluation(team, stoppable=False)
            if not is_last:
                team.begin_update()
            recorder.record(result, tracker)
            self._count(tracker)
            if saved is not None:
                state, weight_hash = saved()
                recorder.checkpoint(state, weight_hash, tracker)
            if evaluated is not None:
                self._keep_evaluation(evaluated, recorder, tracker)
            self._keep_played(evaluator, recorder, wait=is_last)
        if cause is None:
            return "interrupted", self._stop_cause
        if job.evaluation.episodes:
            self._tell(phase=f"evaluating over {job.evaluation.episodes} games")
            self._keep_evaluation(self._begin_evaluation(team, stoppable=True), recorder, tracker)
        return "finished", cause

    def _is_due(self, tracker: Tracker, before: int) -> bool:
        """Whether something comes that wants no update under way: an end, a save, an evaluation."""
        job, now = self._job, tracker.agent_steps
        return (
            tracker.reached() is not None
            or crossed(job.checkpointing.every_agent_steps, before, now)
            or crossed(job.evaluation.every_agent_steps, before, now)
        )

    def _begin_evaluation(self, team: Team, *, stoppable: bool) -> Pending:
        evaluation = self._job.evaluation
        return team.begin_evaluation(
            evaluation.episodes, evaluation.greedy, evaluation.video, stoppable=stoppable
        )

    def _keep_evaluation(self, pending: Pending, recorder: Recorder, tracker: Tracker) -> None:
        """Record an evaluation; one that fails or is stopped costs the run nothing."""
        try:
            result, video = pending()
        except (RoleDiedError, RoleTimeoutError):
            raise
        except Stopped:
            return
        except RaylabError as error:
            self._message(f"an evaluation failed: {error}", recorder)
            return
        recorder.evaluation(self._policy, result, video, tracker)

    def _keep_played(
        self, evaluator: EvaluatorSide | None, recorder: Recorder, *, wait: bool
    ) -> None:
        """Record what an evaluator beside the training has played."""
        if evaluator is not None:
            for played in evaluator.finished(wait=wait):
                recorder.evaluation(self._policy, played.result, played.video, played.tracker)

    @property
    def _policy(self) -> str:
        return "greedy" if self._job.evaluation.greedy else "sampled"

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
