"""``raylab top``: a live view of a cluster: its nodes, and the runs that it trains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from raylab.cli.parser import VerbParser

if TYPE_CHECKING:
    from rich.console import RenderableType

    from raylab.rl.schedule import Progress

_ANSWER_S = 2.0


def run(arguments: Sequence[str]) -> int:
    """Show until Ctrl-C, or once."""
    parser = VerbParser("top", ("raylab top", "raylab top --address head.example:6379 --once"))
    parser.add_argument("--address", metavar="HOST:PORT", help="of the cluster")
    parser.add_argument("--once", action="store_true", help="show it once and end")
    parser.add_argument(
        "--every", type=float, default=1.0, metavar="S", help="seconds between looks (default: 1)"
    )
    options = parser.parse_args(arguments)

    from rich.live import Live

    from raylab import runtime
    from raylab.cli.terminal import console
    from raylab.errors import ClusterError
    from raylab.runtime.cluster import find_address

    address = options.address or find_address()
    if address is None:
        raise ClusterError(
            "no cluster is running on this machine; name one with --address host:port, or "
            "RAY_ADDRESS."
        )
    out = console()
    was_connected = runtime.is_connected()
    runtime.connect(address)
    try:
        if options.once or not out.is_terminal:
            out.print(view())
            return 0
        with Live(view(), console=out, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(options.every)
                live.update(view(), refresh=True)
    except KeyboardInterrupt:
        return 0
    finally:
        if not was_connected:
            runtime.disconnect()


def view() -> RenderableType:
    """What the cluster is and what it trains, at this moment."""
    from rich.console import Group

    from raylab import runtime
    from raylab.cli.terminal import plain_table
    from raylab.experiment.progress import duration

    nodes = plain_table()
    for name in ("node", "state", "cores", "GPUs", "object store"):
        nodes.add_column(name, justify="left" if name in ("node", "state") else "right")
    for node in runtime.nodes():
        nodes.add_row(
            node.name,
            "alive" if node.is_alive else "lost",
            f"{node.cpus:g}",
            f"{node.gpus:g}",
            f"{node.object_store_bytes / (1 << 30):.1f} GiB",
            style="" if node.is_alive else "red",
        )
    runs = plain_table()
    for name in ("run", "state", "attempt", "agent steps", "per s", "return", "left"):
        runs.add_column(name, justify="left" if name in ("run", "state") else "right")
    for progress in supervised():
        left = progress.time_left_s
        runs.add_row(
            progress.run,
            progress.phase or progress.state,
            str(progress.attempt or "-"),
            f"{progress.agent_steps:,}",
            f"{progress.steps_per_s:,.0f}",
            "-" if progress.episode_return is None else f"{progress.episode_return:.2f}",
            "-" if left is None else duration(left),
        )
    free = f"{runtime.free_cpus():g} cores free"
    return Group(nodes, "", free, "", runs if runs.row_count else "nothing is being trained")


def supervised() -> list[Progress]:
    """Ask every supervisor of the cluster how its run is; one that gives no answer is left out."""
    from raylab import runtime
    from raylab.errors import ActorError
    from raylab.rl.schedule import Progress

    refs = []
    for name in runtime.list_names():
        role = runtime.find(name, f"supervisor of {name}")
        if role is not None:
            refs.append(role.submit("progress"))
    ready = runtime.wait(refs, _ANSWER_S, count=len(refs)) if refs else []
    found = []
    for ref in ready:
        try:
            progress = ref.get()
        except ActorError:  # it has just ended
            continue
        if isinstance(progress, Progress):
            found.append(progress)
    return found
