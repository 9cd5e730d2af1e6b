import os
import subprocess
import sys
import textwrap
import threading

import pytest
import torch

from raylab.rl.cores import TorchThreads, one_for_each_core

CORES = os.cpu_count()
HAS_ALL_CORES = CORES > 1 and len(os.sched_getaffinity(0)) == CORES
needs_all_cores = pytest.mark.skipif(
    not HAS_ALL_CORES, reason="needs every core of a machine that has several"
)
# Threads that have exactly one core, as [core, ...]; the others of the process may use all.
PRELUDE = """
import os, torch
from raylab.rl.cores import TorchThreads

def bound():
    threads = [int(thread) for thread in os.listdir("/proc/self/task")]
    masks = [os.sched_getaffinity(thread) for thread in threads]
    return sorted(mask.pop() for mask in masks if len(mask) == 1)

every = list(range(os.cpu_count()))
"""


def run(code):
    """In a process of its own, whose threads torch has not started yet."""
    program = PRELUDE + textwrap.dedent(code)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_one_thread_is_not_kept_to_a_core():
    assert not one_for_each_core(1)


def test_fewer_or_more_threads_than_cores_are_not_one_for_each_core():
    assert not one_for_each_core(CORES + 1)
    assert not one_for_each_core(CORES - 1)


@needs_all_cores
def test_as_many_threads_as_cores_are_one_for_each_core_unless_one_is_forbidden():
    assert one_for_each_core(CORES)
    os.sched_setaffinity(0, range(1, CORES))
    try:
        assert not one_for_each_core(CORES)
        assert not one_for_each_core(CORES - 1)
    finally:
        os.sched_setaffinity(0, range(CORES))


@needs_all_cores
def test_threads_have_cores_of_their_own_while_they_compute_and_all_afterwards():
    run("""
        threads = TorchThreads(len(every))
        assert bound() == []
        with threads.on_own_cores():
            assert bound() == every, bound()
            torch.ones(1 << 20).add_(1.0)
            assert bound() == every, bound()
        assert bound() == []
        try:
            with threads.on_own_cores():
                raise KeyError
        except KeyError:
            assert bound() == []
    """)


@needs_all_cores
def test_a_second_user_of_the_same_threads_finds_them_again():
    run("""
        TorchThreads(len(every))
        with TorchThreads(len(every)).on_own_cores():
            assert bound() == every, bound()
    """)


@needs_all_cores
def test_threads_that_torch_started_before_stay_as_they_are():
    run("""
        torch.set_num_threads(len(every))
        torch.ones(1 << 20).add_(1.0)
        with TorchThreads(len(every)).on_own_cores():
            assert bound() == []
    """)


@needs_all_cores
def test_threads_that_have_ended_are_not_looked_for():
    run("""
        threads = TorchThreads(len(every))
        threads._workers = (2**30, *threads._workers[1:])
        with threads.on_own_cores():
            assert bound() == []
    """)


@needs_all_cores
def test_fewer_threads_than_cores_stay_as_they_are():
    run("""
        TorchThreads(len(every))
        with TorchThreads(1).on_own_cores():
            assert bound() == []
    """)


@needs_all_cores
def test_emulators_one_for_each_core_keep_to_it():
    run("""
        from raylab.rl.envs import Atari, make

        assert bound() == []
        games = make(Atari(game="pong"), 4, seed=0, num_threads=len(every))
        games.reset()
        assert bound() == every, bound()
        fewer = make(Atari(game="pong"), 4, seed=0, num_threads=1)
        fewer.reset()
        assert bound() == every, bound()
    """)


def test_another_thread_than_the_one_that_computes_changes_nothing():
    before = torch.get_num_threads()
    threads = TorchThreads(CORES)
    seen = []

    def look():
        with threads.on_own_cores():
            seen.append(os.sched_getaffinity(0))

    other = threading.Thread(target=look)
    other.start()
    other.join(60)
    torch.set_num_threads(before)

    assert seen == [os.sched_getaffinity(0)]
