"""What control costs: rollout workers whose environment only sleeps, 1, 2, 4 and 8 of them.

With such environments the workers could go on without a pause: what is missing from that rate is
control, and what the workers spend on choosing actions: with steps of 5 ms eight workers choose 1,600 a
second, which alone can fill two cores, with steps of 20 ms 400. A fragment takes 0.16 s in both. The
part of the cores in use is recorded. Each number of workers trains APPO (``async``) and PPO (``sync``)
by a small network; with steps of 5 ms also PPO by one of many weights, whose broadcast is what the two
PPO runs differ by. Results go to ``benchmarks/results/control.json``.

``python -m benchmarks.bench_control --workers 1 2 --updates 10`` is a smoke test of a minute or two; all
of it takes some ten. Without step, the clock starts and stops in the middle of fragments: an overhead
is right to about a fragment's time (0.16 s) divided by ``--updates``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import RESULTS, Result, Row, installed_versions
from benchmarks.interleave import busy_s
from raylab import runtime
from raylab.rl.algorithms.appo import APPO
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.rl.job import Job, Layout
from raylab.rl.networks import NetworkConfig
from raylab.rl.placements import make_team
from raylab.rl.placements.watch import Watch
from raylab.rl.schedule import Checkpointing, Evaluating, Until

STEPS_S = (0.005, 0.02)
FRAGMENT_S = 0.16
WARM_UP = 5  # updates
SMALL = NetworkConfig(hidden_sizes=(8,))
LARGE = NetworkConfig(hidden_sizes=(1024, 1024))


@dataclass(frozen=True)
class Measured:
    """One placement with one number of workers."""

    steps_per_s: float
    cores: float  # in use, of all of the machine's
    overhead_s: float  # per fragment: beyond playing, and in step beyond learning
    bytes_per_step: float  # of fragments
    weights_bytes: int


def measure(job: Job, updates: int) -> Measured:
    """Train for some updates, and look at where the time went."""
    watch = Watch(
        beat=lambda: None, is_stopped=lambda: False, message=print, inexact=lambda _: None
    )
    team = make_team(job, watch)
    try:
        team.stand()
        team.prepare()
        for _ in range(WARM_UP):
            team.begin_update()
            team.finish_update()
        results = []
        start_s, before_s = time.perf_counter(), busy_s()
        for _ in range(updates):
            team.begin_update()
            results.append(team.finish_update().metrics)
        took_s, used_s = time.perf_counter() - start_s, busy_s() - before_s
        team.drain()
        weights = team.begin_checkpoint(0.0)()[0].parts["weights"]
    finally:
        team.close()
    rollout_s = statistics.fmean(result["time/rollout_s"] for result in results)
    learn_s = statistics.fmean(result["time/learn_s"] for result in results)
    in_step = rollout_s + (learn_s if job.layout.kind == "sync" else 0.0)
    # An update of the async placement is one fragment of one of the workers.
    rounds = updates if job.layout.kind == "sync" else updates / job.layout.workers
    return Measured(
        steps_per_s=updates * job.algorithm.batch_size / took_s,
        cores=used_s / took_s,
        overhead_s=took_s / rounds - in_step,
        bytes_per_step=statistics.fmean(result["fragment_bytes"] for result in results)
        / job.algorithm.batch_size,
        weights_bytes=sum(array.nbytes for array in weights.values()),
    )


def job_of(kind: str, workers: int, step_s: float, network: NetworkConfig) -> Job:
    """A run of so many workers, of one environment each, that occupy no core."""
    algorithm: PPO | APPO
    unroll = round(FRAGMENT_S / step_s)
    if kind == "sync":
        algorithm = PPO(
            num_envs=workers, unroll_length=unroll, epochs=1, minibatches=1, network=network
        )
    else:
        algorithm = APPO(num_envs=1, unroll_length=unroll, max_policy_lag=64, network=network)
    return Job(
        run=f"{kind} with {workers} workers",
        env=Gymnasium(id="benchmarks.sleeping:Sleeping-v0", kwargs={"step_s": step_s}),
        algorithm=algorithm,
        seed=1,
        until=Until(agent_steps=10**9),
        checkpointing=Checkpointing(),
        evaluation=Evaluating(),
        layout=Layout(kind=kind, workers=workers, envs_per_worker=1, worker_cores=0.0),
    )


def benchmark(workers: list[int], updates: int) -> Result:
    """Measure every placement with every number of workers and every duration of a step."""
    rows: list[Row] = []
    ratios = {}
    for step_s in STEPS_S:
        rates = {count: measure_workers(count, step_s, updates, rows) for count in workers}
        first = rates[workers[0]]
        for count in workers[1:]:
            label = f"one worker, rate per worker of {count}, steps of {1e3 * step_s:g} ms"
            ratios[label] = rates[count] / first
    return Result(
        name="control",
        rows=tuple(rows),
        ratios=ratios,
        versions=installed_versions(("ray", "torch", "numpy")),
        settings={"steps_s": STEPS_S, "fragment_s": FRAGMENT_S, "updates": updates},
    )


def measure_workers(count: int, step_s: float, updates: int, rows: list[Row]) -> float:
    """Measure the placements with so many workers; return the rate of one of ``async``."""
    placements = [("async", "async", SMALL), ("sync", "sync", SMALL)]
    if step_s == STEPS_S[0]:
        placements.append(("sync, large network", "sync", LARGE))
    steps = f"steps of {1e3 * step_s:g} ms, {count} workers"
    found = {}
    for label, kind, network in placements:
        times = updates * count if kind == "async" else updates
        seen = found[label] = measure(job_of(kind, count, step_s, network), times)
        rows += [
            Row(system=f"{label}, {steps}", metric=metric, value=value, unit=unit, n=times)
            for metric, value, unit in (
                ("agent steps per second", seen.steps_per_s, "1/s"),
                ("part of what sleeping alone allows", seen.steps_per_s * step_s / count, "1"),
                ("cores in use", seen.cores, "cores"),
                ("control overhead per fragment", 1e3 * seen.overhead_s, "ms"),
                ("fragment bytes per agent step", seen.bytes_per_step, "B"),
                ("weights", float(seen.weights_bytes), "B"),
            )
        ]
    if "sync, large network" in found:
        broadcast_s = found["sync, large network"].overhead_s - found["sync"].overhead_s
        rows.append(
            Row(
                system=f"sync, {steps}",
                metric="weights broadcast, large network",
                value=1e3 * broadcast_s,
                unit="ms",
                n=updates,
            )
        )
    return found["async"].steps_per_s / count


def main() -> None:
    """Measure, and write the JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--updates", type=int, default=60, help="per placement, of every worker")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    runtime.connect("local")
    try:
        result = benchmark(args.workers, args.updates)
    finally:
        runtime.disconnect()
    for row in result.rows:
        print(f"{row.system:45} {row.metric:40} {row.value:12.2f} {row.unit}")
    print(result.write(args.out))


if __name__ == "__main__":
    main()
