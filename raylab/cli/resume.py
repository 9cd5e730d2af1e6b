"""``raylab resume``: continue a run, or all runs of an experiment, from the newest checkpoint."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from raylab.cli.parser import VerbParser

if TYPE_CHECKING:
    from raylab.experiment.experiment import Experiment, Placement
    from raylab.rl.schedule import Until

_T = TypeVar("_T", "Until", "Placement")


def run(arguments: Sequence[str]) -> int:
    """Resume; 130 when the user stopped the training again."""
    parser = VerbParser(
        "resume",
        (
            "raylab resume runs/pong-ppo-1a2b3c4d/1          one run",
            "raylab resume runs/pong-ppo-1a2b3c4d            all seeds of the experiment",
            "raylab resume runs/pong-ppo-1a2b3c4d/1 --until.agent-steps 20000000",
        ),
    )
    parser.add_argument("run", type=Path, help="a run's or an experiment's folder")
    until = parser.add_argument_group("train longer than the run was meant to")
    until.add_argument("--until.agent-steps", dest="agent_steps", type=int, metavar="N")
    until.add_argument("--until.wall-time-s", dest="wall_time_s", type=float, metavar="S")
    until.add_argument("--until.episode-return", dest="episode_return", type=float, metavar="R")
    where = parser.add_argument_group("train elsewhere")
    where.add_argument(
        "--placement.threads",
        dest="threads",
        type=int,
        metavar="N",
        help="cores a seed; another number than before continues, but not exactly",
    )
    where.add_argument(
        "--placement.address",
        dest="address",
        metavar="HOST:PORT",
        help="Ray cluster; local starts one on this machine",
    )
    options = parser.parse_args(arguments)

    from raylab.analysis.folders import find_runs
    from raylab.experiment.resuming import resume_changed

    def changed(own: Experiment) -> Experiment:
        rules = ("agent_steps", "wall_time_s", "episode_return")
        return replace(
            own,
            until=_replace(own.until, options, rules),
            placement=_replace(own.placement, options, ("threads", "address")),
        )

    find_runs([options.run])  # says what is near, where there is none
    runs = resume_changed(options.run, changed)
    return 130 if any(run.state == "interrupted" for run in runs) else 0


def _replace(value: _T, options: Namespace, names: Sequence[str]) -> _T:
    """Return a dataclass with the fields that were given on the command line."""
    given = {name: getattr(options, name) for name in names}
    return replace(value, **{name: field for name, field in given.items() if field is not None})
