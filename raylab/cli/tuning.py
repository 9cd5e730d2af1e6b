"""What ``raylab doctor`` says and does about the best choice for a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_SECONDS = 6.0  # of training for each choice


def tune(out: Console) -> None:
    """Measure every kind of network with every choice, show the rates, keep what is best."""
    from raylab.cli.terminal import plain_table, say
    from raylab.rl import tuning
    from raylab.runtime import machine

    cores = machine.cores()
    if cores.free < cores.usable:
        say(out, f"Others use this machine ({cores}): the choice may be wrong.", style="yellow")
    counts = tuning.thread_counts(cores.usable)
    with out.status("training with every choice, for about a minute or two") as status:
        found = tuning.measure(
            tuning.KINDS,
            counts,
            _SECONDS,
            lambda m: status.update(
                f"{m.kind}, {m.threads} thread(s), {m.precision}: {m.steps_per_s:,.0f}/s"
            ),
        )
    tuned = tuning.save(found)
    table = plain_table()
    for name in ("network", "threads", "precision", "agent steps/s", ""):
        table.add_column(name, justify="right" if name in ("threads", "agent steps/s") else "left")
    for each in found:
        chosen = "chosen" if tuned.best(each.kind) == each else ""
        rate = f"{each.steps_per_s:,.0f}"
        table.add_row(each.kind, str(each.threads), each.precision, rate, chosen)
    out.print(table)
    say(out, f"kept in {tuning.path()}: auto follows it from now on\n")


def describe() -> tuple[str, str]:
    """Return what this machine is tuned to, in words, and advice."""
    from raylab.rl import tuning

    tuned = tuning.load()
    if tuned is None:
        stale = "of another machine or torch" if tuning.path().exists() else "not measured"
        return stale, "`raylab doctor --tune` measures what is best here, in about two minutes."
    best = [found for kind in tuning.KINDS if (found := tuned.best(kind)) is not None]
    choices = [f"{b.kind} {b.threads} thread(s) in {b.precision}" for b in best]
    return f"{'; '.join(choices)} (measured {tuned.date})", ""
