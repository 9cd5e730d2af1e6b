"""How long threads spin before they sleep: the time of an update of PPO and DQN for each number.

    python -m benchmarks.bench_spin

Several processes with each setting take turns, update by update, so that what the machine does
meanwhile meets all of them. The peer of a ratio is raylab with another number of rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.common import RESULTS, ROOT, Result, Row, installed_versions
from raylab.runtime.machine import thread_environment

CHOSEN: Final = int(thread_environment(2)["GOMP_SPINCOUNT"])
OTHERS: Final = (1_000, 5_000, 20_000, 40_000)
PROGRAM: Final = ROOT / "benchmarks" / "spin" / "run_turns.py"


class Player:
    """A trainer in a process of its own.

    Args:
        algorithm: "ppo" or "dqn".
        rounds: how long its threads spin.
        stack: ends the process.
    """

    def __init__(self, algorithm: str, rounds: int, stack: ExitStack) -> None:
        environment = {**os.environ, **thread_environment(2), "PYTHONPATH": str(ROOT)}
        self._process = stack.enter_context(
            subprocess.Popen(
                (sys.executable, str(PROGRAM), "--algorithm", algorithm),
                env=environment | {"GOMP_SPINCOUNT": str(rounds)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        self._answer()

    def update_s(self) -> float:
        """Let it train for one update."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a trainer ended with {self._process.wait()}, see above")
        return line


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write ``<out>/bench_spin.json``."""
    options = _parser().parse_args(argv)
    seconds = {
        algorithm: _take_turns(algorithm, options.turns, options.processes)
        for algorithm in ("ppo", "dqn")
    }
    result = _result(seconds, options)
    print(result.write(options.out))
    for peer, value in result.ratios.items():
        print(f"{peer}: {value:.3f}")


def _take_turns(algorithm: str, turns: int, processes: int) -> dict[int, list[float]]:
    """Seconds of each turn's updates, the median over the processes of a setting, by rounds."""
    settings = (CHOSEN, *OTHERS)
    seconds: dict[int, list[float]] = {rounds: [] for rounds in settings}
    with ExitStack() as stack:
        players = [
            (rounds, Player(algorithm, rounds, stack))
            for _ in range(processes)
            for rounds in settings
        ]
        for turn in range(turns):
            took: dict[int, list[float]] = {rounds: [] for rounds in settings}
            for rounds, player in players if turn % 2 else reversed(players):
                took[rounds].append(player.update_s())
            for rounds, values in took.items():
                seconds[rounds].append(statistics.median(values))
    return seconds


def _result(seconds: dict[str, dict[int, list[float]]], options: argparse.Namespace) -> Result:
    rows, ratios = [], {}
    for algorithm, by_rounds in seconds.items():
        for rounds, values in by_rounds.items():
            row = Row(
                system=f"raylab {algorithm}, {rounds} rounds",
                metric="seconds of an update",
                value=statistics.median(values),
                unit="s",
                n=len(values),
            )
            rows.append(row)
            if rounds != CHOSEN:
                pairs = zip(values, by_rounds[CHOSEN], strict=True)
                ratios[f"{algorithm}, {rounds} rounds"] = statistics.median(a / b for a, b in pairs)
    return Result(
        name="bench_spin",
        rows=tuple(rows),
        ratios=ratios,
        versions=installed_versions(["raylab-platform", "torch", "ale-py"]),
        settings={
            "game": "pong; an update of PPO is 1,024 agent steps, one of DQN 64 minibatches of 32",
            "threads": 2,
            "chosen rounds": CHOSEN,
            "processes of a setting": options.processes,
            "turns": options.turns,
        },
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=14)
    parser.add_argument("--processes", type=int, default=3, help="of each setting")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
