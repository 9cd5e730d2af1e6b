"""Which placement is chosen for what is free, and what is refused."""

from dataclasses import replace

import pytest

from raylab.errors import ConfigError
from raylab.experiment import Evaluating, Experiment, Placement
from raylab.experiment.layout import layout_of, resolve_placement
from raylab.rl.algorithms.appo import APPO
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari, Gymnasium, MinAtar
from raylab.runtime import Cluster
from raylab.runtime.machine import Cores

CARTPOLE = Experiment(name="x", env=Gymnasium(id="CartPole-v1"), algorithm=PPO(num_envs=12))
PONG = Experiment(name="x", env=Atari(game="pong"), algorithm=PPO(num_envs=12))
ON_APPO = replace(CARTPOLE, algorithm=APPO(num_envs=12))
ON_DQN = replace(CARTPOLE, algorithm=DQN(num_envs=12))


def cluster_of(cpus, largest=None, is_new=True):
    return Cluster("here:1", "node", float(cpus), float(largest or cpus), is_new)


def resolve(experiment, *, free=4, cpus=4, recorded=None, **placement):
    experiment = replace(experiment, placement=Placement(**placement))
    cores = Cores(logical=cpus, allowed=cpus, quota=None, busy=float(cpus - free))
    return resolve_placement(experiment, recorded, cluster_of(cpus), cores)


@pytest.mark.parametrize(
    ("experiment", "free", "kind", "threads", "workers", "envs"),
    [
        pytest.param(PONG, 4, "inline", 4, None, None, id="ppo"),
        pytest.param(PONG, 24, "inline", 16, None, None, id="ppo-on-many-cores"),
        pytest.param(CARTPOLE, 4, "inline", 1, None, None, id="ppo-of-vectors"),
        pytest.param(ON_APPO, 1, "inline", 1, None, None, id="appo-on-one-core"),
        pytest.param(ON_APPO, 2, "async", 1, 1, 12, id="appo-on-two-cores"),
        pytest.param(ON_APPO, 8, "async", 1, 6, 2, id="appo-on-eight-cores"),
    ],
)
def test_auto_looks_at_the_algorithm_and_the_free_cores(
    experiment, free, kind, threads, workers, envs
):
    placement, why = resolve(experiment, free=free, cpus=max(free, 2))

    assert (placement.kind, placement.threads) == (kind, threads)
    assert (placement.workers, placement.envs_per_worker) == (workers, envs)
    assert why.startswith(f"{kind}, {threads} thread(s)")
    assert f"{free} free" in why


def test_cores_that_are_busy_do_not_count_and_seeds_share_the_rest():
    two = replace(PONG, seeds=(1, 2))

    assert resolve(PONG, free=3, cpus=8)[0].threads == 3
    assert resolve(two, free=4, cpus=8)[0].threads == 2


def test_what_is_given_is_kept_and_what_is_open_follows():
    given, _ = resolve(CARTPOLE, kind="sync", workers=3)
    asked, _ = resolve(CARTPOLE, workers=2)
    envs, _ = resolve(CARTPOLE, kind="sync", envs_per_worker=4)

    assert (given.workers, given.envs_per_worker) == (3, 4)
    assert (asked.kind, asked.workers, asked.envs_per_worker) == ("sync", 2, 6)
    assert (envs.workers, envs.envs_per_worker) == (3, 4)


def test_a_run_keeps_the_placement_that_it_recorded():
    recorded, _ = resolve(ON_APPO, free=8, cpus=8)

    resumed, _ = resolve(ON_APPO, free=2, cpus=8, recorded=recorded)
    other, _ = resolve(ON_APPO, free=2, cpus=8, recorded=recorded, kind="inline")

    assert resumed == recorded
    assert (other.kind, other.threads) == ("inline", 1)


def test_a_recorded_evaluator_is_dropped_where_it_does_not_fit():
    scored = replace(PONG, evaluation=Evaluating(every_agent_steps=1000))
    recorded, _ = resolve(scored, free=4, cpus=4, threads=1)
    assert recorded.evaluator

    resumed, why = resolve(scored, free=1, cpus=1, recorded=recorded)
    again, _ = resolve(scored, free=4, cpus=4, recorded=recorded)

    assert (resumed.evaluator, resumed.threads) == (False, 1)
    assert why.startswith("inline, 1 thread(s) a seed")
    assert again == recorded


def test_in_step_the_learner_takes_turns_with_its_workers():
    sync = layout_of(Placement(kind="sync", threads=3, workers=2, envs_per_worker=1))
    asynchronous = layout_of(Placement(kind="async", threads=3, workers=2, envs_per_worker=1))

    assert (sync.cores, sync.learner_cores) == (3.0, 1.0)
    assert (asynchronous.cores, asynchronous.learner_cores) == (5.0, 3.0)


@pytest.mark.parametrize(
    ("experiment", "placement", "message"),
    [
        pytest.param(CARTPOLE, {"kind": "async"}, "which PPO does not correct", id="ppo-async"),
        pytest.param(
            CARTPOLE,
            {"kind": "sync", "workers": 2, "envs_per_worker": 5},
            r"num_envs, which is 12; 2 x 5 is 10",
            id="sync-envs",
        ),
        pytest.param(
            ON_APPO,
            {"kind": "async", "workers": 1, "envs_per_worker": 5},
            r"envs_per_worker=5 does not divide num_envs=12",
            id="async-envs",
        ),
        pytest.param(
            ON_APPO,
            {"kind": "async", "workers": 6, "threads": 1},
            r"occupies 7 cores, the cluster has 4; give fewer --placement.workers",
            id="too-many-workers",
        ),
        pytest.param(
            ON_DQN,
            {"workers": 2, "replay_shards": 3},
            r"2 workers cannot write to 3 shards of replay.*--placement.replay-shards 2",
            id="shards",
        ),
        pytest.param(
            CARTPOLE,
            {"workers": 2, "replay_shards": 2},
            r"replay_shards=2: PPO has no replay",
            id="shards-of-ppo",
        ),
        pytest.param(
            PONG,
            {"threads": 4, "evaluator": True},
            r"placement.evaluator occupies 1 core\(s\) beside the 4 .*--placement.evaluator False",
            id="evaluator",
        ),
        pytest.param(
            CARTPOLE, {"threads": 64}, r"placement.threads=64 .*--placement.threads 4", id="threads"
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(experiment, placement, message):
    with pytest.raises(ConfigError, match=message):
        resolve(experiment, **placement)


def test_dqn_with_workers_has_a_shard_for_each_unless_it_is_told_otherwise():
    shared, why = resolve(ON_DQN, workers=2)
    one_worker, _ = resolve(ON_DQN, kind="async", workers=1, replay_shards=2)
    inline, _ = resolve(ON_DQN)

    assert (shared.kind, shared.workers, shared.replay_shards) == ("sync", 2, 2)
    assert "replay in 2 shard(s)" in why
    assert (one_worker.kind, one_worker.replay_shards) == ("async", 2)
    assert layout_of(one_worker).replay_shards == 2
    assert (inline.kind, inline.replay_shards) == ("inline", None)


def test_shards_count_among_the_cores():
    layout = layout_of(
        Placement(kind="sync", threads=1, workers=2, replay_shards=2, shard_cores=0.5)
    )

    assert (layout.cores, layout.learner_cores) == (3.0, 0.0)


def test_minatar_networks_learn_by_one_thread():
    small = replace(ON_APPO, env=MinAtar(game="breakout"))

    assert resolve(small, free=8, cpus=8)[0].threads == 1
