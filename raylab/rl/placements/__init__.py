"""The three placements: which processes train a run together, and how."""

from __future__ import annotations

from collections.abc import Callable

from raylab.rl.job import Job
from raylab.rl.placements.asynchronous import AsyncTeam
from raylab.rl.placements.inline import InlineTeam
from raylab.rl.placements.replaying import ReplayTeam
from raylab.rl.placements.sync import SyncTeam
from raylab.rl.placements.team import Team
from raylab.rl.placements.watch import Watch

_TEAMS: dict[str, Callable[[Job, Watch], Team]] = {
    "inline": InlineTeam,
    "sync": SyncTeam,
    "async": AsyncTeam,
}


def make_team(job: Job, watch: Watch) -> Team:
    """Return the processes of an attempt, as the job's layout says."""
    if job.layout.replay_shards:
        return ReplayTeam(job, watch)
    return _TEAMS[job.layout.kind](job, watch)
