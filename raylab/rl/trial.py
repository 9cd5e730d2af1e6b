"""One run trained step by step in the calling process: what a sweep schedules by the hundred.

A supervisor with a trainer of its own would be two processes for some seconds of work.
"""

from __future__ import annotations

from typing import Final

from raylab.errors import RaylabError
from raylab.rl.job import Job, Recorder
from raylab.rl.roles.trainer import Trainer
from raylab.rl.schedule import Progress, RunState, Tracker, crossed

_STEPS_OF_A_RUN: Final = 20


class Trial:
    """Trains a job; what it produces goes to the recorder, from whose checkpoint it begins.

    Args:
        job: what to train.
        recorder: where it is kept.

    Raises:
        RaylabError: it cannot be started; the run is then recorded as failed.
    """

    def __init__(self, job: Job, recorder: Recorder) -> None:
        self._job = job
        self._recorder = recorder
        self._ended = False
        start = recorder.begin()
        self._attempt = start.attempt
        self._replay_limit_bytes = start.replay_limit_bytes
        self._tracker = Tracker(job.until, start.progress, start.simulated_agent_steps)
        for message in start.messages:
            recorder.message(message)
        recorder.beat(self._progress("running"))  # from here on nobody else trains it
        try:
            self._trainer = Trainer(
                job.env,
                job.algorithm,
                job.seed,
                job.until.agent_steps,
                job.layout.threads,
                job.layout.device,
            )
            environment = self._trainer.prepare()
            differences = self._trainer.restore(start.state) if start.state is not None else []
            if reasons := recorder.describe(environment, differences):
                recorder.message(f"continued, not exact: {'; '.join(reasons)}")
            games = job.evaluation.random_baseline_episodes
            if games and not start.has_random_baseline:
                played = self._trainer.random_baseline(games)
                recorder.evaluation("random", played, None, self._tracker)
        except RaylabError as error:
            self._end("failed", str(error))
            raise
        self._tracker.start()

    def advance(self) -> Progress:
        """Train for a twentieth of the run, or to its end; returns how far it is.

        Raises:
            RaylabError: training failed; the run is recorded as failed.
        """
        job, tracker = self._job, self._tracker
        goal = tracker.agent_steps + max(1, job.until.agent_steps // _STEPS_OF_A_RUN)
        cause = tracker.reached()
        try:
            while cause is None and tracker.agent_steps < goal:
                before = tracker.agent_steps
                result = self._trainer.update()
                tracker.add(result)
                self._recorder.record(result, tracker)
                self._recorder.beat(self._progress("running"))
                cause = tracker.reached()
                if cause or crossed(
                    job.checkpointing.every_agent_steps, before, tracker.agent_steps
                ):
                    self._save()
                if not cause and crossed(
                    job.evaluation.every_agent_steps, before, tracker.agent_steps
                ):
                    self._evaluate()
            if cause:
                if job.evaluation.episodes:
                    self._evaluate()
                return self._end("finished", cause)
        except RaylabError as error:
            self._end("failed", str(error))
            raise
        return self._progress("running")

    def stop(self, cause: str) -> None:
        """Save an exact checkpoint and end, unless it has ended."""
        if not self._ended:
            self._save()
            self._end("interrupted", cause)

    def _save(self) -> None:
        state, weight_hash = self._trainer.checkpoint(self._replay_limit_bytes)
        self._recorder.checkpoint(state, weight_hash, self._tracker)

    def _evaluate(self) -> None:
        evaluation = self._job.evaluation
        result, video = self._trainer.evaluate(
            evaluation.episodes, evaluation.greedy, evaluation.video
        )
        policy = "greedy" if evaluation.greedy else "sampled"
        self._recorder.evaluation(policy, result, video, self._tracker)

    def _end(self, state: RunState, cause: str) -> Progress:
        self._ended = True
        progress = self._progress(state, cause)
        self._recorder.finish(progress)
        return progress

    def _progress(self, state: RunState, cause: str = "") -> Progress:
        tracker = self._tracker
        return Progress(
            run=self._job.run,
            state=state,
            phase="training" if state == "running" else "",
            attempt=self._attempt,
            update=tracker.update,
            agent_steps=tracker.agent_steps,
            until_agent_steps=self._job.until.agent_steps,
            wall_time_s=tracker.wall_time_s,
            steps_per_s=tracker.steps_per_s,
            episode_return=tracker.episode_return,
            ended=state != "running",
            cause=cause,
        )
