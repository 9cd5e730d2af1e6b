"""TensorBoard event files, written without torch: one file an attempt."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter


class EventWriter:
    """Appends scalars over agent steps.

    Args:
        folder: of the run's event files.
        restart_at: agent steps from which this attempt goes on: TensorBoard forgets what earlier
            attempts wrote beyond them.
    """

    def __init__(self, folder: Path, restart_at: int) -> None:
        self._writer = EventFileWriter(str(folder))
        self._writer.add_event(
            Event(
                step=restart_at,
                wall_time=time.time(),
                session_log=SessionLog(status=SessionLog.START),
            )
        )

    def add(self, scalars: Mapping[str, float], agent_steps: int, wall_time: float) -> None:
        """Add scalars by tag; what is not finite is left out."""
        values = [
            Summary.Value(tag=tag, simple_value=value)
            for tag, value in scalars.items()
            if math.isfinite(value)
        ]
        self._writer.add_event(
            Event(step=agent_steps, wall_time=wall_time, summary=Summary(value=values))
        )

    def flush(self) -> None:
        """Write out what was added."""
        self._writer.flush()

    def close(self) -> None:
        """Write out what was added and close the file."""
        self._writer.close()
