"""Run the copied tests in processes of their own and collect one record per test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.plugin import VARIABLE
from tests.conformance.suite import copy_suite

ROOT = Path(__file__).resolve().parents[2]
MARKERS = "not slow and not single_cpu and not db and not network"
TEST_LIMIT_S = 120
CRASHES_ALLOWED = 20

Records = dict[str, dict[str, Any]]  # node id -> outcome, fallbacks, and of a failure its cause


class ConformanceError(RuntimeError):
    """The tests could not be run; the message holds pytest's last words."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What stands in pandas' place, with which options of ``raylab.*``."""

    name: str
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    every: int = 1  # of the parameter sets of each test function, this one is run


PANDAS = Mode("pandas", "pandas")
DEFAULT = Mode("default", "raylab.frame", {"fallback": "silent"})
PARTITIONED = Mode(
    "threshold 0, 3 partitions",
    "raylab.frame",
    {"fallback": "silent", "execution": "local", "lazy_threshold_rows": 0, "npartitions": 3},
)
ON_RAY = Mode(
    "on Ray",
    "raylab.frame",
    {"fallback": "silent", "execution": "ray", "lazy_threshold_rows": 0, "npartitions": 2},
)


def run_suite(mode: Mode, batches: Sequence[Sequence[str]], *, jobs: int = 2) -> Records:
    """Run folders or files of pandas' tests in a mode.

    Args:
        mode: what stands in pandas' place.
        batches: paths below ``pandas/tests``; each batch runs in one process.
        jobs: how many processes run at once.

    Raises:
        ConformanceError: pytest itself failed, or the tests crashed it too often.
    """
    folders = sorted({path.partition("/")[0] for batch in batches for path in batch})
    records: Records = {}
    with (
        tempfile.TemporaryDirectory(prefix="conformance-") as temporary,
        ThreadPoolExecutor(jobs) as pool,
    ):
        suite = Path(temporary)
        copy_suite(suite, mode.module, folders)
        runs = [
            pool.submit(_run_batch, mode, suite, batch, suite / f"{number}.jsonl")
            for number, batch in enumerate(batches)
        ]
        for run in runs:
            records |= run.result()
    return records


def _run_batch(mode: Mode, suite: Path, paths: Sequence[str], log: Path) -> Records:
    """Run one batch; after a crash, go on behind the test that crashed."""
    settings = {"module": mode.module, "options": dict(mode.options), "every": mode.every}
    settings["log"] = str(log)
    environment = {
        **os.environ,
        VARIABLE: json.dumps(settings),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTHONHASHSEED": "0",  # the order of sets shows in test ids
    }
    command = [sys.executable, "-m", "pytest", "-p", "tests.conformance.plugin", "-q"]
    command += ["-c", "pyproject.toml", "--rootdir", ".", "-o", "addopts="]
    command += ["-p", "no:cacheprovider", "--import-mode=importlib", "--no-strict-data-files"]
    command += ["-m", MARKERS, "--continue-on-collection-errors", "--tb=short", "--no-summary"]
    command += [f"--timeout={TEST_LIMIT_S}", *paths]
    for _ in range(CRASHES_ALLOWED):
        result = subprocess.run(
            command, cwd=suite, env=environment, capture_output=True, text=True, check=False
        )
        records, started = _read(log)
        if result.returncode in (0, 1, 5):  # 5: nothing is left to run
            return records
        if started is None:
            break
        record = {"id": started, "outcome": "failed", "cause": "crash", "fallbacks": []}
        record["error"] = f"the process ended with {result.returncode}"
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    raise ConformanceError(
        f"pytest on {' '.join(paths)} ({mode.name}) ended with {result.returncode}:\n"
        + (result.stdout + result.stderr)[-2000:]
    )


def _read(log: Path) -> tuple[Records, str | None]:
    """The records of a log, and the test that was started but not finished."""
    records: Records = {}
    started = None
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    for line in lines:
        record = json.loads(line)
        if "start" in record:
            started = record["start"]
        else:
            records[record.pop("id")] = record
    return records, None if started in records else started
