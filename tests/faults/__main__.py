"""`make faults`: play twenty schedules, and write their table to docs/cluster/faults.md."""

import json
import sys
import tempfile
from pathlib import Path

from raylab import __version__
from raylab.runtime import machine
from tests.cluster.namespace import run_alone

COUNT = 20
TARGET = Path(__file__).resolve().parents[2] / "docs" / "cluster" / "faults.md"
_HEAD = """\
# Faults

The last `make faults`: {count} random schedules of kills over training and queries, on a head and two
workers of one core, the head's state in Redis. Each schedule is made from its number alone, so it
can be played again (`tests/faults/schedules.py`). A trained run must end with the weights of the
run that nobody disturbed, bit by bit, and a query with the rows of a single process; the store must
be whole. raylab {version}, ray {ray}, {cpu}, {cores} cores shared by all nodes.

| schedule | work | killed | outcome | seconds |
|---:|---|---|---|---:|
"""


def main() -> int:
    """Play them; 1 when one ended otherwise than promised."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        said = run_alone(
            "../faults/play.py",
            *(folder, *range(COUNT)),
            needs=["redis-server"],
            timeout_s=COUNT * 90,
        )
    rows = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    text = _HEAD.format(
        count=COUNT,
        version=__version__,
        ray=machine.versions()["ray"],
        cpu=machine.cpu_model(),
        cores=machine.cores(0.0).usable,
    )
    for row in rows:
        text += (
            f"| {row['schedule']} | {row['work']} | {row['faults']} | {row['outcome']} "
            f"| {row['seconds']:.0f} |\n"
        )
    TARGET.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if all(row["outcome"].startswith(("same ", "error: ")) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
