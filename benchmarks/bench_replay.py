"""Replay: memory of a transition and transitions a second, beside Stable-Baselines3 and RLlib.

Batches of 32 from 50,000 agent steps of an imaginary Atari game, one thread, each system in a
process of its own, alternating. Memory is counted, sampling is timed; "laid out" includes the pass
into the network's layout, which the peers leave to their networks. Uniform sampling is compared with
Stable-Baselines3, prioritized sampling (with new priorities for every batch) with RLlib, whose buffer
gives references to frames; "as a batch" adds that their arrays are made, which raylab's always are.

    python -m benchmarks.bench_replay
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench_ppo import ENVIRONMENTS
from benchmarks.common import RESULTS, ROOT, Result, Row, installed_versions, ratio
from benchmarks.interleave import Comparison, Program, interleave
from benchmarks.peers import peer_python, peer_versions

FOLDER = ROOT / "benchmarks" / "replay"
OURS = "raylab"

# Peer, our metric, its own, what both mean, unit (fewer bytes are better).
COMPARED = (
    ("sb3", "bytes_per_transition", "bytes_per_transition", "memory of a transition", "bytes"),
    (
        "sb3",
        "bytes_per_transition",
        "optimised_bytes_per_transition",
        "memory of a transition, optimised",
        "bytes",
    ),
    ("sb3", "uniform_per_s", "uniform_per_s", "uniform sampling", "transitions/s"),
    (
        "sb3",
        "uniform_per_s",
        "optimised_uniform_per_s",
        "uniform sampling, optimised",
        "transitions/s",
    ),
    ("sb3", "laid_out_per_s", "uniform_per_s", "uniform sampling, laid out", "transitions/s"),
    ("rllib", "prioritized_per_s", "prioritized_per_s", "prioritized sampling", "transitions/s"),
    (
        "rllib",
        "prioritized_per_s",
        "prioritized_batches_per_s",
        "prioritized sampling, as a batch",
        "transitions/s",
    ),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Install the peers, run the rounds, write ``<out>/bench_replay.json``."""
    options = _parser().parse_args(argv)
    shared = ("--capacity", str(options.capacity), "--window-s", str(options.window_s))
    versions = installed_versions(["raylab-platform", "torch", "numpy"])
    programs = [
        Program(system=OURS, command=(sys.executable, str(FOLDER / "run_raylab.py"), *shared))
    ]
    for peer in ("sb3", "rllib"):
        python = peer_python(peer, ENVIRONMENTS[peer])
        names = ["stable-baselines3"] if peer == "sb3" else ["ray"]
        found = peer_versions(python, [*names, "numpy"])
        versions |= {f"{peer}: {name}": version for name, version in found.items()}
        command = (str(python), str(FOLDER / f"run_{peer}.py"), *shared)
        programs.append(Program(system=peer, command=command))
    comparison = interleave(
        programs, pairs=options.pairs, max_foreign_share=options.max_foreign_share
    )
    result = _result(comparison, options, versions)
    print(result.write(options.out))
    for name, value in result.ratios.items():
        print(f"{OURS} / {name}: {value:.2f}")


def _result(
    comparison: Comparison, options: argparse.Namespace, versions: dict[str, str]
) -> Result:
    rows: dict[tuple[str, str], Row] = {}
    ratios = {}
    for peer, ours, theirs, what, unit in COMPARED:
        for system, metric, label in (
            (OURS, ours, what.removesuffix(", optimised").removesuffix(", as a batch")),
            (peer, theirs, what.removesuffix(", laid out")),
        ):
            rows[system, label] = Row(
                system=system,
                metric=label,
                value=comparison.median(system, metric),
                unit=unit,
                n=len(comparison.undisturbed(system)),
            )
        pairs = [(a.metrics[ours], b.metrics[theirs]) for a, b in comparison.pairs(OURS, peer)]
        more_is_better = unit != "bytes"
        turned = sorted(ratio(a, b, more_is_better=more_is_better) for a, b in pairs)
        ratios[f"{peer}, {what}"] = turned[len(turned) // 2]
    return Result(
        name="bench_replay",
        rows=tuple(rows.values()),
        ratios=ratios,
        versions=versions,
        settings={
            "transitions": "Atari: uint8 84 x 84, stacks of 4, 8 environments, 1 step",
            "batch": 32,
            "capacity": options.capacity,
            "threads": 1,
            "window_s": options.window_s,
            "max_foreign_share": options.max_foreign_share,
            "disturbed_pairs": {
                peer: comparison.discarded(OURS, peer) for peer in ("sb3", "rllib")
            },
        },
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, help="undisturbed pairs wanted")
    parser.add_argument("--window-s", type=float, default=3.0)
    parser.add_argument("--capacity", type=int, default=50_000)
    parser.add_argument("--max-foreign-share", type=float, default=0.03)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
