"""Placements ``sync`` and ``async`` of an algorithm with replay: workers, shards and a learner.

Workers play by the newest weights and their fragments go to shards of replay. For each update's
agent steps, the learner makes the minibatches that are due by them, in rounds of sixteen or more:
while it learns one round, the shards have drawn the next, and its new masses go back behind it.

In step, every worker plays one unroll and then waits for the learner: the same seed gives the same
numbers. Without step, workers play the next unroll meanwhile, as far as their credits go.
"""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from typing import Any, Final

import numpy as np

from raylab import runtime
from raylab.errors import ConfigError, DataLostError
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.job import Job, Json
from raylab.rl.off_policy import REFILLS
from raylab.rl.placements.crew import Filled
from raylab.rl.placements.crewed import CrewedTeam, exactness_of, games_of, whole_state
from raylab.rl.placements.replay_side import Drawn, ReplaySide, Streams
from raylab.rl.placements.team import Pending
from raylab.rl.placements.watch import Watch
from raylab.rl.replay import LEAST_MINIBATCHES
from raylab.rl.roles.exploring_worker import ExploringWorker
from raylab.rl.roles.replay_learner import Learned, ReplayLearner, Round
from raylab.rl.trajectory import State, UpdateResult

_AHEAD: Final = 2
"""Rounds that the learner may have before it: one that it learns, one that waits."""


