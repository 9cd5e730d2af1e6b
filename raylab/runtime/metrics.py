"""Metrics of raylab's roles, on the Prometheus endpoint that every Ray node has.

Loads no ray: in a process that is not connected nothing is published.
"""

from __future__ import annotations

import math
import socket
import sys
from collections.abc import Mapping
from typing import Any, Final

PREFIX: Final = "raylab_"
TAGS: Final = ("run", "role", "node")
GAUGES: Final = {
    "agent_steps": "Agent steps trained; rolls back when an attempt begins.",
    "simulated_agent_steps": "Agent steps simulated by all attempts.",
    "steps_per_s": "Agent steps per second of training.",
    "episode_return": "Mean return of the last 100 episodes.",
    "attempt": "Number of the attempt that trains.",
    "update": "Updates of the learner.",
    "checkpoint_bytes": "Size of the newest checkpoint.",
    "checkpoint_seconds": "Time to write the newest checkpoint.",
    "metric": "A value of the newest update; the tag `name` says which.",
    "policy_lag": "Updates between the oldest weights that acted for an update and its own.",
    "queued_fragments": "Fragments that wait for the learner.",
    "collecting_fragments": "Fragments that rollout workers were asked for and have not given.",
    "learning_updates": "Updates that the learner was given and has not made.",
    "frame_tasks": "Tasks of frames that are not known to be done, where they are submitted.",
}
COUNTERS: Final = {
    "frame_fallbacks": "Calls that fell back from native kernels to pandas.",
    "fragment_bytes": "Bytes of fragments that moved from rollout workers to the learner.",
    "frame_bytes": "Bytes of the rows that tasks of frames left in the object store.",
}
"""What may be published; the dashboard in docs/cluster/grafana.json draws these.

Ray forgets a gauge that was not set for two reports (20 s); a counter stays while its process lives.
"""

_published: dict[str, Any] = {}


def publish(run: str, role: str, values: Mapping[str, float]) -> None:
    """Set gauges of a role, and add to its counters.

    Args:
        run: ``<experiment id>/<seed>``; empty for what belongs to none.
        role: which process of the run, like ``supervisor``.
        values: by name, as in ``GAUGES`` and ``COUNTERS``; what is counted is given as what came
            since the last time. Any other name goes to ``metric`` with a tag.
    """
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return
    tags = {"run": run, "role": role, "node": socket.gethostname()}
    for name, value in values.items():
        if not math.isfinite(value):
            continue
        if name in COUNTERS:
            if value > 0:
                _counter(name).inc(float(value), tags)
        elif name in GAUGES:
            _gauge(name, TAGS).set(float(value), tags)
        else:
            _gauge("metric", (*TAGS, "name")).set(float(value), {**tags, "name": name})


def _gauge(name: str, tags: tuple[str, ...]) -> Any:
    if name not in _published:
        from ray.util.metrics import Gauge

        _published[name] = Gauge(PREFIX + name, GAUGES[name], tags)
    return _published[name]


def _counter(name: str) -> Any:
    if name not in _published:
        from ray.util.metrics import Counter

        _published[name] = Counter(PREFIX + name, COUNTERS[name], TAGS)
    return _published[name]
