"""DQN with rollout workers and shards of replay solves CartPole, in step and without."""

from dataclasses import replace

import pytest

from raylab.experiment import Evaluating, Experiment, Placement, Until, train
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import Gymnasium

EXPERIMENT = Experiment(
    name="cartpole-shards",
    env=Gymnasium(id="CartPole-v1"),
    # Weights reach the workers once an update: of 128 agent steps instead of 512.
    algorithm=replace(DQN.classic_control(), unroll_length=16, prioritized=True),
    until=Until(agent_steps=60_000, episode_return=475.0),
    evaluation=Evaluating(episodes=10, greedy=True, video=False),
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "placement",
    [
        Placement(kind="sync", threads=1, workers=2, worker_cores=0.5, replay_shards=2),
        Placement(kind="async", threads=1, workers=1, worker_cores=0.5, replay_shards=2),
    ],
    ids=["sync", "async"],
)
def test_dqn_with_two_shards_solves_cartpole(cluster, placement, tmp_path):
    [run] = train(replace(EXPERIMENT, placement=placement, runs_dir=str(tmp_path)))

    metrics = run.metrics()
    learned = metrics["minibatches"].sum()
    started = metrics["agent_steps"][metrics["replay"] >= 1_000].min() - 128
    assert learned * 2 == pytest.approx(run.status["agent_steps"] - started, abs=256)
    assert run.evaluations()[-1]["mean"] > 400
