"""Seconds by phase, on a clock that the test moves."""

import pytest

from raylab.rl import laps


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("raylab.rl.laps.time.perf_counter", lambda: now[0])
    return now


def test_a_lap_counts_what_passed_since_the_last_one(clock):
    laps.start()
    for seconds, phase in ((1.0, "act"), (2.0, "env"), (4.0, "act")):
        clock[0] += seconds
        laps.lap(phase)

    assert laps.seconds() == {"act": 5.0, "env": 2.0}


def test_a_start_forgets_what_was(clock):
    laps.start()
    clock[0] += 1.0
    laps.lap("act")
    clock[0] += 10.0

    laps.start()
    clock[0] += 0.5
    laps.lap("env")

    assert laps.seconds() == {"env": 0.5}
