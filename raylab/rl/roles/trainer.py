"""The trainer's role: a learner with its environments, in one process; a shell around both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from raylab.rl.agent import Algorithm
from raylab.rl.inline import InlineTrainer
from raylab.rl.roles.learning_role import LearningRole
from raylab.rl.trajectory import Arrays, State, UpdateResult


class Trainer(LearningRole[Algorithm]):
    """A :class:`LearningRole` that collects what it learns from."""

    def prepare(self) -> dict[str, Any]:
        """Build environments, policy and learner, and describe where they are.

        What cannot be built raises here and not in the constructor, whose errors Ray wraps.
        """
        self._trainer = InlineTrainer(
            self._env,
            self._algorithm,
            self._seed,
            self._until_agent_steps,
            self._threads,
            self._device,
        )
        return self._record(self._trainer.precision, self._trainer.device)

    def restore(self, state: State) -> tuple[str, ...]:
        """Go on from a checkpoint; return what forbids that it goes on exactly.

        Games that rollout workers played cannot be taken over: new ones begin.
        """
        if "workers_started" in state.meta:
            elsewhere = ("environments", "shards")
            parts = {name: state.parts[name] for name in state.parts if name not in elsewhere}
            state = replace(state, parts=parts)
        return self._trainer.restore(state)

    def update(self) -> UpdateResult:
        """Collect and learn once."""
        return self._trainer.update()

    def checkpoint(self, replay_limit_bytes: float) -> tuple[State, str]:
        """Return the state, with a replay that is not larger, and the hash of its weights."""
        return self._trainer.state(replay_limit_bytes), self._trainer.weight_hash()

    def weights(self) -> Arrays:
        """Return the present weights."""
        return self._trainer.weights()
