"""``raylab evaluate``: whole games with a trained agent, in environments of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from raylab.cli.parser import VerbParser


def run(arguments: Sequence[str]) -> int:
    """Evaluate a run; prints the scores and where they are kept."""
    parser = VerbParser(
        "evaluate",
        (
            "raylab evaluate runs/pong-ppo-1a2b3c4d/1",
            "raylab evaluate runs/pong-ppo-1a2b3c4d/1 --episodes 100 --sampled",
            "raylab evaluate runs/pong-ppo-1a2b3c4d/1 --video --seed 7",
            "raylab evaluate runs/pong-ppo-1a2b3c4d/1 --checkpoint 1000000",
        ),
    )
    parser.add_argument("run", type=Path, help="a run's folder")
    parser.add_argument("--episodes", type=int, default=20, help="whole games (default: 20)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--greedy",
        dest="greedy",
        action="store_true",
        default=True,
        help="take the best action (default)",
    )
    how.add_argument(
        "--sampled", dest="greedy", action="store_false", help="act with the noise of training"
    )
    parser.add_argument("--video", action="store_true", help="film the first game as mp4")
    parser.add_argument(
        "--seed", type=int, help="of the games (default: follows from the run's seed)"
    )
    parser.add_argument(
        "--checkpoint",
        type=int,
        metavar="AGENT_STEPS",
        help="the checkpoint to load (default: the newest)",
    )
    options = parser.parse_args(arguments)

    from raylab.analysis.formats import score
    from raylab.analysis.summary import describe_environment, describe_protocol
    from raylab.cli.terminal import console, plain_table, say
    from raylab.experiment.evaluation import evaluate_run
    from raylab.experiment.run import Run
    from raylab.runtime import machine

    out = console()
    run = Run.open(options.run)
    with out.status(f"playing {options.episodes} games"):
        result = evaluate_run(
            run,
            episodes=options.episodes,
            greedy=options.greedy,
            video=options.video,
            seed=options.seed,
            checkpoint=options.checkpoint,
            threads=machine.cores().free,
        )
    returns = result["returns"]
    environment = result["environment"]
    table = plain_table()
    table.show_header = False
    table.add_column(style="dim")
    table.add_column()
    for name, value in (
        ("environment", f"{describe_environment(environment)} ({describe_protocol(environment)})"),
        ("policy", f"{result['policy']}, after {result['agent_steps']:,} agent steps"),
        ("return", f"{score(result['mean'])} ± {score(result['std'])} over {len(returns)} games"),
        ("range", f"{score(min(returns))} to {score(max(returns))}"),
    ):
        table.add_row(name, value)
    out.print(table)
    if "video" in result:
        say(out, f"video   {run.path / result['video']}")
    say(out, f"result  {result['file']}")
    return 0
