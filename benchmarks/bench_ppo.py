"""PPO on Pong: agent steps per second of raylab and its peers, alternating on the same cores.

8 environments x 128 agent steps, 4 epochs of 4 minibatches of 256, the Nature CNN, 2 threads; one
agent step is 4 frames. Every system runs in a process of its own with its own interpreter; the
rate is taken over a fixed window after a warm-up. The peers compute in float32, as they do;
raylab chooses by the processor (``--precision float32`` forces it), and the result says what.

    python -m benchmarks.bench_ppo                  Stable-Baselines3, a CleanRL-style script, RLlib
    python -m benchmarks.bench_ppo --peers sb3      one of them, into bench_ppo_sb3.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import RESULTS, ROOT, Result, Row, installed_versions
from benchmarks.interleave import Comparison, Program, interleave
from benchmarks.peers import peer_python, peer_versions

FOLDER = ROOT / "benchmarks" / "ppo"
METRIC = "agent_steps_per_s"
OURS = "raylab"
DEFAULT_PEERS = ["sb3", "cleanrl-style", "rllib"]

ENVIRONMENTS = {
    "sb3": (
        "stable-baselines3==2.9.2",
        "torch==2.13.0",
        "gymnasium==1.4.0",
        "ale-py==0.12.1",
        "opencv-python-headless==4.13.0.92",
    ),
    "rllib": (
        "ray[rllib]==2.60.0",
        "torch==2.13.0",
        "gymnasium==1.2.2",
        "ale-py==0.12.1",
        "opencv-python-headless==4.13.0.92",
    ),
}

# Peer: its environment (None: raylab's own, with the same torch), its program and arguments.
PEERS: dict[str, tuple[str | None, str, tuple[str, ...]]] = {
    "sb3": ("sb3", "run_sb3.py", ()),
    "cleanrl-style": (None, "run_cleanrl_style.py", ()),
    "rllib": ("rllib", "run_rllib.py", ("--runners", "0")),
    "rllib-2-runners": ("rllib", "run_rllib.py", ("--runners", "2")),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Install the peers, run the rounds, write ``<out>/bench_ppo.json``."""
    options = _parser().parse_args(argv)
    shared = ("--warmup-updates", str(options.warmup_updates), "--window-s", str(options.window_s))
    shared += ("--threads", str(options.threads))
    programs = [
        _program(
            OURS, Path(sys.executable), "run_raylab.py", ("--precision", options.precision), shared
        )
    ]
    versions = installed_versions(["raylab-platform", "torch", "ale-py", "ray"])
    for peer in options.peers:
        environment, file, arguments = PEERS[peer]
        python = Path(sys.executable)
        if environment:
            requirements = ENVIRONMENTS[environment]
            python = peer_python(environment, requirements)
            names = [requirement.split("==")[0].split("[")[0] for requirement in requirements]
            for name, version in peer_versions(python, names).items():
                versions[f"{environment}: {name}"] = version
        programs.append(_program(peer, python, file, arguments, shared))

    comparison = interleave(
        programs, pairs=options.pairs, max_foreign_share=options.max_foreign_share
    )
    result = _result(comparison, options, versions)
    print(result.write(options.out))
    for peer, value in result.ratios.items():
        print(f"{OURS} / {peer}: {value:.2f}")


def _program(
    system: str, python: Path, file: str, arguments: tuple[str, ...], shared: tuple[str, ...]
) -> Program:
    command = (str(python), str(FOLDER / file), *arguments, *shared)
    return Program(system=system, command=command)


def _name(peers: Sequence[str]) -> str:
    """Some of the peers have a file of their own, so that all of them keep theirs."""
    return "bench_ppo" if peers == DEFAULT_PEERS else f"bench_ppo_{'_'.join(peers)}"


def _result(
    comparison: Comparison, options: argparse.Namespace, versions: dict[str, str]
) -> Result:
    systems = [OURS, *options.peers]
    rows = [
        Row(
            system=system,
            metric="agent steps per second",
            value=comparison.median(system, METRIC),
            unit="1/s",
            n=len(comparison.undisturbed(system)),
        )
        for system in systems
    ]
    bfloat16 = comparison.median(OURS, "bfloat16")
    return Result(
        name=_name(options.peers),
        rows=tuple(rows),
        ratios={peer: comparison.median_ratio(OURS, peer, METRIC) for peer in options.peers},
        versions=versions,
        settings={
            "game": "pong, no sticky actions, minimal action set, 4 frames an agent step",
            "algorithm": "PPO, 8 environments x 128 agent steps, 4 epochs, 4 minibatches of 256",
            "network": "Nature CNN",
            "threads": options.threads,
            "precision": {OURS: "bfloat16" if bfloat16 else "float32", "peers": "float32"},
            "window_s": options.window_s,
            "warmup_updates": options.warmup_updates,
            "max_foreign_share": options.max_foreign_share,
            "pairs": {peer: len(comparison.pairs(OURS, peer)) for peer in options.peers},
            "disturbed_pairs": {peer: comparison.discarded(OURS, peer) for peer in options.peers},
            "foreign_cpu_s": {
                system: [round(runs[system].foreign_cpu_s, 2) for runs in comparison.rounds]
                for system in systems
            },
            "rates": {
                system: [round(runs[system].metrics[METRIC], 1) for runs in comparison.rounds]
                for system in systems
            },
        },
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=DEFAULT_PEERS)
    parser.add_argument("--pairs", type=int, default=5, help="undisturbed pairs wanted")
    parser.add_argument("--window-s", type=float, default=40.0)
    parser.add_argument("--warmup-updates", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--max-foreign-share", type=float, default=0.03)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
