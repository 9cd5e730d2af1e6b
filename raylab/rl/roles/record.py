"""What a run records of the process that learns, and what an exact resume depends on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import torch

from raylab.rl import tuning
from raylab.rl.agent import Algorithm
from raylab.rl.envs import EnvConfig
from raylab.runtime import machine

# Packages whose version may change a bit of the results.
_DECISIVE: Final = ("python", "torch", "numpy", "ale-py", "gymnasium", "MinAtar")


def environment_record(
    env: EnvConfig,
    algorithm: Algorithm,
    until_agent_steps: int,
    *,
    threads: int,
    precision: str,
    device: str,
) -> dict[str, Any]:
    """Describe the calling process.

    Returns:
        Versions, commit, processor, threads, precision, protocol of the environment;
        ``exactness`` is what an exact resume depends on.
    """
    versions = machine.versions()
    where: dict[str, Any] = {
        "cpu": machine.cpu_model(),
        "threads": threads,
        "precision": precision,
        "device": device,
    }
    exactness = {
        **where,
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        **{name: version for name, version in versions.items() if name in _DECISIVE},
    }
    if algorithm.depends_on_length:
        exactness["until.agent_steps"] = until_agent_steps
    tuned = tuning.load()
    return {
        **where,
        "tuned": tuned.date if tuned else None,
        "versions": versions,
        "commit": machine.source_commit(),
        "process": asdict(machine.ProcessId.current()),
        "cores": str(machine.cores(0.0)),
        "memory_bytes": machine.memory_bytes(),
        "env": env.record(),
        "exactness": exactness,
    }
