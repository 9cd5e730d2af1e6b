"""Replay: rings of single frames, drawn uniformly or by priority, whole or in shards."""

from raylab.rl.replay.fragment import Recording, ReplayFragment
from raylab.rl.replay.replay import Replay, ReplaySpec
from raylab.rl.replay.sample import Mass, Sample
from raylab.rl.replay.shard import LEAST_MINIBATCHES, ReplayShard, assemble, divide

__all__ = [
    "LEAST_MINIBATCHES",
    "Mass",
    "Recording",
    "Replay",
    "ReplayFragment",
    "ReplayShard",
    "ReplaySpec",
    "Sample",
    "assemble",
    "divide",
]
