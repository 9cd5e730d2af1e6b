"""Fragments carry every frame once, and give the very observations back."""

import numpy as np
import pytest
import torch

from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari, Gymnasium, make
from raylab.rl.fragment import frames_stacked, merge, pack
from raylab.rl.rollout import Rollout

PPO_SMALL = PPO(num_envs=3, unroll_length=30, minibatches=1)


def rollout_of(env, seed=1, first_row=0):
    games = make(env, PPO_SMALL.num_envs, seed, first_row=first_row)
    network = PPO_SMALL.make_network(
        games.observation_space, games.action_space, torch.Generator().manual_seed(0)
    )
    policy = PPO_SMALL.make_policy(network, games.action_space)
    return Rollout(games, policy, PPO_SMALL.unroll_length, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("env", "at_least_games"),
    [
        # Games of 13 steps, with no-ops and FIRE at their start; two may begin within one stack.
        pytest.param(Atari(game="breakout", protocol="classic", max_frames=52), 6, id="atari"),
        pytest.param(Atari(game="pong", max_frames=8, stack=4), 30, id="games-of-two-steps"),
        pytest.param(Atari(game="pong", screen_size=20, stack=3, max_frames=40), 6, id="small"),
        pytest.param(Gymnasium(id="CartPole-v1"), 1, id="vector"),
    ],
)
def test_the_observations_come_back_as_they_were(env, at_least_games):
    rollout = rollout_of(env)
    stack = frames_stacked(env)
    for version in range(2):
        trajectory = rollout.collect(version)

        fragment = pack(trajectory, stack)
        merged = merge([fragment, fragment])

        assert len(trajectory.starts) == len(trajectory.episodes) >= at_least_games
        for half in np.split(merged.observations, 2, axis=1):
            np.testing.assert_array_equal(half, trajectory.observations)
        for name in ("actions", "log_probs", "rewards", "terminated", "truncated", "values"):
            first, second = np.split(getattr(merged, name), 2, axis=1)
            np.testing.assert_array_equal(first, getattr(trajectory, name))
            np.testing.assert_array_equal(second, getattr(trajectory, name))


def test_a_fragment_of_stacked_frames_is_a_quarter_of_the_trajectory():
    trajectory = rollout_of(Atari(game="pong")).collect(0)

    fragment = pack(trajectory, 4)

    stacked = trajectory.observations.nbytes
    assert stacked / 4 < fragment.nbytes < 0.3 * stacked


def test_rows_are_seeded_by_their_number_in_the_run():
    env = Gymnasium(id="CartPole-v1")

    all_rows = make(env, 6, seed=7).reset()
    last_rows = make(env, 3, seed=7, first_row=3).reset()

    np.testing.assert_array_equal(all_rows[3:], last_rows)
