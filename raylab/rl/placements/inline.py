"""Placement ``inline``: one process holds environments, policy and learner."""

from __future__ import annotations

from functools import partial

from raylab import runtime
from raylab.rl.evaluate import Evaluation
from raylab.rl.job import Job, Json
from raylab.rl.placements.places import Reservation
from raylab.rl.placements.team import Pending
from raylab.rl.placements.watch import (
    CHECKPOINT_S,
    GAMES,
    GAMES_S,
    PREPARE_S,
    RESTORE_S,
    Pace,
    Watch,
)
from raylab.rl.roles.trainer import Trainer
from raylab.rl.trajectory import State, UpdateResult

FIRST_UPDATE_S = 1800.0
"""Limit of a first update, about whose length nothing is known."""
UPDATE_FLOOR_S = 60.0
"""No update is taken for hung earlier than this."""


class InlineTeam:
    """A :class:`raylab.rl.placements.team.Team` of one trainer.

    Args:
        job: what to train.
        watch: waits and tells.
    """

    def __init__(self, job: Job, watch: Watch) -> None:
        self._watch = watch
        self._pace = Pace(FIRST_UPDATE_S, UPDATE_FLOOR_S)
        layout = job.layout
        self._nodes = Reservation(layout, watch)
        self._trainer = runtime.actor(
            Trainer,
            job.env,
            job.algorithm,
            job.seed,
            job.until.agent_steps,
            layout.threads,
            layout.device,
            role=f"trainer of {job.run}",
            num_cpus=layout.threads,
            num_gpus=layout.gpus,
            threads=layout.threads,
            **self._nodes.options(self._nodes.places.learner),
        )
        self._updates: list[runtime.Ref] = []  # begun: one at most

    def stand(self) -> None:
        """Wait for the cores."""
        self._nodes.stand()
        self._watch.result(self._trainer.submit("here"), None, stoppable=True)

    def prepare(self) -> Json:
        """Build everything; return what a run records of where it is."""
        environment: Json = self._watch.result(self._trainer.submit("prepare"), PREPARE_S)
        return environment

    def restore(self, state: State) -> list[str]:
        """Go on from a checkpoint; return what forbids that it goes on exactly."""
        return list(self._watch.result(self._trainer.submit("restore", state), RESTORE_S))

    def random_baseline(self, episodes: int) -> Evaluation:
        """Play whole games at random."""
        games = self._trainer.submit("random_baseline", episodes)
        played: Evaluation = self._watch.result(games, GAMES_S, stoppable=True)
        return played

    def begin_update(self) -> None:
        """Let the trainer collect and learn."""
        self._updates.append(self._trainer.submit("update"))

    def finish_update(self) -> UpdateResult:
        """Wait for it."""
        result: UpdateResult = self._watch.paced(self._updates.pop(), self._pace)
        return result

    def drain(self) -> list[UpdateResult]:
        """No update is under way beyond the last one."""
        return []

    def begin_checkpoint(self, replay_limit_bytes: float) -> Pending:
        """Let the trainer copy its state."""
        return partial(
            self._watch.result, self._trainer.submit("checkpoint", replay_limit_bytes), CHECKPOINT_S
        )

    def weights(self) -> runtime.Ref:
        """Return the present weights, as a reference."""
        return self._trainer.submit("weights")

    def begin_evaluation(
        self, episodes: int, greedy: bool, video: bool, *, stoppable: bool
    ) -> Pending:
        """Let the trainer play; it trains on afterwards."""
        games = self._trainer.submit("evaluate", episodes, greedy, video)
        return partial(self._watch.result, games, GAMES_S, stoppable=stoppable, waiting_for=GAMES)

    def close(self) -> None:
        """End the process."""
        self._trainer.kill()
        self._nodes.close()
