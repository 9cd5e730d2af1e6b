"""What the teams of rollout workers and a learner have alike, whether or not they work in step."""

from __future__ import annotations

from typing import Any

from raylab import runtime
from raylab.rl.evaluate import Evaluation
from raylab.rl.job import Job, Json
from raylab.rl.placements.crew import Crew
from raylab.rl.placements.learner_side import LearnerSide
from raylab.rl.placements.places import Reservation
from raylab.rl.placements.team import Pending
from raylab.rl.placements.watch import CHECKPOINT_S, Watch
from raylab.rl.roles.learner_role import LearnerRole
from raylab.rl.roles.rollout_worker import RolloutWorker
from raylab.rl.roles.worker import Worker
from raylab.rl.trajectory import Arrays, State, UpdateResult


class CrewedTeam:
    """The processes of a :class:`raylab.rl.placements.team.Team`; how it updates, each kind adds.

    Args:
        job: what to train.
        watch: waits and tells.
        is_exact: see :class:`Crew`.
        learner: the class of the learner.
        worker: the class of the workers.
        pieces: fragments that a worker returns in a call.
    """

    def __init__(
        self,
        job: Job,
        watch: Watch,
        *,
        is_exact: bool,
        learner: type[LearnerRole] = LearnerRole,
        worker: type[Worker[Any]] = RolloutWorker,
        pieces: int = 1,
    ) -> None:
        self._job = job
        self._watch = watch
        self._nodes = Reservation(job.layout, watch)
        self._learner = LearnerSide(job, watch, self._nodes, learner)
        self._crew = Crew(job, watch, self._nodes, is_exact=is_exact, worker=worker, pieces=pieces)

    def stand(self) -> None:
        """Start the workers and wait for the cores of all."""
        self._nodes.stand()
        standing = [self._learner.here(), *self._crew.start()]
        _, *self._workers = [self._watch.result(here, None, stoppable=True) for here in standing]

    def prepare(self) -> Json:
        """Build everything; return what a run records of where it is."""
        environment = self._learner.prepare()
        self._crew.prepare()
        self._crew.publish(0, self._learner.weights())
        exactness = environment["exactness"] | exactness_of(self._job)
        return environment | {"workers": self._workers, "exactness": exactness}

    def random_baseline(self, episodes: int) -> Evaluation:
        """Play whole games at random, in the learner's process."""
        return self._learner.random_baseline(episodes)

    def drain(self) -> list[UpdateResult]:
        """No update is under way beyond the last one."""
        return []

    def weights(self) -> runtime.Ref:
        """Return the present weights, as a reference."""
        return self._learner.weights()

    def begin_evaluation(
        self, episodes: int, greedy: bool, video: bool, *, stoppable: bool
    ) -> Pending:
        """Let the learner play; it learns on afterwards."""
        return self._learner.begin_evaluation(episodes, greedy, video, stoppable=stoppable)

    def close(self) -> None:
        """End the processes."""
        self._crew.kill()
        self._learner.kill()
        self._nodes.close()


def exactness_of(job: Job) -> Json:
    """What an exact resume depends on, beside the learner's own."""
    layout = job.layout
    return {
        "placement": layout.kind,
        "workers": layout.workers,
        "environments per worker": layout.envs_per_worker,
        "threads of a worker": layout.worker_threads,
    }


def games_of(state: State, number: int) -> Arrays:
    """The part of a worker in the state of all games."""
    prefix = f"{number}."
    return {
        name.removeprefix(prefix): array
        for name, array in state.parts["environments"].items()
        if name.startswith(prefix)
    }


def whole_state(
    watch: Watch, pending: Pending, games: dict[int, runtime.Ref | Arrays | None], started: int
) -> tuple[State, str]:
    """The learner's state and that of the games, the workers' numbers before their names."""
    state, weight_hash = pending()
    environments: Arrays = {}
    for number, held in games.items():
        arrays: Any = held
        if isinstance(held, runtime.Ref):
            arrays = watch.result(held, CHECKPOINT_S)
        environments |= {f"{number}.{name}": array for name, array in arrays.items()}
    meta = {**state.meta, "workers": list(games), "workers_started": started}
    return State(parts={**state.parts, "environments": environments}, meta=meta), weight_hash
