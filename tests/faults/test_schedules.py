"""Randomised schedules of kills on three nodes; three here, twenty by `make faults`."""

import json

import pytest

from tests.cluster.namespace import run_alone
from tests.faults.schedules import VICTIMS, schedule

NUMBERS = (3, 12, 14)  # a node lost under queries; node and supervisor in training; the GCS


def test_schedules_are_replayable_and_meet_every_victim():
    first = [schedule(number) for number in range(20)]

    assert first == [schedule(number) for number in range(20)]
    met = {(s.work, fault.victim) for s in first for fault in s.faults}
    assert met == {(work, victim) for work, victims in VICTIMS.items() for victim in victims}


@pytest.mark.timeout(300)
def test_the_work_survives(tmp_path):
    record = tmp_path / "record.jsonl"
    run_alone(
        "../faults/play.py", tmp_path, record, *NUMBERS, needs=["redis-server"], timeout_s=280
    )

    rows = [json.loads(line) for line in record.read_text().splitlines()]
    assert [row["schedule"] for row in rows] == list(NUMBERS)
    assert [row["outcome"] for row in rows if not row["outcome"].startswith("same ")] == []
