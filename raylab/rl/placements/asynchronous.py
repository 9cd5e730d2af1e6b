"""Placement ``async``: the learner learns from whatever comes, and nobody waits for anybody.

Back-pressure is credits. A credit is an outstanding call of ``collect``, and the newest weights
travel with it. A worker gets it back when its fragment is consumed: when the learner is given it,
or when it is dropped because its weights are too old. So a worker never plays far ahead, no
mailbox grows, and the bytes that lie in the object store have a limit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from raylab.errors import ConfigError, DataLostError
from raylab.rl.algorithms.appo import APPO
from raylab.rl.envs import Episode
from raylab.rl.job import Job
from raylab.rl.placements.crew import Filled
from raylab.rl.placements.crewed import CrewedTeam
from raylab.rl.placements.team import Pending
from raylab.rl.placements.watch import Watch
from raylab.rl.trajectory import State, UpdateResult

_AHEAD: Final = 2
"""Updates that the learner may have before it: one that it makes, one whose data it fetches."""


class AsyncTeam(CrewedTeam):
    """A :class:`raylab.rl.placements.team.Team` of workers and a learner that do not wait.

    Args:
        job: what to train; its algorithm is APPO.
        watch: waits and tells.
    """

    def __init__(self, job: Job, watch: Watch) -> None:
        if not isinstance(job.algorithm, APPO):
            raise ConfigError(
                f"{type(job.algorithm).__name__} learns from its newest policy only; use APPO, or "
                f"--placement.kind sync or inline."
            )
        super().__init__(job, watch, is_exact=False)
        self._algorithm = job.algorithm
        self._waiting: list[Filled] = []  # oldest first
        self._learning: list[list[Filled]] = []  # what the learner was given, update by update
        self._given = 0  # updates, over all attempts
        self._given_agent_steps = 0
        self._largest_bytes = 1  # of a fragment
        self._episodes: list[Episode] = []
        self._dropped_agent_steps = 0
        self._since_s = 0.0

    def restore(self, state: State) -> list[str]:
        """Go on from a checkpoint, with new games: that is never exact."""
        self._learner.restore(state)
        self._given = int(state.meta["update"])
        self._given_agent_steps = int(state.meta["agent_steps"])
        self._crew.publish(self._given, self._learner.weights())
        self._crew.begin_new_games(int(state.meta.get("workers_started", 0)))
        return ["placement async begins new games, and fragments come in another order"]

    def begin_update(self) -> None:
        """Hand on what has come, and hand out credits."""
        self._since_s = self._since_s or time.perf_counter()
        self._feed()

    def finish_update(self) -> UpdateResult:
        """Receive fragments and hand them on, until the learner has made the next update."""
        while True:
            self._feed()
            if self._receive() and (result := self._learned()) is not None:
                return result

    def drain(self) -> list[UpdateResult]:
        """Wait for the updates that the learner was given ahead."""
        results = []
        while self._learning:
            if self._receive() and (result := self._learned()) is not None:
                results.append(result)
        return results

    def begin_checkpoint(self, replay_limit_bytes: float) -> Pending:  # noqa: ARG002 - no replay
        """Let the learner copy its state; games are not saved."""
        pending = self._learner.begin_checkpoint()
        started = self._crew.started

        def state_and_hash() -> tuple[State, str]:
            state, weight_hash = pending()
            return replace(state, meta={**state.meta, "workers_started": started}), weight_hash

        return state_and_hash

    def _receive(self) -> bool:
        """Take what the workers have collected; return whether the learner has made an update."""
        fragments, learned = self._crew.poll(self._learner.next_updates)
        for filled in fragments:
            self._waiting.append(filled)
            self._episodes += filled.collected.episodes
            self._largest_bytes = max(self._largest_bytes, filled.collected.nbytes)
        self._learner.check_limit()
        return bool(learned)

    def _feed(self) -> None:
        """Give the learner what waits, without what is too old, and renew credits."""
        count = self._algorithm.num_envs // self._job.layout.envs_per_worker
        until = self._job.until.agent_steps
        while len(self._learning) < _AHEAD and self._given_agent_steps < until:
            self._drop_old()
            if len(self._waiting) < count:
                break
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
            self._learner.begin_update([filled.fragment for filled in batch])
            self._learning.append(batch)
            self._given += 1
            self._given_agent_steps += self._algorithm.batch_size
        for seat in self._crew.seats:
            waiting = sum(filled.seat is seat for filled in self._waiting)
            for _ in range(self._credits(count) - waiting - seat.open_fragments):
                self._crew.collect(seat)

    def _drop_old(self) -> None:
        """Drop the fragments whose policy lags too far behind the update that comes next."""
        oldest = self._given - self._algorithm.max_policy_lag
        kept = [each for each in self._waiting if each.collected.policy_version >= oldest]
        self._drop([each for each in self._waiting if each.collected.policy_version < oldest])
        self._waiting = kept

    def _drop(self, fragments: Sequence[Filled]) -> None:
        self._crew.counts.fragments_dropped += len(fragments)
        self._dropped_agent_steps += sum(each.collected.agent_steps for each in fragments)

    def _credits(self, count: int) -> int:
        """How many fragments of a worker may be under way or waiting, by number and by bytes.

        Args:
            count: fragments of an update; so many must be allowed, or none would ever be made.
        """
        workers = len(self._crew.seats)
        least = -(-count // workers)
        learning = sum(each.collected.nbytes for batch in self._learning for each in batch)
        affordable = (self._job.layout.in_flight_bytes - learning) // self._largest_bytes
        return max(least, min(least + 1, affordable // workers))

    def _learned(self) -> UpdateResult | None:
        """The update that the learner has made, with what came in since the last one.

        None if its data was lost with a node: all fragments of that update are dropped.
        """
        batch = self._learning.pop(0)
        try:
            result, weights = self._learner.take_update()
        except DataLostError as error:
            self._watch.message(f"{error} The fragments of an update are dropped.")
            self._drop(batch)
            self._given -= 1
            self._given_agent_steps -= self._algorithm.batch_size
            return None
        self._crew.publish(result.update, weights)
        now_s = time.perf_counter()
        metrics = {
            **result.metrics,
            **self._crew.counts.metrics(),
            "queue/fragments": float(len(self._waiting)),
            "queue/collecting": float(sum(seat.open_fragments for seat in self._crew.seats)),
            "queue/updates": float(len(self._learning)),
            "time/rollout_s": max(each.collected.collect_s for each in batch),
            "fragment_bytes": float(sum(each.collected.nbytes for each in batch)),
            "steps_per_s": self._algorithm.batch_size / (now_s - self._since_s),
        }
        self._since_s = now_s
        episodes, self._episodes = tuple(self._episodes), []
        dropped, self._dropped_agent_steps = self._dropped_agent_steps, 0
        return replace(result, metrics=metrics, episodes=episodes, dropped_agent_steps=dropped)
