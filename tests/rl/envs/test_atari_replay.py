"""The colour pictures are those of the game that the policy plays, pixel for pixel."""

import numpy as np
import pytest
from ale_py.vector_env import AtariVectorEnv

from raylab.rl.envs import Atari, VectorEnv, make
from raylab.rl.envs.atari import AtariBackend


@pytest.mark.parametrize(
    "config",
    [
        Atari(game="pong", max_frames=500),
        Atari(game="breakout", protocol="classic"),
        Atari(
            game="space_invaders",
            protocol="classic",
            sticky_actions=0.25,
            frame_skip=3,
            max_frames=600,
        ),
    ],
    ids=lambda config: config.game,
)
def test_pictures_are_the_frames_of_the_row(config):
    """The oracle is the vector emulator itself, asked for whole colour screens."""
    rules = config.rules
    games = AtariBackend(config, 2, 1)
    oracle = AtariVectorEnv(
        config.game,
        2,
        num_threads=1,
        repeat_action_probability=rules.sticky_actions,
        full_action_space=rules.full_action_set,
        noop_max=rules.noop_max,
        use_fire_reset=rules.fire_reset,
        frameskip=config.frame_skip,
        reward_clipping=False,
        grayscale=False,
        stack_num=1,
        img_height=210,
        img_width=160,
    )
    seeds = np.array([5, 6])
    everyone = np.ones(2, bool)
    games.reset(everyone, seeds)
    screens, _ = oracle.reset(seed=seeds)
    taken, played, lengths = [], 0, np.zeros(2, int)

    for actions in np.random.default_rng(0).integers(games.action_space.n, size=(400, 2)):
        step = games.step(actions, everyone)
        screens, *_ = oracle.step(actions)
        taken.append(actions[1])
        lengths += 1
        over = step.game_over | (lengths >= config.max_episode_steps)
        if over.any():
            games.reset(over, np.full(2, -1))
            screens, _ = oracle.reset(options={"reset_mask": over})
            lengths[over] = 0
            played += int(over[1])

        if len(taken) % 7 == 0 or over[1]:  # catches up several steps at once
            picture = games.render(1, np.array(taken))
            np.testing.assert_array_equal(picture, screens[1, 0])

    assert played >= 1
    games.close()


def test_pictures_follow_a_row_through_new_seeds_and_a_restore():
    def build():
        config = Atari(game="pong", max_frames=80)
        return VectorEnv(AtariBackend(config, 2, 1), 3, reseed_after_steps=30)

    shown, restored = build(), build()
    shown.reset()
    for actions in np.random.default_rng(0).integers(18, size=(75, 2)):
        shown.step(actions)
        shown.render(0)

    restored.restore(shown.state())

    assert shown.state()["seedings"].tolist() == [1, 1]
    np.testing.assert_array_equal(shown.render(0), restored.render(0))
    shown.step(np.array([2, 2]))
    restored.step(np.array([2, 2]))
    np.testing.assert_array_equal(shown.render(0), restored.render(0))
    np.testing.assert_array_equal(shown.render(1), restored.render(1))
    shown.close()
    restored.close()


def test_a_picture_is_in_colour():
    env = make(Atari(game="breakout"), 1, 1)
    env.reset()

    picture = env.render()

    assert picture.shape == (210, 160, 3)
    assert picture.dtype == np.uint8
    assert (picture[..., 0] != picture[..., 2]).mean() > 0.05
    env.close()
