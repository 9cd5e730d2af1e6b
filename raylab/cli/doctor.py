"""``raylab doctor``: what this machine offers, what raylab would choose, and what is wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raylab.cli.finding import Finding
from raylab.cli.parser import VerbParser
from raylab.cli.places import place_findings
from raylab.experiment.files import default_runs_dir

if TYPE_CHECKING:
    from raylab.experiment.experiment import Experiment
    from raylab.runtime import Room


def run(arguments: Sequence[str]) -> int:
    """Examine the machine; the exit code is 1 when training cannot work."""
    parser = VerbParser(
        "doctor",
        (
            "raylab doctor",
            "raylab doctor --tune                      what is fastest on this machine",
            "raylab doctor --runs-dir s3://bucket/runs",
            "raylab doctor --cluster cluster.yaml      before `ray up`",
            "raylab doctor --address head.example:6379",
            "raylab doctor experiments/x.py --address head.example:6379    what would go where",
            "raylab doctor experiments/x.py --placement.workers 4",
        ),
    )
    parser.add_argument(
        "--runs-dir",
        "--store",
        default=default_runs_dir(),
        help="folder or URL of the runs (default: RAYLAB_RUNS_DIR, else runs)",
    )
    parser.add_argument(
        "experiment", type=Path, nargs="?", help="whose roles to place on the cluster's nodes"
    )
    parser.add_argument("--cluster", type=Path, metavar="FILE", help="a cluster.yaml to look at")
    parser.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster")
    parser.add_argument(
        "--tune",
        action="store_true",
        help="measure the best threads and precision first, and keep them for auto",
    )
    parser.epilog = f"{parser.epilog}\n\nWhat else follows an experiment overrides its fields."
    options, overrides = parser.parse_known_args(arguments)
    if options.experiment is None and overrides:
        parser.error(f"unrecognized arguments: {' '.join(overrides)}")

    from raylab.cli.terminal import console, plain_table, say
    from raylab.cli.tuning import tune

    experiment = options.experiment and _experiment(options.experiment, overrides)
    out = console()
    if options.tune:
        tune(out)
    with out.status("looking at the machine"):
        groups = {
            "machine": list(machine_findings()),
            "arithmetic": list(torch_findings()),
            "ray": list(ray_findings(options.address, experiment)),
            "store": list(store_findings(options.runs_dir)),
            "versions": list(version_findings()),
            "raylab would choose": list(choice_findings()),
        }
        if options.cluster is not None:
            groups = {"cluster file": list(cluster_findings(options.cluster)), **groups}
    for title, findings in groups.items():
        say(out, title, style="bold")
        table = plain_table()
        table.show_header = False
        table.add_column(style="dim", no_wrap=True, width=18)
        table.add_column(overflow="fold")
        for finding in findings:
            table.add_row(f"  {finding.name}", finding.seen)
            if finding.advice:
                table.add_row("", finding.advice, style="yellow")
        out.print(table)
    faults = [finding.name for group in groups.values() for finding in group if finding.is_fault]
    if faults:
        say(out, f"\nTo be mended: {', '.join(faults)}.", style="red")
        return 1
    say(out, "\nRaylab can train here.", style="green")
    return 0


def _experiment(file: Path, overrides: Sequence[str]) -> Experiment:
    """What would be trained; raises ConfigError when the file has none."""
    from raylab.cli.train import load_experiment
    from raylab.experiment.command import parse

    experiment, _ = parse(load_experiment(file), overrides, prog=f"raylab doctor {file}")
    return experiment


def machine_findings() -> Iterator[Finding]:
    """Processor, cores, load and memory."""
    from raylab.runtime import machine

    cores = machine.cores()
    yield Finding("processor", machine.cpu_model())
    foreign = cores.free < cores.usable
    yield Finding(
        "cores",
        str(cores),
        "Others use this machine: training will be slower than it could be." if foreign else "",
    )
    yield Finding("load", ", ".join(f"{load:.2f}" for load in os.getloadavg()) + " (1, 5, 15 min)")
    total, available = machine.memory_bytes(), _available_bytes()
    yield Finding(
        "memory",
        f"{_gib(total)} in all, {_gib(min(total, available))} available",
        "Less than 2 GiB are available: a run with image observations may be killed."
        if available < 2 << 30
        else "",
    )
    shm = shutil.disk_usage("/dev/shm").free if Path("/dev/shm").is_dir() else 0  # noqa: S108 - its size is looked at
    yield Finding(
        "shared memory",
        _gib(shm) + " free",
        "Ray's object store wants 256 MiB; in a container, start it with --shm-size=1g."
        if shm < 256 << 20
        else "",
    )


def torch_findings() -> Iterator[Finding]:
    """Bfloat16, accelerators and threads, as torch sees them."""
    import torch

    from raylab.rl.precision import has_fast_bfloat16

    fast = has_fast_bfloat16(torch.device("cpu"))
    yield Finding("bfloat16", "in hardware" if fast else "not in hardware; float32 is used")
    yield Finding("instructions", torch.backends.cpu.get_cpu_capability())
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    yield Finding("GPU", ", ".join(gpus) or "none")
    yield Finding("torch threads", f"{torch.get_num_threads()} by default; raylab sets its own")


def ray_findings(
    address: str | None = None, experiment: Experiment | None = None
) -> Iterator[Finding]:
    """Where a run would go: an address, a cluster on this machine, or a new local one."""
    from raylab import runtime
    from raylab.errors import ClusterError
    from raylab.runtime import machine
    from raylab.runtime.cluster import find_address

    address = address or find_address()
    yield Finding("RAY_ADDRESS", os.environ.get("RAY_ADDRESS") or "not set")
    if address is None or address == "local":
        yield Finding("cluster", "none is running; a run starts one on this machine")
        if experiment is not None:
            cpus = float(machine.cores().usable)
            here = runtime.Room("this machine", {"CPU": cpus}, {})
            local = runtime.Cluster("local", "", cpus, cpus, is_new=True)
            yield from place_findings(local, [here], experiment)
        return
    was_connected = runtime.is_connected()
    try:
        cluster = runtime.connect(address)
    except ClusterError as error:
        yield Finding("cluster", f"{address} does not answer", str(error), is_fault=True)
        return
    try:
        yield Finding("cluster", f"{cluster.address} with {cluster.cpus:g} cores answers")
        try:
            runtime.check_versions(cluster)
            yield Finding("raylab there", "the same version as here")
        except ClusterError as error:
            yield Finding("raylab there", "not the one of here", str(error), is_fault=True)
        rooms = runtime.rooms()
        for room in rooms:
            yield Finding(room.node, _holds(room))
        yield Finding("free", f"{runtime.free_cpus():g} cores")
        yield from place_findings(cluster, rooms, experiment)
    finally:
        if not was_connected:
            runtime.disconnect()


def _holds(room: Room) -> str:
    """What a node has, and what could go there."""
    cpus = room.amounts.get("CPU", 0.0)
    has = [f"{cpus:g} cores", f"{room.amounts.get('GPU', 0.0):g} GPUs"]
    has += [
        f"{amount:g} {name}"
        for name, amount in sorted(room.amounts.items())
        if name not in ("CPU", "GPU", "memory", "object_store_memory") and ":" not in name
    ]
    has += [f"{k}={v}" for k, v in sorted(room.labels.items()) if k != "ray.io/node-id"]
    trainers = int(cpus)
    fits = f"up to {trainers} trainer(s) of one thread, or one of {trainers}"
    return f"{', '.join(has)}: {fits if trainers else 'supervisors and drivers'}"


def cluster_findings(path: Path) -> Iterator[Finding]:
    """What a cluster.yaml says, and what is wrong with it; raises ConfigError on a missing key."""
    from raylab.runtime.cluster_file import remarks

    for remark in remarks(path):
        yield Finding(remark.what, remark.seen, remark.advice, is_fault=bool(remark.advice))


def store_findings(place: str) -> Iterator[Finding]:
    """Whether runs can be written, and how much room there is."""
    from raylab.errors import ConfigError, RunError
    from raylab.experiment.files import make_folder
    from raylab.experiment.stores import Store, is_url, working_folder

    runs_dir = Path(place)
    if is_url(place):
        try:
            store = Store(place)
            store.check()
            yield Finding("store", f"{place} can be written, with exclusive create")
            runs_dir = working_folder(store)
        except (ConfigError, RunError) as error:
            yield Finding("store", f"{place} cannot be used", str(error), is_fault=True)
            return
    existing = next(path for path in (runs_dir, *runs_dir.absolute().parents) if path.exists())
    try:
        make_folder(existing)
        yield Finding("runs", f"{runs_dir} can be written")
    except RunError as error:
        yield Finding("runs", f"{runs_dir} cannot be written", str(error), is_fault=True)
    free = shutil.disk_usage(existing).free
    yield Finding(
        "disk",
        f"{_gib(free)} free",
        "Less than 1 GiB is free: checkpoints may fail." if free < 1 << 30 else "",
    )
    yield Finding("video", _ffmpeg())


def version_findings() -> Iterator[Finding]:
    """Versions that decide results, and pairs that are known not to work."""
    from raylab.runtime import machine

    versions = machine.versions()
    for name, version in versions.items():
        advice = ""
        if name == "pandas" and not version.startswith(("3.0", "3.1")):
            advice = "raylab.frame works with pandas 3.0 and 3.1: pip install 'pandas>=3.0,<3.2'"
        yield Finding(name, version, advice, is_fault=bool(advice))


def _available_bytes() -> int:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return int(fields["MemAvailable"].split()[0]) << 10


def _ffmpeg() -> str:
    import imageio_ffmpeg

    try:
        return f"ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}"
    except RuntimeError as error:
        return f"no ffmpeg ({error})"


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"


def choice_findings() -> Iterator[Finding]:
    """What ``auto`` stands for on this machine, now."""
    from raylab.cli.tuning import describe
    from raylab.experiment.layout import MOST_THREADS
    from raylab.rl.inline import threads_for
    from raylab.rl.policy import auto_precision, choose_device
    from raylab.rl.tuning import KINDS
    from raylab.runtime import machine

    cores = machine.cores()
    device = choose_device("auto")
    yield Finding("placement", "PPO and DQN: inline, environments, policy and learner in one actor")
    yield Finding(
        "",
        "APPO: async, rollout workers beside a learner"
        if cores.free > 1
        else "APPO: inline, for one core is free; async from two a seed",
    )
    for kind in KINDS:
        threads = threads_for(kind, min(cores.free, MOST_THREADS))
        yield Finding(kind, f"{threads} thread(s) inline, {auto_precision(kind, device)}")
    yield Finding("", f"for one seed; several share the {cores.free} free core(s)")
    yield Finding("device", str(device))
    yield Finding("tuned to", *describe())
