"""The learner of a run, as its supervisor sees it: one process, with a limit on every wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

from raylab import runtime
from raylab.errors import RoleTimeoutError
from raylab.rl.evaluate import Evaluation
from raylab.rl.job import Job, Json
from raylab.rl.placements.inline import FIRST_UPDATE_S, UPDATE_FLOOR_S
from raylab.rl.placements.places import Reservation
from raylab.rl.placements.team import Pending
from raylab.rl.placements.watch import CHECKPOINT_S, GAMES, GAMES_S, PREPARE_S, Pace, Watch
from raylab.rl.roles.learner_role import LearnerRole
from raylab.rl.trajectory import State


class LearnerSide:
    """Starts the learner's process, calls it, and waits for it.

    Args:
        job: what to train.
        watch: waits and tells.
        nodes: where it goes.
        learner: its class.
    """

    def __init__(
        self,
        job: Job,
        watch: Watch,
        nodes: Reservation,
        learner: type[LearnerRole] = LearnerRole,
    ) -> None:
        self._watch = watch
        self._pace = Pace(FIRST_UPDATE_S, UPDATE_FLOOR_S)
        self._updates: deque[tuple[runtime.Ref, ...]] = deque()  # a result, and what is with it
        self._since_s = 0.0  # when it could begin with the oldest update
        layout = job.layout
        self._role = runtime.actor(
            learner,
            job.env,
            job.algorithm,
            job.seed,
            job.until.agent_steps,
            layout.threads,
            layout.device,
            role=f"learner of {job.run}",
            num_cpus=layout.learner_cores,
            num_gpus=layout.gpus,
            threads=layout.threads,
            **nodes.options(nodes.places.learner),
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

    def begin_update(self, data: Sequence[Any], parts: int = 2) -> None:
        """Let it learn from data, after the updates that were begun before.

        Args:
            data: arguments of its ``update``; references travel as such.
            parts: that this returns; the first one is the result.
        """
        if not self._updates:
            self._since_s = self._watch.now_s
        self._updates.append(self._role.submit_parts("update", *data, parts=parts))

    @property
    def next_updates(self) -> list[runtime.Ref]:
        """What tells that the oldest update is made; empty if none was begun."""
        return [parts[0] for parts in self._updates][:1]

    def check_limit(self) -> None:
        """Raise RoleTimeoutError if the oldest update takes much longer than those before."""
        limit_s = self._pace.limit_s
        if self._updates and self._watch.now_s - self._since_s > limit_s:
            raise RoleTimeoutError(f"{self._role.role} made no update within {limit_s:.0f} s.")

    def take_update(self) -> tuple[Any, ...]:
        """Return the result of the oldest update, which is made, and the references with it.

        Raises:
            DataLostError: the data was lost with its node; the update is not made.
        """
        update, *others = self._updates.popleft()
        took_s, self._since_s = self._watch.now_s - self._since_s, self._watch.now_s
        result = update.get()
        self._pace.add(took_s)
        return (result, *others)

    def begin_checkpoint(self) -> Pending:
        """Let it copy its part of the state; the result is that and the hash of its weights."""
        saved = self._role.submit("checkpoint")
        return partial(self._wait, saved, CHECKPOINT_S)

    def random_baseline(self, episodes: int) -> Evaluation:
        """Play whole games at random, in the learner's process."""
        games = self._role.submit("random_baseline", episodes)
        played: Evaluation = self._wait(games, GAMES_S, stoppable=True)
        return played

    def begin_evaluation(
        self, episodes: int, greedy: bool, video: bool, *, stoppable: bool
    ) -> Pending:
        """Let it play; it learns on afterwards."""
        games = self._role.submit("evaluate", episodes, greedy, video)
        return partial(self._wait, games, GAMES_S, stoppable=stoppable, waiting_for=GAMES)

    def kill(self) -> None:
        """End the process."""
        self._role.kill()

    def _wait(
        self, ref: runtime.Ref, limit_s: float, *, stoppable: bool = False, waiting_for: str = ""
    ) -> Any:
        answer = self._watch.result(ref, limit_s, stoppable=stoppable, waiting_for=waiting_for)
        self._since_s = self._watch.now_s  # until now it could not learn
        return answer
