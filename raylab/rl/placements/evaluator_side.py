"""An evaluator beside the training, as the supervisor sees it: it plays while the others go on."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass

from raylab import runtime
from raylab.errors import RaylabError
from raylab.rl.evaluate import Evaluation
from raylab.rl.job import Job
from raylab.rl.placements.watch import GAMES_S, Stopped, Watch
from raylab.rl.roles.evaluator import Evaluator
from raylab.rl.schedule import Tracker


@dataclass(frozen=True, slots=True)
class Played:
    """An evaluation that has ended."""

    result: Evaluation
    video: bytes | None
    tracker: Tracker  # as it was when the evaluation began


class EvaluatorSide:
    """Starts the evaluator's process when there is something to evaluate, and again when it died.

    Args:
        job: whose policy is evaluated.
        watch: waits and tells.
    """

    def __init__(self, job: Job, watch: Watch) -> None:
        self._job = job
        self._watch = watch
        self._role: runtime.Role | None = None
        self._open: deque[tuple[runtime.Ref, Tracker]] = deque()
        self._since_s = 0.0  # when the oldest one could begin

    def begin(self, weights: runtime.Ref, tracker: Tracker) -> None:
        """Let it play with weights, after what was begun before."""
        if self._role is None:
            job, cores = self._job, self._job.layout.evaluator_cores
            self._role = runtime.actor(
                Evaluator,
                job.env,
                job.algorithm,
                job.seed,
                1,
                "cpu",
                role=f"evaluator of {job.run}",
                num_cpus=cores,
                threads=1,
            )
            self._role.submit("here")
        if not self._open:
            self._since_s = self._watch.now_s
        evaluation = self._job.evaluation
        games = self._role.submit(
            "evaluate", weights, evaluation.episodes, evaluation.greedy, evaluation.video
        )
        self._open.append((games, copy.copy(tracker)))

    def finished(self, *, wait: bool = False) -> list[Played]:
        """Return the evaluations that have ended; one that failed is told and left out.

        Args:
            wait: for all that were begun, unless the run is told to stop.
        """
        played: list[Played] = []
        try:
            while self._open:
                games, tracker = self._open[0]
                left_s = GAMES_S - (self._watch.now_s - self._since_s)
                if not wait and left_s > 0 and not runtime.wait([games], 0.0):
                    break
                result, video = self._watch.result(games, left_s, stoppable=wait)
                played.append(Played(result, video, tracker))
                self._open.popleft()
                self._since_s = self._watch.now_s
        except Stopped:
            self._open.clear()
        except RaylabError as error:
            self._watch.message(f"an evaluation failed: {error}")
            self.close()
        return played

    def close(self) -> None:
        """End the process; what it has not finished is lost."""
        self._open.clear()
        if self._role is not None:
            self._role.kill()
            self._role = None
