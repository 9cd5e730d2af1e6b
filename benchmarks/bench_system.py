"""What Ray, the supervisor and the recorder cost: the trainer alone against the whole system.

    python -m benchmarks.bench_system

The same PPO on Pong, alternating: ``InlineTrainer`` in a plain process, and an experiment trained
as any other, in a Ray actor under its supervisor with metrics, checkpoints and a driver. Beside
the ratio of their rates stands what the system's own record says: the share of the wall time in
which the trainer waited for its next update.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.common import RESULTS, ROOT, Result, Row, installed_versions
from benchmarks.interleave import Program, interleave
from raylab.runtime.machine import thread_environment

METRIC: Final = "agent_steps_per_s"
ALONE: Final = "trainer alone"
SYSTEM: Final = "raylab"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the pairs, write ``<out>/bench_system.json``."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, help="undisturbed pairs wanted")
    parser.add_argument("--window-s", type=float, default=40.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-foreign-share", type=float, default=0.03)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(argv)
    folder = ROOT / "benchmarks" / "ppo"
    arguments = ("--window-s", str(options.window_s), "--threads", str(options.threads))
    programs = [
        Program(
            system=system,
            command=(sys.executable, str(folder / file), *arguments),
            environment={"PYTHONPATH": str(ROOT), **environment},
        )
        for system, file, environment in (
            (SYSTEM, "run_raylab.py", {}),
            (ALONE, "run_inline.py", thread_environment(options.threads)),
        )
    ]
    comparison = interleave(
        programs, pairs=options.pairs, max_foreign_share=options.max_foreign_share
    )
    rows = [
        Row(
            system=system,
            metric="agent steps per second",
            value=comparison.median(system, METRIC),
            unit="1/s",
            n=len(comparison.undisturbed(system)),
        )
        for system in (SYSTEM, ALONE)
    ]
    waiting = Row(
        system=SYSTEM,
        metric="share of the wall time in which the trainer waits for its next update",
        value=comparison.median(SYSTEM, "waiting_share"),
        unit="1",
        n=len(comparison.undisturbed(SYSTEM)),
    )
    result = Result(
        name="bench_system",
        rows=(*rows, waiting),
        ratios={ALONE: comparison.median_ratio(SYSTEM, ALONE, METRIC)},
        versions=installed_versions(["raylab-platform", "torch", "ale-py", "ray"]),
        settings={
            "game": "pong, PPO with 8 environments x 128 agent steps, 4 epochs, 4 minibatches",
            "threads": options.threads,
            "window_s": options.window_s,
            "max_foreign_share": options.max_foreign_share,
            "pairs": len(comparison.pairs(SYSTEM, ALONE)),
            "disturbed_pairs": comparison.discarded(SYSTEM, ALONE),
            "rates": {
                system: [round(runs[system].metrics[METRIC], 1) for runs in comparison.rounds]
                for system in (SYSTEM, ALONE)
            },
        },
    )
    print(result.write(options.out))
    print(f"whole system / trainer alone: {result.ratios[ALONE]:.3f}")


if __name__ == "__main__":
    main()
