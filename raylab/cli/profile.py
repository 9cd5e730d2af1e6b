"""``raylab profile``: trains an experiment for some seconds and shows where the time goes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from raylab.cli.parser import VerbParser

if TYPE_CHECKING:
    from raylab.experiment import Experiment, Run

_WARMUP_UPDATES: Final = 2  # they heat caches, threads and the allocator
_STARTING_S: Final = 3.0  # what those take, about


def run(arguments: Sequence[str]) -> int:
    """Profile the whole system: the same actors, supervisor and recorder that train."""
    parser = VerbParser(
        "profile",
        (
            "raylab profile experiments/pong_ppo.py",
            "raylab profile experiments/pong_ppo.py --seconds 60 --placement.threads 1",
            "raylab profile experiments/minatar_ppo.py --algorithm.precision bfloat16",
            "raylab profile runs/pong-ppo-1a2b3c4d/1/config.json --json",
        ),
    )
    parser.add_argument("file", type=Path, help="an experiment file (.py) or a config.json")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="how long to train (default: 20)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.epilog = f"{parser.epilog}\n\nWhat else follows the file overrides its fields."
    options, overrides = parser.parse_known_args(arguments)
    if options.seconds <= 0:
        parser.error(f"--seconds {options.seconds:g} must be above 0")

    from raylab.cli.train import load_experiment
    from raylab.experiment.command import parse

    prog = f"raylab profile {options.file}"
    experiment, _ = parse(load_experiment(options.file), overrides, prog=prog)
    with tempfile.TemporaryDirectory() as folder:
        found = _measured(_trained(experiment, options.seconds, folder))
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        _show(found)
    return 0


def _trained(experiment: Experiment, seconds: float, folder: str) -> Run:
    """Train one seed in a folder that is thrown away, without evaluations."""
    from raylab.experiment import Evaluating, Until, train

    experiment = replace(
        experiment,
        seeds=experiment.seeds[:1],
        until=Until(wall_time_s=seconds + _STARTING_S),
        evaluation=Evaluating(episodes=0),
        runs_dir=folder,
    )
    (run,) = train(experiment)
    return run


def _measured(run: Run) -> dict[str, Any]:
    """What was found, as JSON."""
    from raylab.analysis.breakdown import breakdown, first_with_every_phase

    metrics = run.metrics().sort_values("update")
    metrics = metrics[metrics["update"] >= _WARMUP_UPDATES]
    names = [n for n in metrics.columns if n == "wall_time_s" or n.startswith("time/")]
    columns = {name: metrics[name].tolist() for name in names}
    first = first_with_every_phase(columns)
    metrics = metrics.iloc[first:]
    overlaps = run.experiment.placement.kind == "async"
    parts = breakdown({n: column[first:] for n, column in columns.items()}, overlaps=overlaps)
    steps, walls = metrics["agent_steps"].to_numpy(), metrics["wall_time_s"].to_numpy()
    environment = run.environment
    return {
        "experiment": run.experiment.name,
        "updates": len(walls) - 1,
        "agent_steps_per_s": float(steps[-1] - steps[0]) / float(walls[-1] - walls[0]),
        **{name: environment[name] for name in ("cpu", "threads", "precision", "device")},
        "overlaps": overlaps,
        "parts": [
            {
                "group": part.group,
                "phase": part.phase,
                "ms_per_update": 1000.0 * part.seconds,
                "share": part.share,
                "meaning": part.meaning,
            }
            for part in parts
        ],
    }


def _show(found: dict[str, Any]) -> None:
    from raylab.cli.terminal import console, plain_table, say

    out = console()
    say(
        out,
        f"{found['experiment']}: {found['agent_steps_per_s']:,.0f} agent steps/s over "
        f"{found['updates']} updates ({found['threads']} thread(s), {found['precision']}, "
        f"{found['device']}, {found['cpu']})",
    )
    table = plain_table()
    table.add_column("phase")
    for name in ("ms an update", "share"):
        table.add_column(name, justify="right")
    table.add_column("")
    table.add_column("what it is", style="dim")
    group = ""
    for part in found["parts"]:
        if part["group"] != group:
            group = part["group"]
            inside = [each for each in found["parts"] if each["group"] == group]
            table.add_row(group, *_numbers(inside), style="bold")
        if part["phase"] != group:
            table.add_row(f"  {part['phase']}", *_numbers([part]), part["meaning"])
    out.print(table)
    if found["overlaps"]:
        say(out, "Rollout and learning overlap (placement async): shares do not add up to 100 %.")


def _numbers(parts: Sequence[dict[str, Any]]) -> tuple[str, str, str]:
    share = sum(part["share"] for part in parts)
    milliseconds = sum(part["ms_per_update"] for part in parts)
    return f"{milliseconds:,.1f}", f"{share:.1%}", "█" * round(30 * max(0.0, share))
