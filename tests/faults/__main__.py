"""`make faults`: play twenty schedules, and write their table to docs/cluster/faults.md.

Goes on where it was interrupted; `make clean` forgets what was played.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from raylab import __version__
from raylab.runtime import machine
from tests.cluster.namespace import run_alone
from tests.faults.play import EACH_S
from tests.faults.schedules import schedule

COUNT = 20
ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "build" / "faults.jsonl"
TARGET = ROOT / "docs" / "cluster" / "faults.md"
_HEAD = """\
# Faults

The last `make faults`: {count} random schedules of kills over training and queries, on a head and two
workers of one core, the head's state in Redis. Each schedule is made from its number alone, so it
can be played again (`tests/faults/schedules.py`). A trained run must end with the weights of the
run that nobody disturbed, bit by bit, and a query with the rows of a single process; the store must
be whole. The column `met` counts the victims that were there when their turn came: a supervisor that
went with its node is not killed again. raylab {version}, ray {ray}, {cpu}, {cores} cores shared
by all nodes and by whatever else ran on the machine: the seconds tell little.

| schedule | work | killed | met | outcome | seconds |
|---:|---|---|---:|---|---:|
"""


def main() -> int:
    """Play those that were not played; 1 when one ended otherwise than promised."""
    RECORD.parent.mkdir(exist_ok=True)
    while left := [number for number in range(COUNT) if number not in played()]:
        play(left)
    rows = [played()[number] for number in range(COUNT)]
    text = _HEAD.format(
        count=COUNT,
        version=__version__,
        ray=machine.versions()["ray"],
        cpu=machine.cpu_model(),
        cores=machine.cores(0.0).usable,
    )
    for row in rows:
        text += (
            f"| {row['schedule']} | {row['work']} | {row['faults']} | {row['hits']} "
            f"| {' '.join(row['outcome'].split())} | {row['seconds']:.0f} |\n"
        )
    TARGET.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if all(row["outcome"].startswith(("same ", "error: ")) for row in rows) else 1


def played() -> dict[int, dict[str, Any]]:
    """What was recorded, by number; that of another schedule of this number does not count."""
    if not RECORD.exists():
        return {}
    rows = [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]
    return {r["schedule"]: r for r in rows if r["faults"] == str(schedule(r["schedule"]))}


def play(numbers: list[int]) -> None:
    """Play them on a new cluster, until one is broken."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        said = run_alone(
            "../faults/play.py",
            *(folder, RECORD, *numbers),
            needs=["redis-server"],
            timeout_s=EACH_S * (1 + len(numbers)),
        )
    sys.stderr.write(said)


if __name__ == "__main__":
    sys.exit(main())
