"""DQN on Pong: agent steps per second of raylab and Stable-Baselines3, alternating.

8 environments, one minibatch of 32 for every 4 agent steps, the Nature CNN, 2 threads; one agent
step is 4 frames. Every system runs in a process of its own with its own interpreter; the rate is
taken over a fixed window after a warm-up. The peer computes in float32, as it does; raylab chooses
by the processor (``--precision float32`` forces it), and the result says what.

    python -m benchmarks.bench_dqn
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench_ppo import ENVIRONMENTS
from benchmarks.common import RESULTS, ROOT, Result, Row, installed_versions
from benchmarks.interleave import Comparison, Program, interleave
from benchmarks.peers import peer_python, peer_versions

FOLDER = ROOT / "benchmarks" / "dqn"
METRIC = "agent_steps_per_s"
OURS, PEER = "raylab", "sb3"


def main(argv: Sequence[str] | None = None) -> None:
    """Install the peer, run the rounds, write ``<out>/bench_dqn.json``."""
    options = _parser().parse_args(argv)
    shared = ("--warmup-steps", str(options.warmup_steps), "--window-s", str(options.window_s))
    shared += ("--threads", str(options.threads))
    python = peer_python(PEER, ENVIRONMENTS[PEER])
    programs = [
        Program(
            system=OURS,
            command=(
                sys.executable,
                str(FOLDER / "run_raylab.py"),
                *("--precision", options.precision),
                *shared,
            ),
        ),
        Program(system=PEER, command=(str(python), str(FOLDER / "run_sb3.py"), *shared)),
    ]
    comparison = interleave(
        programs, pairs=options.pairs, max_foreign_share=options.max_foreign_share
    )
    result = _result(comparison, options, _versions(python))
    print(result.write(options.out))
    for peer, value in result.ratios.items():
        print(f"{OURS} / {peer}: {value:.2f}")


def _versions(python: Path) -> dict[str, str]:
    versions = installed_versions(["raylab-platform", "torch", "ale-py", "ray"])
    names = [requirement.split("==")[0].split("[")[0] for requirement in ENVIRONMENTS[PEER]]
    theirs = peer_versions(python, names)
    return versions | {f"{PEER}: {name}": version for name, version in theirs.items()}


def _result(
    comparison: Comparison, options: argparse.Namespace, versions: dict[str, str]
) -> Result:
    rows = [
        Row(
            system=system,
            metric="agent steps per second",
            value=comparison.median(system, METRIC),
            unit="1/s",
            n=len(comparison.undisturbed(system)),
        )
        for system in (OURS, PEER)
    ]
    bfloat16 = comparison.median(OURS, "bfloat16")
    return Result(
        name="bench_dqn",
        rows=tuple(rows),
        ratios={PEER: comparison.median_ratio(OURS, PEER, METRIC)},
        versions=versions,
        settings={
            "game": "pong, no sticky actions, minimal action set, 4 frames an agent step",
            "algorithm": "DQN, 8 environments, one minibatch of 32 for 4 agent steps",
            "network": "Nature CNN",
            "threads": options.threads,
            "precision": {OURS: "bfloat16" if bfloat16 else "float32", "peers": "float32"},
            "window_s": options.window_s,
            "warmup_steps": options.warmup_steps,
            "max_foreign_share": options.max_foreign_share,
            "pairs": len(comparison.pairs(OURS, PEER)),
            "disturbed_pairs": comparison.discarded(OURS, PEER),
            "foreign_cpu_s": {
                system: [round(runs[system].foreign_cpu_s, 2) for runs in comparison.rounds]
                for system in (OURS, PEER)
            },
            "rates": {
                system: [round(runs[system].metrics[METRIC], 1) for runs in comparison.rounds]
                for system in (OURS, PEER)
            },
        },
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, help="undisturbed pairs wanted")
    parser.add_argument("--window-s", type=float, default=40.0)
    parser.add_argument("--warmup-steps", type=int, default=2_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--max-foreign-share", type=float, default=0.03)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