class ReplayTeam(CrewedTeam):
    """A :class:`raylab.rl.placements.team.Team` of workers, shards of replay and a learner.

    Args:
        job: what to train; its algorithm is DQN.
        watch: waits and tells.
    """

    def __init__(self, job: Job, watch: Watch) -> None:
        if not isinstance(job.algorithm, DQN):
            raise ConfigError(f"{type(job.algorithm).__name__} has no replay to put into shards.")
        layout = job.layout
        streams = Streams(layout.workers, layout.replay_shards, layout.envs_per_worker)
        self._in_step = layout.kind == "sync"
        super().__init__(
            job,
            watch,
            is_exact=self._in_step,
            learner=ReplayLearner,
            worker=ExploringWorker,
            pieces=streams.pieces,
        )
        self._algorithm = job.algorithm
        self._pieces = streams.pieces
        self._fragments = self._algorithm.num_envs // layout.envs_per_worker  # of an update
        self._replay = ReplaySide(job, watch, self._nodes, streams)
        self._waiting: list[Filled] = []  # oldest first
        self._update = 0
        self._agent_steps = 0
        self._largest_bytes = 1  # of what a worker plays in a call

    def stand(self) -> None:
        """Start the processes and wait for the cores of all."""
        self._nodes.stand()
        standing = [self._learner.here(), *self._replay.start(), *self._crew.start()]
        here = [self._watch.result(answer, None, stoppable=True) for answer in standing]
        shards = 1 + self._job.layout.replay_shards
        self._processes = {"replay_shards": here[1:shards], "workers": here[shards:]}

    def prepare(self) -> Json:
        """Build everything; return what a run records of where it is."""
        environment = self._learner.prepare()
        self._replay.prepare()
        self._crew.prepare()
        self._publish(self._learner.weights())
        exactness = environment["exactness"] | exactness_of(self._job)
        exactness["shards of replay"] = self._job.layout.replay_shards
        return environment | self._processes | {"exactness": exactness}

    def restore(self, state: State) -> list[str]:
        """Go on from a checkpoint; return what forbids that it goes on exactly."""
        self._learner.restore(state)
        self._update = int(state.meta["update"])
        self._agent_steps = int(state.meta["agent_steps"])
        self._publish(self._learner.weights())
        reasons = [] if self._replay.restore(state.parts.get("shards", {})) else [REFILLS]
        numbers: list[int] = state.meta.get("workers", [])
        started = max(state.meta.get("workers_started", 0), *numbers, 0)
        self._crew.started = max(self._crew.started, started)
        if not self._in_step:
            self._crew.begin_new_games(started)
            return [*reasons, "placement async begins new games"]
        if len(numbers) != len(self._crew.seats):
            self._crew.begin_new_games(self._crew.started)
            return [*reasons, "new games, as the checkpoint's are those of another placement"]
        games = [games_of(state, number) for number in numbers]
        return [*reasons, *self._crew.take_over(numbers, games)]

    def begin_update(self) -> None:
        """Let the workers play."""
        self._begun_s = time.perf_counter()
        self._renew_credits()

    def finish_update(self) -> UpdateResult:
        """Remember the fragments of an update, and learn the minibatches that are due by them."""
        while len(self._waiting) < self._fragments:
            self._poll()
        if self._in_step:
            self._waiting.sort(key=lambda filled: filled.seat.index)
        taken, self._waiting = self._waiting[: self._fragments], self._waiting[self._fragments :]
        for filled in taken:
            collected = filled.collected
            self._replay.append(filled.seat.index, filled.pieces, collected.agent_steps)
        if not self._in_step:
            self._renew_credits()
        before, dropped = self._agent_steps, self._replay.dropped_agent_steps
        self._replay.read()
        dropped = self._replay.dropped_agent_steps - dropped
        self._agent_steps += sum(filled.collected.agent_steps for filled in taken) - dropped
        learned, learning = self._learn(before)
        lags = np.array([self._update - filled.collected.policy_version for filled in taken])
        self._update += 1
        self._publish(self._learner.weights())
        mass = self._replay.read()
        metrics = {
            **learned,
            **self._crew.counts.metrics(),
            "faults/shards_lost": float(self._replay.lost),
            "faults/fragments_dropped": float(self._replay.dropped_fragments),
            "policy_lag/mean": float(lags.mean()),
            "policy_lag/max": float(lags.max()),
            "epsilon": self._algorithm.epsilon_at(self._agent_steps),
            "replay": float(mass.count),
            "fragment_bytes": float(sum(filled.collected.nbytes for filled in taken)),
            "time/rollout_s": max(filled.collected.collect_s for filled in taken),
            "time/learn_s": learning,
            "steps_per_s": (self._agent_steps - before) / (time.perf_counter() - self._begun_s),
        }
        return UpdateResult(
            update=self._update,
            agent_steps=self._agent_steps,
            simulated_agent_steps=self._agent_steps,
            metrics=metrics,
            episodes=tuple(episode for filled in taken for episode in filled.collected.episodes),
            dropped_agent_steps=dropped,
        )

    def begin_checkpoint(self, replay_limit_bytes: float) -> Pending:
        """Let learner and shards copy their states; in step that of the games has come."""
        pending = self._learner.begin_checkpoint()
        games = {seat.number: seat.state for seat in self._crew.seats} if self._in_step else {}
        shards = self._replay.state(replay_limit_bytes)
        meta = {
            "update": self._update,
            "agent_steps": self._agent_steps,
            "simulated_agent_steps": self._agent_steps,
        }
        whole = partial(whole_state, self._watch, pending, games, self._crew.started)

        def state_and_hash() -> tuple[State, str]:
            state, weight_hash = whole()
            parts = {**state.parts, "shards": shards} if shards else state.parts
            return State(parts, {**state.meta, **meta}), weight_hash

        return state_and_hash

    def close(self) -> None:
        """End the processes."""
        self._replay.kill()
        super().close()

    def _publish(self, weights: runtime.Ref) -> None:
        self._crew.publish(self._update, weights, self._agent_steps, self._pieces)

    def _renew_credits(self) -> None:
        """Let every worker play as far as it may: by number, and by the bytes that wait."""
        workers = len(self._crew.seats)
        least = -(-self._fragments // workers)
        affordable = self._job.layout.in_flight_bytes // self._largest_bytes // workers
        allowed = least if self._in_step else max(least, min(least + 1, affordable))
        for seat in self._crew.seats:
            waiting = sum(filled.seat is seat for filled in self._waiting)
            for _ in range(allowed - waiting - seat.open_fragments):
                self._crew.collect(seat)

    def _poll(self) -> bool:
        """Receive what workers have played; return whether the learner has made a round."""
        fragments, learned = self._crew.poll(self._learner.next_updates)
        for filled in fragments:
            self._waiting.append(filled)
            self._largest_bytes = max(self._largest_bytes, filled.collected.nbytes)
        self._learner.check_limit()
        return bool(learned)

    def _learn(self, before: int) -> tuple[dict[str, float], float]:
        """Learn the minibatches that fall due after ``before`` agent steps.

        Returns:
            Metrics of the minibatches, and the seconds that the learner spent on them.
        """
        every = self._algorithm.train_every
        due = np.arange(before // every + 1, self._agent_steps // every + 1) * every
        rounds = deque(np.array_split(due, max(1, len(due) // LEAST_MINIBATCHES)))
        learning: deque[Drawn] = deque()
        results: list[Learned] = []
        sampled_bytes = 0
        while rounds or learning:
            while rounds and len(learning) < _AHEAD:
                drawn = self._replay.draw(rounds.popleft().tolist()) if len(due) else None
                if drawn is None:  # below the minimum fill: what is due by now is left out
                    rounds.clear()
                    break
                samples, nbytes = self._replay.gather(drawn)
                sampled_bytes += nbytes
                if any(samples):
                    self._begin_round(drawn, samples)
                    learning.append(drawn)
            if learning and self._poll():
                results += self._finish_round(learning.popleft())
        minibatches = sum(learned.minibatches for learned in results)
        metrics = {"minibatches": float(minibatches), "sampled_bytes": float(sampled_bytes)}
        for name in results[0].metrics if results else ():
            parts = [learned.metrics[name] * learned.minibatches for learned in results]
            metrics[name] = sum(parts) / minibatches
        return metrics, sum(learned.learn_s for learned in results)

    def _begin_round(self, drawn: Drawn, samples: list[runtime.Ref | None]) -> None:
        round_ = Round(drawn.due, drawn.masses, drawn.parts, self._update)
        self._learner.begin_update([round_, *samples], parts=1 + len(samples))

    def _finish_round(self, drawn: Drawn) -> list[Learned]:
        """Take what came of a round; nothing if its samples were lost with their node."""
        learned: Any
        try:
            learned, *masses = self._learner.take_update()
        except DataLostError as error:
            self._watch.message(f"{error} A round of minibatches is left out.")
            return []
        if self._algorithm.prioritized:
            self._replay.set_masses(drawn, masses)
        return [learned] if learned.minibatches else []
