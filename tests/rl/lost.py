"""Data that is lost as a node that dies takes it away: its owner is gone."""

import time
from dataclasses import replace

import pytest

from raylab import runtime
from raylab.errors import RoleDiedError

LIMIT_S = 60.0


def never():
    """Take longer than any test."""
    time.sleep(LIMIT_S)


class Holder:
    """Owns data that nobody will ever have seen."""

    def hold(self):
        import ray

        return [ray.remote(never).options(num_cpus=0).remote()]


def lost_reference():
    """Return a reference to data whose owner has died."""
    holder = runtime.actor(Holder, role="holder")
    [reference] = holder.call("hold", timeout_s=LIMIT_S)
    holder.kill()
    with pytest.raises(RoleDiedError):
        holder.call("hold", timeout_s=LIMIT_S)
    return runtime.Ref(reference, "holder", "hold")


def lose_a_fragment(team):
    """Let the next fragment be lost before anybody has learned from it; returns which one was."""
    poll, lost, reference = team._crew.poll, [], lost_reference()

    def losing(also=()):
        fragments, others = poll(also)
        if fragments and not lost:
            lost.append(fragments[0])
            fragments[0] = replace(fragments[0], pieces=(reference,) * len(fragments[0].pieces))
        return fragments, others

    team._crew.poll = losing
    return lost
