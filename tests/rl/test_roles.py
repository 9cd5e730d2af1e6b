"""Roles as plain objects: what a learner and a worker do together is what a trainer does alone."""

from dataclasses import replace

import numpy as np

from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.rl.roles.learner_role import LearnerRole
from raylab.rl.roles.rollout_worker import RolloutWorker
from raylab.rl.roles.trainer import Trainer
from raylab.rl.trajectory import State

CARTPOLE = Gymnasium(id="CartPole-v1")
SMALL = PPO(num_envs=2, unroll_length=16, minibatches=2, epochs=2)
UNTIL = 10_000


def pair():
    learner = LearnerRole(CARTPOLE, SMALL, 1, UNTIL, 1, "cpu")
    learner.prepare()
    worker = RolloutWorker(CARTPOLE, SMALL, 1, 2, 1, True)
    worker.prepare(0)
    return learner, worker


def trained(learner, worker, updates, weights, state=None):
    for _ in range(updates):
        collected, fragment, state = worker.collect(learner.checkpoint()[0].meta["update"], weights)
        result, weights = learner.update(fragment)
    return result, weights, state, collected


def test_the_lag_of_a_fragment_is_the_updates_since_its_weights():
    learner, worker = pair()
    first = learner.weights()
    _, old, _ = worker.collect(0, first)
    _, new, _ = worker.collect(0, first)

    lags = []
    for fragments in ((old,), (new,), (old, new, new)):
        metrics = learner.update(*fragments)[0].metrics
        lags.append((metrics["policy_lag/mean"], metrics["policy_lag/max"]))

    assert lags == [(0, 0), (1, 1), (2, 2)]
    meta = learner.checkpoint()[0].meta
    assert (meta["update"], meta["agent_steps"]) == (3, 5 * 32)


def test_another_worker_goes_on_exactly_from_the_state_behind_a_fragment():
    learner, worker = pair()
    weights = learner.weights()
    _, _, state = worker.collect(0, weights)
    expected = worker.collect(0, weights)[1]

    another = RolloutWorker(CARTPOLE, SMALL, 1, 2, 1, True)
    another.prepare(0)
    reasons = another.restore(state)
    fragment = another.collect(0, weights)[1]

    assert reasons == []
    for name in ("newest", "actions", "log_probs", "values", "rewards"):
        np.testing.assert_array_equal(getattr(fragment, name), getattr(expected, name))


def test_workers_of_other_numbers_play_other_games():
    learner, worker = pair()
    another = RolloutWorker(CARTPOLE, SMALL, 1, 2, 1, True)
    another.prepare(1)

    first = worker.collect(0, learner.weights())[1]
    second = another.collect(0, learner.weights())[1]

    assert (first.newest != second.newest).any()
    assert (first.actions != second.actions).any()


def test_a_trainer_takes_over_what_a_learner_learned_with_new_games():
    learner, worker = pair()
    trained(learner, worker, 2, learner.weights())
    state, weight_hash = learner.checkpoint()
    parts = {**state.parts, "environments": {"0.seed": np.zeros(1, np.int64)}}
    trainer = Trainer(CARTPOLE, SMALL, 1, UNTIL, 1, "cpu")
    trainer.prepare()

    reasons = trainer.restore(State(parts=parts, meta={**state.meta, "workers_started": 1}))

    restored, restored_hash = trainer.checkpoint(0.0)
    assert restored_hash == weight_hash
    assert reasons == ("new games, as the checkpoint's are those of another placement",)
    assert restored.parts["environments"]["seedings"].tolist() == [2 * 32] * 2  # none was played
    assert trainer.update().update == 3


def test_rows_of_episodes_are_numbered_through_the_run():
    long = replace(SMALL, unroll_length=300)
    learner = LearnerRole(CARTPOLE, long, 1, UNTIL, 1, "cpu")
    learner.prepare()
    worker = RolloutWorker(CARTPOLE, long, 1, 2, 1, False)
    worker.prepare(3)

    collected, _, state = worker.collect(0, learner.weights())

    assert {episode.row for episode in collected.episodes} == {6, 7}
    assert state == {}
