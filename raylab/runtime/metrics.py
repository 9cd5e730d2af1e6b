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
    "frame_fallbacks": "Calls that fell back from native kernels to pandas in this process.",
}
"""What may be published; the dashboard in docs/cluster/grafana.json draws these."""

_gauges: dict[str, Any] = {}


def publish(run: str, role: str, values: Mapping[str, float]) -> None:
    """Set gauges of a role.

    Args:
        run: ``<experiment id>/<seed>``; empty for what belongs to none.
        role: which process of the run, like ``supervisor``.
        values: by name, as in ``GAUGES``; any other name goes to ``metric`` with a tag.
    """
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return
    tags = {"run": run, "role": role, "node": socket.gethostname()}
    for name, value in values.items():
        if not math.isfinite(value):
            continue
        if name in GAUGES:
            _gauge(name, TAGS).set(float(value), tags)
        else:
            _gauge("metric", (*TAGS, "name")).set(float(value), {**tags, "name": name})


def _gauge(name: str, tags: tuple[str, ...]) -> Any:
    if name not in _gauges:
        from ray.util.metrics import Gauge

        _gauges[name] = Gauge(PREFIX + name, GAUGES[name], tags)
    return _gauges[name]
