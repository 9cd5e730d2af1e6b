"""When a run stops, saves and evaluates, and how far it has come: plain counting, no processes."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from raylab.errors import ConfigError, RaylabError
from raylab.rl.trajectory import UpdateResult

RETURN_WINDOW: Final = 100  # episodes in the mean return that is shown and that `until` looks at
_SPEED_WINDOW_S: Final = 15.0
_LARGEST_REPLAY_BYTES: Final = 2**30

RunState = Literal["queued", "running", "interrupted", "failed", "finished"]


@dataclass(frozen=True, kw_only=True)
class Until:
    """The stopping rule: training ends with the first update that reaches any of these."""

    agent_steps: int = 10_000_000
    """Agent steps to train on; annealed rates reach zero here."""
    wall_time_s: float | None = None
    """Seconds of training, over all attempts."""
    episode_return: float | None = None
    """Mean return of the last 100 episodes (once there are 100)."""

    def __post_init__(self) -> None:
        for name in ("agent_steps", "wall_time_s"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"until.{name}={value} must be above 0.")


@dataclass(frozen=True, kw_only=True)
class Checkpointing:
    """When the state is saved, besides at the end and on Ctrl-C."""

    every_agent_steps: int = 100_000
    """A killed run loses at most this much."""
    keep: int = 3
    """How many of the newest checkpoints stay; two protect against a damaged file."""
    replay: Literal["auto", "always", "never"] = "auto"
    """Whether a checkpoint holds replay, without which a run does not go on exactly; auto: where
    it is at most a gigabyte when packed, and the disk has room for all checkpoints twice."""

    def __post_init__(self) -> None:
        if self.replay not in ("auto", "always", "never"):
            raise ConfigError(
                f"checkpointing.replay={self.replay!r} must be auto, always or never."
            )
        for name in ("every_agent_steps", "keep"):
            if getattr(self, name) < 1:
                raise ConfigError(f"checkpointing.{name}={getattr(self, name)} must be at least 1.")

    def replay_limit_bytes(self, free_bytes: int) -> float:
        """Return how large replay may be in a checkpoint on a disk with so much room."""
        match self.replay:
            case "always":
                return math.inf
            case "never":
                return 0.0
            case "auto":
                return min(_LARGEST_REPLAY_BYTES, free_bytes / (2 * (self.keep + 1)))


@dataclass(frozen=True, kw_only=True)
class Evaluating:
    """When and how the policy is scored in environments of its own; it never changes training."""

    episodes: int = 10
    """Whole games per evaluation; 0 evaluates never."""
    every_agent_steps: int | None = None
    """Also during training, not only at the end."""
    greedy: bool = False
    """Take the best action, without the noise of training."""
    random_baseline_episodes: int = 0
    """Whole games of a random policy, played before training, to compare with."""
    video: bool = True
    """Record the first game of an evaluation as mp4."""

    def __post_init__(self) -> None:
        for name, least in (("episodes", 0), ("random_baseline_episodes", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"evaluation.{name}={getattr(self, name)} must not be negative.")
        if self.every_agent_steps is not None and self.every_agent_steps < 1:
            raise ConfigError(
                f"evaluation.every_agent_steps={self.every_agent_steps} must be at least 1."
            )


def crossed(every: int | None, before: int, after: int) -> bool:
    """Whether a multiple of ``every`` lies in (before, after]."""
    return every is not None and before // every != after // every


@dataclass(frozen=True)
class Progress:
    """A snapshot of a run, as its supervisor tells it."""

    run: str  # "<experiment id>/<seed>"
    state: RunState
    phase: str = ""  # what goes on just now, in words
    attempt: int = 0
    update: int = 0
    agent_steps: int = 0
    until_agent_steps: int = 0
    wall_time_s: float = 0.0
    until_wall_time_s: float | None = None
    steps_per_s: float = 0.0
    episode_return: float | None = None  # mean of the last 100
    time_left_s: float | None = None
    messages: tuple[str, ...] = ()  # everything worth telling, oldest first
    ended: bool = False
    cause: str = ""  # why it ended
    error: RaylabError | None = None  # why it failed

    @property
    def fraction(self) -> float:
        """Part of the run that is done, 0 to 1: of its agent steps or time, whichever ends it."""
        steps = self.agent_steps / self.until_agent_steps if self.until_agent_steps else 0.0
        seconds = self.wall_time_s / self.until_wall_time_s if self.until_wall_time_s else 0.0
        return min(1.0, max(steps, seconds))


class Tracker:
    """Counts steps, episodes and time over all attempts of a run, and knows when it is over.

    Args:
        until: the stopping rule.
        saved: what :meth:`saved` returned when the checkpoint was written; None begins a run.
        simulated_agent_steps: steps that any attempt simulated; they never roll back.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        until: Until,
        saved: dict[str, Any] | None = None,
        simulated_agent_steps: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        saved = saved or {}
        self.until = until
        self.update: int = saved.get("update", 0)
        self.agent_steps: int = saved.get("agent_steps", 0)
        self.episodes: int = saved.get("episodes", 0)
        self._lost_agent_steps = max(
            saved.get("lost_agent_steps", 0), simulated_agent_steps - self.agent_steps
        )
        self._returns = deque[float](saved.get("returns", ()), maxlen=RETURN_WINDOW)
        self._earlier_s: float = saved.get("wall_time_s", 0.0)
        self._clock = clock
        self._started = clock()
        self.wall_time_s = self._earlier_s
        self._points = deque([(self._started, self.agent_steps)])

    def start(self) -> None:
        """Begin to count time: training starts now."""
        self._started = self._clock()
        self._points = deque([(self._started, self.agent_steps)])

    def add(self, result: UpdateResult) -> None:
        """Count one update."""
        now = self._clock()
        self.update = result.update
        self.agent_steps = result.agent_steps
        self._lost_agent_steps += result.dropped_agent_steps
        self.episodes += len(result.episodes)
        self._returns.extend(episode.episode_return for episode in result.episodes)
        self.wall_time_s = self._earlier_s + now - self._started
        self._points.append((now, self.agent_steps))
        while len(self._points) > 2 and now - self._points[0][0] > _SPEED_WINDOW_S:
            self._points.popleft()

    @property
    def simulated_agent_steps(self) -> int:
        """Agent steps simulated by all attempts, with those that were rolled back or dropped."""
        return self.agent_steps + self._lost_agent_steps

    @property
    def episode_return(self) -> float | None:
        """Mean return of the last 100 episodes, or of as many as there were; None before any."""
        return sum(self._returns) / len(self._returns) if self._returns else None

    @property
    def steps_per_s(self) -> float:
        """Agent steps per second over the last seconds."""
        (first_s, first), (last_s, last) = self._points[0], self._points[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    @property
    def time_left_s(self) -> float | None:
        """Seconds until the stopping rule holds, at the present speed; None if unknown."""
        speed = self.steps_per_s
        left = (self.until.agent_steps - self.agent_steps) / speed if speed > 0 else None
        if self.until.wall_time_s is not None:
            limit = self.until.wall_time_s - self.wall_time_s
            left = limit if left is None else min(left, limit)
        return None if left is None else max(0.0, left)

    def reached(self) -> str | None:
        """Return which part of the stopping rule holds, in words, or None."""
        until = self.until
        if self.agent_steps >= until.agent_steps:
            return f"trained {self.agent_steps:,} agent steps"
        if until.wall_time_s is not None and self.wall_time_s >= until.wall_time_s:
            return f"trained for {self.wall_time_s:.0f} s"
        mean = self.episode_return
        if (
            until.episode_return is not None
            and mean is not None
            and len(self._returns) == RETURN_WINDOW
            and mean >= until.episode_return
        ):
            return f"reached a mean return of {mean:.1f}"
        return None

    def saved(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, as JSON."""
        return {
            "update": self.update,
            "agent_steps": self.agent_steps,
            "episodes": self.episodes,
            "lost_agent_steps": self._lost_agent_steps,
            "returns": list(self._returns),
            "wall_time_s": self.wall_time_s,
        }
