"""Randomised schedules of kills: each number is one schedule, for ever the same."""

import random
from dataclasses import dataclass

VICTIMS = {
    "training": ("trainer", "supervisor", "node", "gcs"),
    "frame": ("worker", "node", "gcs"),
}


@dataclass(frozen=True)
class Fault:
    """What is killed, and when: so many checkpoints or queries after the work began."""

    victim: str  # trainer, supervisor, worker, node (its raylet), gcs (restarted a second later)
    after: int
    delay_s: float  # then so much later, to hit anything between two of them


@dataclass(frozen=True)
class Schedule:
    """Work, and the faults that meet it in this order."""

    number: int
    work: str  # "training" or "frame"
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return ", ".join(f"{f.victim} after {f.after} + {f.delay_s:.2f} s" for f in self.faults)


def schedule(number: int) -> Schedule:
    """Return the schedule of that number; even ones train, odd ones query."""
    generator = random.Random(f"raylab {number}")
    work = ("training", "frame")[number % 2]
    last = 6 if work == "training" else 16
    faults = sorted(
        (generator.randint(1, last), round(generator.uniform(0, 0.5), 2))
        for _ in range(generator.randint(1, 2))
    )
    # Each number begins with another victim, so that a few of them meet them all.
    first = VICTIMS[work][number // 2 % len(VICTIMS[work])]
    victims = [first, *(generator.choice(VICTIMS[work]) for _ in faults)]
    return Schedule(
        number,
        work,
        tuple(
            Fault(victim, after, delay_s)
            for victim, (after, delay_s) in zip(victims, faults, strict=False)
        ),
    )
