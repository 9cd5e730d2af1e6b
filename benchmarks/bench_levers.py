"""What each lever of the PPO loop gains: Pong with all of them against all but one.

    python -m benchmarks.bench_levers                             every lever, about 11 minutes
    python -m benchmarks.bench_levers --levers bfloat16 threads   some; the others keep their rows

Levers in code alternate update by update in one process (``levers/run_levers.py``), those in the
environment of a process in processes that alternate. A gain is the time of an update without the
lever over the time with it. The peer of a ratio is raylab without that lever.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.common import RESULTS, ROOT, Result, Row, installed_versions
from benchmarks.interleave import Program, interleave, run_once
from benchmarks.levers.run_levers import WITHOUT
from raylab.runtime.machine import thread_environment

# A lever of the process: what its environment, or the number of threads, is without it.
IN_THE_PROCESS: Final[dict[str, tuple[Mapping[str, str], int]]] = {
    "allocator thresholds": (
        {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"},
        2,
    ),
    "threads that spin between operations": ({"GOMP_SPINCOUNT": "1000"}, 2),
    "threads that sleep while environments step": ({"GOMP_SPINCOUNT": "300000"}, 2),
    "huge pages": ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}, 2),
    "threads": ({}, 1),
}
METRIC: Final = "agent_steps_per_s"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the levers, write ``<out>/bench_levers.json``."""
    options = _parser().parse_args(argv)
    target = options.out / "bench_levers.json"
    earlier = Result.from_json(target.read_text(encoding="utf-8")) if target.exists() else None
    measured: dict[str, dict[str, Any]] = dict(earlier.settings["levers"]) if earlier else {}
    for lever in options.levers:
        if lever in WITHOUT:
            measured[lever] = _in_one_process(lever, options.pairs)
        else:
            measured[lever] = _between_processes(lever, options.pairs)
        print(f"{lever}: {measured[lever]['ratio']:.2f}", file=sys.stderr)
    print(_result(measured).write(options.out))


def _in_one_process(lever: str, pairs: int) -> dict[str, Any]:
    command = (sys.executable, "-m", "benchmarks.levers.run_levers", "--without", lever)
    environment = {**thread_environment(2), "PYTHONPATH": str(ROOT)}
    run = run_once(
        Program(
            system=f"without {lever}",
            command=(*command, "--pairs", str(pairs)),
            environment=environment,
        )
    )
    return dict(run.metrics)


def _between_processes(lever: str, pairs: int) -> dict[str, Any]:
    environment, threads = IN_THE_PROCESS[lever]
    file = ROOT / "benchmarks" / "ppo" / "run_inline.py"
    programs = [
        Program(
            system=system,
            command=(sys.executable, str(file), "--window-s", "8", "--threads", str(count)),
            environment={**thread_environment(count), "PYTHONPATH": str(ROOT), **changes},
        )
        for system, changes, count in (("with", {}, 2), ("without", environment, threads))
    ]
    comparison = interleave(programs, pairs=max(3, pairs // 3))
    return {
        "with_s": 1024 / comparison.median("with", METRIC),
        "without_s": 1024 / comparison.median("without", METRIC),
        "ratio": comparison.median_ratio("with", "without", METRIC),
        "pairs": len(comparison.pairs("with", "without")),
        "disturbed_pairs": comparison.discarded("with", "without"),
    }


def _result(measured: Mapping[str, Mapping[str, Any]]) -> Result:
    rows = [
        Row(
            system=f"raylab without {lever}",
            metric="gain of the lever: time of an update without it over the time with it",
            value=found["ratio"],
            unit="times",
            n=int(found["pairs"]),
        )
        for lever, found in measured.items()
    ]
    return Result(
        name="bench_levers",
        rows=tuple(rows),
        ratios={f"raylab without {lever}": found["ratio"] for lever, found in measured.items()},
        versions=installed_versions(["raylab-platform", "torch", "ale-py"]),
        settings={
            "game": "pong, PPO with 8 environments x 128 agent steps, 4 epochs, 4 minibatches",
            "threads": 2,
            "levers": json.loads(json.dumps(measured)),
        },
    )


def _parser() -> argparse.ArgumentParser:
    levers = (*WITHOUT, *IN_THE_PROCESS)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--levers", nargs="+", choices=levers, default=levers)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
