"""What the machine says about itself."""

import os
import subprocess
import sys
from dataclasses import replace

from raylab.runtime import machine
from raylab.runtime.machine import Cores, ProcessId


def test_free_cores_are_bounded_by_quota_affinity_and_load():
    assert Cores(logical=8, allowed=8, quota=None, busy=0.2).free == 8
    assert Cores(logical=8, allowed=4, quota=None, busy=0.2).free == 4
    assert Cores(logical=8, allowed=8, quota=2.5, busy=0.2).free == 2
    assert Cores(logical=8, allowed=8, quota=None, busy=5.1).free == 3
    assert Cores(logical=2, allowed=2, quota=0.5, busy=2.0).free == 1


def test_cores_are_those_that_the_process_may_use():
    cores = machine.cores(sample_s=0.0)

    assert cores.allowed == len(os.sched_getaffinity(0))
    assert 1 <= cores.free <= cores.usable <= cores.allowed
    assert f"{cores.free} free" in str(cores)


def test_quota_is_read_from_either_version_of_control_groups(monkeypatch):
    files = {"/sys/fs/cgroup/cpu.max": "150000 100000\n"}
    monkeypatch.setattr(machine, "_read", lambda path: files.get(path, ""))

    assert machine.cores(0.0).quota == 1.5

    files["/sys/fs/cgroup/cpu.max"] = "max 100000\n"

    assert machine.cores(0.0).quota is None

    files.clear()
    files["/sys/fs/cgroup/cpu/cpu.cfs_quota_us"] = "200000\n"
    files["/sys/fs/cgroup/cpu/cpu.cfs_period_us"] = "100000\n"

    assert machine.cores(0.0).quota == 2.0

    files["/sys/fs/cgroup/cpu/cpu.cfs_quota_us"] = "-1\n"

    assert machine.cores(0.0).quota is None


def test_busy_cores_come_from_the_difference_of_two_looks(monkeypatch):
    looks = iter(["cpu 100 0 0 900 0 0 0 0", "cpu 150 0 0 950 0 0 0 0"])
    monkeypatch.setattr(machine, "_read", lambda path: next(looks) if "stat" in path else "")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)

    assert machine.cores(0.0).busy == 2.0


def test_memory_is_the_limit_of_the_control_group_if_that_is_smaller(monkeypatch):
    assert machine.memory_bytes() > 1 << 28

    monkeypatch.setattr(machine, "_read", lambda path: "1000000\n" if "memory.max" in path else "")

    assert machine.memory_bytes() == 1_000_000


def test_versions_leave_out_what_is_not_installed():
    versions = machine.versions(["numpy", "no-such-package"])

    assert set(versions) == {"python", "numpy"}


def test_process_is_alive_until_it_ends():
    assert ProcessId.current().is_alive() is True

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        ticks = machine._start_ticks(child.pid)
        process = replace(ProcessId.current(), pid=child.pid, started=ticks)
        alive = process.is_alive()
        child.stdin.close()
        child.wait(timeout=20)

    assert alive is True
    assert process.is_alive() is False


def test_process_with_a_number_that_was_given_again_is_dead():
    assert replace(ProcessId.current(), started=1).is_alive() is False


def test_process_on_another_host_cannot_be_seen():
    assert replace(ProcessId.current(), host="elsewhere.invalid").is_alive() is None


def test_threads_and_allocator_are_set_for_a_process():
    environment = machine.thread_environment(3)

    assert environment["OMP_NUM_THREADS"] == environment["POLARS_MAX_THREADS"] == "3"
    assert int(environment["MALLOC_MMAP_THRESHOLD_"]) > 1 << 20


def test_looking_at_the_machine_does_not_load_ray():
    code = "import sys, raylab.runtime.machine; sys.exit('ray' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
