"""``raylab attach``: watch runs that are being trained; leaving does not stop them."""

from __future__ import annotations

from collections.abc import Sequence

from raylab.cli.parser import VerbParser


def run(arguments: Sequence[str]) -> int:
    """Watch until the runs end, or until Ctrl-C."""
    parser = VerbParser(
        "attach",
        (
            "raylab attach runs/pong-ppo-1a2b3c4d/1          one run",
            "raylab attach runs/pong-ppo-1a2b3c4d            all seeds of the experiment",
            "raylab attach runs/pong-ppo-1a2b3c4d --address head.example:6379",
        ),
    )
    parser.add_argument("run", help="a run's or an experiment's folder")
    parser.add_argument(
        "--address", metavar="HOST:PORT", help="of the cluster (default: what the run recorded)"
    )
    options = parser.parse_args(arguments)

    from raylab.experiment.watching import attach

    runs = attach(options.run, address=options.address)
    return 1 if any(run.state == "failed" for run in runs) else 0
