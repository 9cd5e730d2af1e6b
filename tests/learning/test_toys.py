"""Toys that must be solved in seconds, one for each kind of action."""

from dataclasses import replace
from statistics import fmean

import gymnasium
import numpy as np
import pytest

import tests.rl.masked_toys  # noqa: F401 - registers Doors
from raylab.rl.algorithms.appo import APPO
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.rl.evaluate import evaluate, random_baseline
from raylab.rl.inline import InlineTrainer
from raylab.rl.networks import NetworkConfig

STEPS = 4  # of a game


class Toy(gymnasium.Env):
    """Games of four steps, cut off by a limit; every step pays for answering what is shown."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._left = STEPS
        return self._show(), {}

    def step(self, action):
        reward = self._pay(action)
        self._left -= 1
        return self._show(), reward, False, self._left == 0, {}


class Match(Toy):
    """Name the two digits that are shown: 1 each."""

    observation_space = gymnasium.spaces.MultiDiscrete([3, 2])
    action_space = gymnasium.spaces.MultiDiscrete([3, 2])

    def _show(self):
        self._shown = self.np_random.integers([3, 2])
        return self._shown

    def _pay(self, action):
        return float((action == self._shown).sum())


class Reach(Toy):
    """Give back the point that is shown: minus the squared distance."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def _show(self):
        self._shown = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self._shown

    def _pay(self, action):
        return -float(np.square(action - self._shown).sum())


@pytest.fixture(scope="module", autouse=True)
def toys():
    gymnasium.register("raylab/Match-v0", entry_point=Match)
    gymnasium.register("raylab/Reach-v0", entry_point=Reach)
    yield
    gymnasium.registry.pop("raylab/Match-v0")
    gymnasium.registry.pop("raylab/Reach-v0")


def trained(env, algorithm, agent_steps, seed=1):
    trainer = InlineTrainer(env, algorithm, seed, agent_steps, threads=1)
    while trainer.agent_steps < agent_steps:
        trainer.update()
    result = evaluate(env, trainer.policy, episodes=40, seed=1000)
    trainer.close()
    return result


def test_multi_discrete_actions_learn_to_match():
    env = Gymnasium(id="raylab/Match-v0")
    algorithm = replace(PPO.classic_control(), learning_rate=3e-3, epochs=10)

    result = trained(env, algorithm, agent_steps=10_000)

    assert random_baseline(env, episodes=40, seed=1000).mean < 4.5  # a third and a half of 4
    assert result.mean > 7.8  # of 8
    assert set(result.lengths_steps) == {STEPS}


def test_continuous_actions_learn_to_reach():
    env = Gymnasium(id="raylab/Reach-v0")
    algorithm = replace(PPO.classic_control(), learning_rate=3e-3, epochs=10, discount=0.5)

    result = trained(env, algorithm, agent_steps=30_000)

    assert random_baseline(env, episodes=40, seed=1000).mean < -4.0
    assert fmean(result.returns) > -0.1


# The environment raises at an illegal action, so a finished training took none.
@pytest.mark.parametrize(
    "algorithm",
    [
        pytest.param(replace(PPO.classic_control(), learning_rate=3e-3, discount=0.0), id="ppo"),
        pytest.param(replace(APPO.classic_control(), learning_rate=3e-3, discount=0.0), id="appo"),
        pytest.param(
            DQN(
                capacity=10_000,
                learning_starts=200,
                target_every=200,
                learning_rate=1e-2,
                discount=0.0,
                exploration_steps=2_000,
                network=NetworkConfig(hidden_sizes=(16,)),
            ),
            id="dqn",
        ),
    ],
)
def test_masked_actions_learn_which_of_the_legal_ones_pays(algorithm):
    env = Gymnasium(id="raylab-tests/Doors-v0", action_mask="info")

    result = trained(env, algorithm, agent_steps=6_000)

    assert 3.0 < random_baseline(env, episodes=40, seed=1000).mean < 5.0  # half of 8
    assert result.mean > 7.8  # of 8
