from statistics import fmean, stdev

import gymnasium
import numpy as np
import pytest

from raylab.errors import ConfigError
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari, Gymnasium, MinAtar
from raylab.rl.evaluate import evaluate, load_policy, random_baseline
from raylab.rl.inline import InlineTrainer
from raylab.rl.networks import NetworkConfig

CARTPOLE = Gymnasium(id="CartPole-v1")
MINATAR = MinAtar(game="breakout")


def policy_for(env, algorithm=None):
    algorithm = algorithm or PPO.classic_control()
    trainer = InlineTrainer(env, algorithm, 3, 1000, threads=1)
    weights = trainer.state().parts["weights"]
    trainer.close()
    return load_policy(env, algorithm, weights)


def scores(result):
    return result.returns, result.lengths_steps


class Ladder(gymnasium.Env):
    """The n-th game of a row lasts n steps and pays -1 in each."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self):
        self._game = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._game, self._t = self._game + 1, 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self._t += 1
        return np.zeros(1, np.float32), -1.0, self._t == self._game, False, {}


@pytest.fixture
def ladder():
    gymnasium.register("raylab/Ladder-v0", entry_point=Ladder)
    yield Gymnasium(id="raylab/Ladder-v0")
    gymnasium.registry.pop("raylab/Ladder-v0")


def test_every_environment_plays_its_share_of_the_games(ladder):
    result = random_baseline(ladder, episodes=19, seed=1)

    # 8 environments: three play three games, five play two. The first games to end are not
    # enough: the shortest 19 would be eight of one step, eight of two and three of three.
    assert sorted(result.lengths_steps) == [1] * 8 + [2] * 8 + [3] * 3
    assert result.returns == tuple(-float(n) for n in result.lengths_steps)


def test_short_games_are_not_over_represented():
    # Random play of CartPole ends after 9 to 80 steps: taking the first 20 games that end would
    # give a mean below that of many games.
    many = random_baseline(CARTPOLE, episodes=400, seed=3)

    assert many.mean == pytest.approx(22.3, abs=1.5)  # Gymnasium's own random policy
    assert many.std == pytest.approx(stdev(many.returns))
    assert many.mean == pytest.approx(fmean(many.returns))


@pytest.mark.parametrize("greedy", [True, False], ids=["greedy", "sampled"])
def test_the_same_seed_gives_the_same_games_and_another_others(greedy):
    policy = policy_for(CARTPOLE)

    first, again, other = (
        evaluate(CARTPOLE, policy, episodes=6, seed=seed, greedy=greedy) for seed in (1, 1, 2)
    )

    assert scores(first) == scores(again)
    assert scores(first) != scores(other)
    assert len(first.returns) == len(first.lengths_frames) == 6


def test_greedy_takes_the_mode_and_sampling_does_not():
    policy = policy_for(CARTPOLE)

    greedy = evaluate(CARTPOLE, policy, episodes=20, seed=1, greedy=True)
    sampled = evaluate(CARTPOLE, policy, episodes=20, seed=1, greedy=False)

    # A policy that was not trained is nearly uniform: its mode is one-sided and falls at once.
    assert greedy.mean < 12
    assert sampled.mean > 16


def test_returns_are_raw_whatever_the_learner_sees():
    # CartPole pays 1 a step: clipped to its sign or not, a game's return is its length.
    pendulum = Gymnasium(id="Pendulum-v1")

    result = evaluate(pendulum, policy_for(pendulum), episodes=3, seed=1)

    assert all(value < -200 for value in result.returns)  # 200 steps of down to -16 each
    assert result.lengths_steps == (200, 200, 200)


def test_atari_is_evaluated_over_whole_games():
    env = Atari(game="breakout", protocol="classic")
    assert env.rules.life_loss_terminates

    result = random_baseline(env, episodes=4, seed=1)

    # A whole game of five lives; one life of random play takes some 30 agent steps.
    assert min(result.lengths_steps) > 80
    assert [4 * n for n in result.lengths_steps] == list(result.lengths_frames)


def test_pictures_are_those_of_the_first_game():
    policy = policy_for(MINATAR, PPO.minatar())

    result = evaluate(MINATAR, policy, episodes=4, seed=1, video_steps=5)
    all_of_it = evaluate(MINATAR, policy, episodes=4, seed=1, video_steps=10_000)
    without = evaluate(MINATAR, policy, episodes=4, seed=1)

    assert len(result.frames) == 5
    assert all(frame.dtype == np.uint8 and frame.ndim == 3 for frame in result.frames)
    assert len(all_of_it.frames) in all_of_it.lengths_steps
    assert not np.array_equal(all_of_it.frames[0], all_of_it.frames[-1])
    assert without.frames == ()


def test_a_loaded_policy_acts_like_the_one_that_was_saved():
    algorithm = PPO.classic_control()
    trainer = InlineTrainer(CARTPOLE, algorithm, 3, 10_000, threads=1)
    for _ in range(3):
        trainer.update()

    loaded = load_policy(CARTPOLE, algorithm, trainer.state().parts["weights"])
    expected = evaluate(CARTPOLE, trainer.policy, episodes=5, seed=9, greedy=False)
    trainer.close()

    assert scores(evaluate(CARTPOLE, loaded, episodes=5, seed=9, greedy=False)) == scores(expected)


def test_evaluation_does_not_touch_the_training():
    plain, evaluated = (
        InlineTrainer(CARTPOLE, PPO.classic_control(), 3, 10_000, threads=1) for _ in range(2)
    )
    for trainer in (plain, evaluated):
        trainer.update()

    evaluate(CARTPOLE, evaluated.policy, episodes=3, seed=1, greedy=False)
    random_baseline(CARTPOLE, episodes=3, seed=1)
    for trainer in (plain, evaluated):
        trainer.update()
        trainer.close()

    assert evaluated.weight_hash() == plain.weight_hash()


def test_weights_of_another_network_and_no_episodes_are_refused():
    wide = PPO(network=NetworkConfig(hidden_sizes=(16, 16)))
    trainer = InlineTrainer(CARTPOLE, wide, 3, 1000, threads=1)
    weights = trainer.state().parts["weights"]
    trainer.close()

    with pytest.raises(ConfigError, match=r"saved weights have \(16, 4\)"):
        load_policy(CARTPOLE, PPO.classic_control(), weights)
    with pytest.raises(ConfigError, match="episodes=0 must be at least 1"):
        random_baseline(CARTPOLE, episodes=0, seed=1)
