"""Placement ``sync``: rollout workers and a learner, in step.

Every worker plays one unroll by the newest weights; the learner learns from all of them, side by
side in the order of their seats, and its weights go out with the next calls. The same seed gives
the same numbers, whatever the workers' speed, and also when one of them dies: the next one takes
over its games where they were.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

from raylab.errors import DataLostError
from raylab.rl.job import Job
from raylab.rl.placements.crew import Filled
from raylab.rl.placements.crewed import CrewedTeam, games_of, whole_state
from raylab.rl.placements.team import Pending
from raylab.rl.placements.watch import Watch
from raylab.rl.trajectory import State, UpdateResult


class SyncTeam(CrewedTeam):
    """A :class:`raylab.rl.placements.team.Team` of rollout workers and a learner, in step.

    Args:
        job: what to train.
        watch: waits and tells.
    """

    def __init__(self, job: Job, watch: Watch) -> None:
        super().__init__(job, watch, is_exact=True)
        self._begun_s = 0.0

    def restore(self, state: State) -> list[str]:
        """Go on from a checkpoint; return what forbids that it goes on exactly."""
        self._learner.restore(state)
        self._crew.publish(int(state.meta["update"]), self._learner.weights())
        numbers: list[int] = state.meta.get("workers", [])
        self._crew.started = max(self._crew.started, *numbers, state.meta.get("workers_started", 0))
        if len(numbers) != len(self._crew.seats):
            self._crew.begin_new_games(self._crew.started)
            return ["new games, as the checkpoint's are those of another placement"]
        return self._crew.take_over(numbers, [games_of(state, number) for number in numbers])

    def begin_update(self) -> None:
        """Let every worker play an unroll."""
        self._begun_s = time.perf_counter()
        for seat in self._crew.seats:
            self._crew.collect(seat)

    def finish_update(self) -> UpdateResult:
        """Wait for the unrolls, and learn from them; play again what was lost with a node."""
        dropped_agent_steps = 0
        learned: tuple[Any, ...] = ()
        played: list[Filled] = []
        while not learned:
            played = self._played()
            self._learner.begin_update([each.fragment for each in played])
            while not self._watch.ready(self._learner.next_updates):
                self._learner.check_limit()
            try:
                learned = self._learner.take_update()
            except DataLostError as error:
                self._watch.message(f"{error} The workers play once more.")
                self._watch.inexact("fragments were lost with a node")
                self._crew.counts.fragments_dropped += len(played)
                dropped_agent_steps += self._job.algorithm.batch_size
                self.begin_update()
        result, weights = learned
        self._crew.publish(result.update, weights)
        collected = [each.collected for each in played]
        metrics = {
            **result.metrics,
            **self._crew.counts.metrics(),
            "time/rollout_s": max(each.collect_s for each in collected),
            "fragment_bytes": float(sum(each.nbytes for each in collected)),
            "steps_per_s": self._job.algorithm.batch_size / (time.perf_counter() - self._begun_s),
        }
        episodes = tuple(episode for each in collected for episode in each.episodes)
        return replace(
            result, metrics=metrics, episodes=episodes, dropped_agent_steps=dropped_agent_steps
        )

    def begin_checkpoint(self, replay_limit_bytes: float) -> Pending:  # noqa: ARG002 - no replay
        """Let the learner copy its state; that of the games came with the last fragments."""
        pending = self._learner.begin_checkpoint()
        games = {seat.number: seat.state for seat in self._crew.seats}
        return partial(whole_state, self._watch, pending, games, self._crew.started)

    def _played(self) -> list[Filled]:
        """Wait for an unroll of every worker; in the order of their seats."""
        filled: dict[int, Filled] = {}
        while len(filled) < len(self._crew.seats):
            fragments, _ = self._crew.poll()
            filled |= {each.seat.index: each for each in fragments}
        return [filled[index] for index in sorted(filled)]
