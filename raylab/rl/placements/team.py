"""What a supervisor drives: the processes of one attempt, however they share the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from raylab import runtime
from raylab.rl.evaluate import Evaluation
from raylab.rl.job import Json
from raylab.rl.trajectory import State, UpdateResult

Pending = Callable[[], Any]
"""Waits for something that was begun, and returns it; raises as :class:`Team` does."""


class Team(Protocol):
    """Processes that train together; all calls come from the supervisor's thread.

    Every wait has a limit, but that for cores, which others may have. Any method raises
    RoleDiedError or RoleTimeoutError when what learns has died or hangs: the attempt is over, and
    the next one goes on from the last checkpoint. Workers, shards of replay and what is lost with a
    node are replaced without such an end.
    """

    def stand(self) -> None:
        """Start the processes and wait for their cores; raises Stopped if told to meanwhile."""

    def prepare(self) -> Json:
        """Build everything; return what a run records of where it is."""

    def restore(self, state: State) -> list[str]:
        """Go on from a checkpoint; return what forbids that it goes on exactly."""

    def random_baseline(self, episodes: int) -> Evaluation:
        """Play whole games at random; raises Stopped if told to meanwhile."""

    def begin_update(self) -> None:
        """Let the next update be made while the supervisor does other things."""

    def finish_update(self) -> UpdateResult:
        """Wait for the update that was begun."""

    def drain(self) -> list[UpdateResult]:
        """Return the updates that were under way beyond the last one; begin none."""

    def begin_checkpoint(self, replay_limit_bytes: float) -> Pending:
        """Drained, begin to copy the state; the result is the state and its weights' hash.

        A replay that is larger than the limit is left out.
        """

    def weights(self) -> runtime.Ref:
        """Drained, return the present weights, as a reference."""

    def begin_evaluation(
        self, episodes: int, greedy: bool, video: bool, *, stoppable: bool
    ) -> Pending:
        """Drained, begin to score the policy; the result is an Evaluation and an mp4, if any.

        Where it is stoppable, waiting for it raises Stopped if the run is told to stop meanwhile.
        The games go on all the same, and what was begun behind them waits: only what is begun
        last may be stoppable.
        """

    def close(self) -> None:
        """End the processes."""
