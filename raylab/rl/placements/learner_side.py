"""The learner of a run, as its supervisor sees it: one process, with a limit on every wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from raylab import runtime
from raylab.errors import RoleTimeoutError
from raylab.rl.evaluate import Evaluation
from raylab.rl.job import Job, Json
from raylab.rl.placements.inline import FIRST_UPDATE_S, UPDATE_FLOOR_S
from raylab.rl.placements.team import Pending
from raylab.rl.placements.watch import CHECKPOINT_S, GAMES_S, PREPARE_S, Pace, Watch
from raylab.rl.roles.learner_role import LearnerRole
from raylab.rl.trajectory import State, UpdateResult


class LearnerSide:
    """Starts the learner's process, calls it, and waits for it.

    Args:
        job: what to train.
        watch: waits and tells.
    """

    def __init__(self, job: Job, watch: Watch) -> None:
        self._watch = watch
        self._pace = Pace(FIRST_UPDATE_S, UPDATE_FLOOR_S)
        self._updates: deque[tuple[runtime.Ref, runtime.Ref]] = deque()  # results, weights
        self._since_s = 0.0  # when it could begin with the oldest update
        layout = job.layout
        self._role = runtime.actor(
            LearnerRole,
            job.env,
            job.algorithm,
            job.seed,
            job.until.agent_steps,
            layout.threads,
            layout.device,
            role=f"learner of {job.run}",
            num_cpus=layout.learner_cores,
            threads=layout.threads,
        )

    def here(self) -> runtime.Ref:
        """Return what tells that the process stands."""
        return self._role.submit("here")

    def prepare(self) -> Json:
        """Build network and optimiser; return what a run records of where they are."""
        environment: Json = self._wait(self._role.submit("prepare"), PREPARE_S)
        return environment

    def restore(self, state: State) -> None:
        """Go on from the learner's part of a checkpoint."""
        self._wait(self._role.submit("restore", state), CHECKPOINT_S)

    def weights(self) -> runtime.Ref:
        """Return the present weights, as a reference."""
        return self._role.submit("weights")

    def begin_update(self, fragments: Sequence[runtime.Ref]) -> None:
        """Let it learn from fragments, after the updates that were begun before."""
        if not self._updates:
            self._since_s = self._watch.now_s
        result, weights = self._role.submit_parts("update", *fragments, parts=2)
        self._updates.append((result, weights))

    @property
    def next_updates(self) -> list[runtime.Ref]:
        """What tells that the oldest update is made; empty if none was begun."""
        return [result for result, _ in self._updates][:1]

    def check_limit(self) -> None:
        """Raise RoleTimeoutError if the oldest update takes much longer than those before."""
        limit_s = self._pace.limit_s
        if self._updates and self._watch.now_s - self._since_s > limit_s:
            raise RoleTimeoutError(f"{self._role.role} made no update within {limit_s:.0f} s.")

    def take_update(self) -> tuple[UpdateResult, runtime.Ref]:
        """Return the oldest update, which is made, and the weights behind it."""
        update, weights = self._updates.popleft()
        result: UpdateResult = update.get()
        self._pace.add(self._watch.now_s - self._since_s)
        self._since_s = self._watch.now_s
        return result, weights

    def begin_checkpoint(self) -> Pending:
        """Let it copy its part of the state; the result is that and the hash of its weights."""
        saved = self._role.submit("checkpoint")
        return lambda: self._wait(saved, CHECKPOINT_S)

    def random_baseline(self, episodes: int) -> Evaluation:
        """Play whole games at random, in the learner's process."""
        games = self._role.submit("random_baseline", episodes)
        played: Evaluation = self._wait(games, GAMES_S, stoppable=True)
        return played

    def begin_evaluation(self, episodes: int, greedy: bool, video: bool) -> Pending:
        """Let it play; it learns on afterwards."""
        games = self._role.submit("evaluate", episodes, greedy, video)
        return lambda: self._wait(games, GAMES_S, stoppable=True)

    def kill(self) -> None:
        """End the process."""
        self._role.kill()

    def _wait(self, ref: runtime.Ref, limit_s: float, *, stoppable: bool = False) -> Any:
        answer = self._watch.result(ref, limit_s, stoppable=stoppable)
        self._since_s = self._watch.now_s  # until now it could not learn
        return answer
