"""Where roles go: the places of a layout, who holds them, and how long they are waited for."""

import os
import signal
import time
from dataclasses import replace

import pytest

from raylab import runtime
from raylab.errors import ClusterError, RoleDiedError
from raylab.rl.job import Layout, On
from raylab.rl.placements.places import Reservation, places_of, what_does_not_fit
from raylab.rl.placements.watch import Watch
from raylab.runtime import Needs, Room, lay_out
from tests.waiting import wait_until_gone

LIMIT_S = 60.0
SYNC = Layout(kind="sync", workers=2, envs_per_worker=2)
SHARDS = replace(SYNC, kind="async", threads=2, replay_shards=2)


def node(name, cpus, labels=(), **more):
    return Room(name, {"CPU": float(cpus), **more}, dict(labels))


def test_in_step_the_learner_shares_the_place_of_a_worker():
    places = places_of(SYNC)

    assert places.needs == (Needs(1.0), Needs(1.0))
    assert (places.learner, places.workers) == (0, (0, 1))
    assert places.roles() == [["learner", "rollout worker 0"], ["rollout worker 1"]]


def test_shards_are_spread_with_the_workers_that_write_to_them():
    places = places_of(SHARDS)

    assert places.needs == (Needs(2.0), Needs(1.0), Needs(1.0))
    assert (places.learner, places.workers, places.shards) == (0, (1, 2), (1, 2))


def test_one_shard_is_beside_the_learner():
    places = places_of(replace(SHARDS, replay_shards=1))

    assert places.shards == (places.learner,)


def test_shards_with_needs_of_their_own_have_places_of_their_own():
    places = places_of(replace(SHARDS, shards_on=On(resources={"big": 1.0})))

    assert places.shards == (3, 4)
    assert places.needs[3].amounts == {"big": 1.0}


def test_the_learner_goes_where_the_gpus_are_and_labels_choose_nodes():
    layout = replace(SHARDS, gpus=1.0, workers_on=On(labels={"pool": "cheap"}))
    nodes = [node("plain", 8), node("gpu", 4, GPU=1.0), node("cheap", 4, {"pool": "cheap"})]

    places = places_of(layout)
    chosen = lay_out(places.needs, nodes)

    assert chosen[places.learner] == 1
    assert [chosen[place] for place in places.workers] == [2, 2]


def test_a_role_without_cores_goes_where_its_labels_say(cluster):
    layout = replace(SHARDS, replay_shards=1, shards_on=On(labels={"pool": "big"}))
    nodes = [node("small", 4, {"pool": "small"}), node("big", 0, {"pool": "big"})]

    places = places_of(layout)

    assert lay_out(places.needs, nodes)[places.shards[0]] == 1
    assert what_does_not_fit(places.needs, nodes[:1]) == (
        "no node is left for a role where pool=big (there are small: 4 CPU, pool=small)"
    )
    labelled = replace(layout, threads=1, workers=1, nodes_within_s=1.0)
    reservation = Reservation(labelled, watch())
    with pytest.raises(ClusterError, match="for a role where pool=big"):
        reservation.stand()
    reservation.close()


def test_places_are_spread_as_evenly_as_they_fit():
    needs = [Needs(1.0)] * 5

    assert sorted(lay_out(needs, [node("a", 4), node("b", 4)])) == [0, 0, 0, 1, 1]
    assert sorted(lay_out(needs, [node("a", 4), node("b", 1)])) == [0, 0, 0, 0, 1]
    assert lay_out([Needs(2.0), Needs(1.0)], [node("a", 1), node("b", 2)]) == [1, 0]


def test_what_no_node_could_hold_is_named():
    nodes = [node("a", 2), node("b", 2)]

    assert what_does_not_fit([Needs(2.0), Needs(2.0)], nodes) == ""
    assert what_does_not_fit([Needs(1.0, 1.0)], nodes) == (
        "no node is left for 1 CPU, 1 GPU (there are a: 2 CPU; b: 2 CPU)"
    )
    assert "for 1 CPU where pool=cheap" in what_does_not_fit(
        [Needs(1.0, labels={"pool": "cheap"})], nodes
    )


def watch():
    return Watch(
        beat=lambda: None, is_stopped=lambda: False, message=print, inexact=lambda reason: None
    )


def test_places_are_reserved_and_given_back(cluster):
    reservation = Reservation(SYNC, watch())
    reservation.stand()

    reserved = runtime.group_names()
    reservation.close()

    assert len(reserved) == 1
    assert runtime.group_names() == []


def test_a_cluster_that_is_too_small_is_waited_for_and_then_refused(cluster):
    layout = replace(SYNC, workers_on=On(resources={"lidar": 1.0}), nodes_within_s=1.0)
    reservation = Reservation(layout, watch())

    with pytest.raises(ClusterError, match=r"within 1 s: no node is left for 1 CPU, 1 lidar"):
        reservation.stand()

    reservation.close()


class Reserving:
    """A role that reserves places, and may die."""

    def __init__(self):
        self._reservation = Reservation(SYNC, watch())

    def stand(self):
        self._reservation.stand()

    def pid(self):
        return os.getpid()


@pytest.mark.parametrize("restarts", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_places_go_with_the_role_that_reserved_them(cluster, restarts):
    role = runtime.actor(
        Reserving, role="supervisor", name="reserving", detached=True, max_restarts=restarts
    )
    role.call("stand", timeout_s=LIMIT_S)
    before = runtime.group_names()

    os.kill(role.call("pid", timeout_s=LIMIT_S), signal.SIGKILL)

    deadline = time.monotonic() + LIMIT_S
    while restarts:  # started again, it holds its places once, and not beside those of before
        try:
            role.call("stand", timeout_s=LIMIT_S)
            break
        except RoleDiedError:
            assert time.monotonic() < deadline
    if restarts:
        assert runtime.group_names() == before
        role.kill()
    wait_until_gone("reserving", LIMIT_S)
    while runtime.group_names():
        assert time.monotonic() < deadline
        time.sleep(0.05)
