"""The best threads and precision for this machine: measured once, kept in the user's cache folder.

``raylab doctor --tune`` measures the training loop itself, one kind of network after the other, each
choice in a process of its own (thread counts must be set before a process starts). What it
finds is what ``auto`` means from then on, until the processor, its cores or torch change.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from raylab.errors import RaylabError
from raylab.runtime import machine

Kind = Literal["large images", "small images", "vectors"]
KINDS: Final[tuple[Kind, ...]] = ("large images", "small images", "vectors")

_WORTH: Final = 1.05  # more threads, or fewer bits, must be faster by this factor
_LIMIT_S: Final = 300.0  # for one choice


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """How fast one choice trains."""

    kind: Kind
    threads: int
    precision: Literal["float32", "bfloat16"]
    steps_per_s: float


@dataclass(frozen=True)
class Tuning:
    """What was measured on this machine."""

    date: str  # ISO, UTC
    machine: dict[str, Any]  # what the measurements hold for, see :func:`identity`
    measurements: tuple[Measurement, ...]

    def best(self, kind: Kind) -> Measurement | None:
        """Return the choice for a kind of network; None if it was not measured.

        The fastest, or the one with fewer threads and more bits that is nearly as fast: a core that
        gains nothing here can train another seed.
        """
        found = [each for each in self.measurements if each.kind == kind]
        if not found:
            return None
        fastest = max(each.steps_per_s for each in found)
        good = [each for each in found if each.steps_per_s * _WORTH >= fastest]
        return min(good, key=lambda each: (each.threads, each.precision == "bfloat16"))


def path() -> Path:
    """Return where the tuning is kept: RAYLAB_CACHE_DIR, else the user's cache folder."""
    given = os.environ.get("RAYLAB_CACHE_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(given) if given else Path(cache) / "raylab"
    return folder / "tuning.json"


def identity() -> dict[str, Any]:
    """Return what measurements depend on: processor, cores that may be used, torch."""
    cores = machine.cores(0.0).usable
    return {"cpu": machine.cpu_model(), "cores": cores, **machine.versions(("torch",))}


def load() -> Tuning | None:
    """Return this machine's tuning; None if there is none, or it is of another machine or torch."""
    try:
        content = json.loads(path().read_text(encoding="utf-8"))
        measurements = tuple(Measurement(**each) for each in content["measurements"])
        tuning = Tuning(str(content["date"]), dict(content["machine"]), measurements)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return tuning if tuning.machine == identity() else None


def best(kind: Kind) -> Measurement | None:
    """Return this machine's choice for a kind of network; None where nothing was measured."""
    tuning = load()
    return tuning.best(kind) if tuning else None


def save(measurements: Iterable[Measurement]) -> Tuning:
    """Keep measurements as this machine's tuning.

    Raises:
        RaylabError: the cache folder cannot be written.
    """
    date = datetime.now(UTC).isoformat(timespec="seconds")
    tuning = Tuning(date, identity(), tuple(measurements))
    target = path()
    unfinished = target.with_suffix(f".{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(asdict(tuning), indent=2) + "\n", encoding="utf-8")
        unfinished.replace(target)
    except OSError as error:
        raise RaylabError(
            f"the tuning cannot be kept in {target}: {error}. Set RAYLAB_CACHE_DIR to a folder "
            f"that can be written."
        ) from error
    return tuning


def measure(
    kinds: Iterable[Kind],
    threads: Iterable[int],
    seconds: float,
    told: Callable[[Measurement], None] = lambda _: None,
) -> list[Measurement]:
    """Train with every choice for some seconds.

    Args:
        kinds: of networks.
        threads: counts to try.
        seconds: of training for each choice, after its start.
        told: called with every measurement.

    Raises:
        RaylabError: a choice does not train; says what it printed.
    """
    found = []
    for kind in kinds:
        for count in threads:
            for precision in ("float32", "bfloat16") if kind != "vectors" else ("float32",):
                rate = _measured(kind, count, precision, seconds)
                found.append(
                    Measurement(kind=kind, threads=count, precision=precision, steps_per_s=rate)
                )
                told(found[-1])
    return found


def thread_counts(cores: int) -> tuple[int, ...]:
    """Return the counts worth trying: powers of two, and all cores."""
    powers = [1 << n for n in range(cores.bit_length()) if 1 << n <= cores]
    return tuple(sorted({*powers, cores}))


def _measured(kind: Kind, threads: int, precision: str, seconds: float) -> float:
    command = (sys.executable, "-m", __name__, kind, str(threads), precision, str(seconds))
    environment = {**os.environ, **machine.thread_environment(threads)}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            check=False,  # what it printed is worth more than its exit code
            text=True,
            timeout=_LIMIT_S + seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise RaylabError(f"{kind}, {threads} thread(s), {precision}: {error}") from error
    if done.returncode != 0:
        last_words = done.stderr.strip().rpartition("\n")[2]
        raise RaylabError(f"{kind}, {threads} thread(s), {precision} do not train: {last_words}")
    return float(done.stdout.split()[-1])


def _train(
    kind: Kind, threads: int, precision: Literal["float32", "bfloat16"], seconds: float
) -> None:
    """Print the agent steps per second of one choice; run in a process of its own."""
    from dataclasses import replace

    from raylab.rl.algorithms.ppo import PPO
    from raylab.rl.envs import Atari, EnvConfig, Gymnasium, MinAtar
    from raylab.rl.inline import InlineTrainer

    subjects: dict[Kind, tuple[EnvConfig, PPO]] = {
        "large images": (Atari(game="pong"), PPO.atari()),
        "small images": (MinAtar(game="breakout"), PPO.minatar()),
        "vectors": (Gymnasium(id="CartPole-v1"), PPO.classic_control()),
    }
    env, algorithm = subjects[kind]
    trainer = InlineTrainer(env, replace(algorithm, precision=precision), 1, 10**9, threads)
    trainer.update()  # heats caches, threads and the allocator
    before, start_s = trainer.agent_steps, time.perf_counter()
    while time.perf_counter() - start_s < seconds:
        trainer.update()
    rate = (trainer.agent_steps - before) / (time.perf_counter() - start_s)
    sys.stdout.write(f"{rate}\n")
    trainer.close()


if __name__ == "__main__":
    _kind, _threads, _precision, _seconds = sys.argv[1:]
    _train(_kind, int(_threads), _precision, float(_seconds))  # type: ignore[arg-type]  # our own
