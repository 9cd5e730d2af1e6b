"""The contract of VectorEnv, on a scripted backend whose every number is known."""

import gymnasium
import numpy as np
import pytest

from raylab.errors import ConfigError, EnvError
from raylab.rl.envs.backend import BackendStep
from raylab.rl.envs.vector import Episode, VectorEnv

OVER, CUT, LIFE = 1, 2, 3  # what the scripted environment does when told so by an action


class Scripted:
    """Does what the action says; observes (seed or -1 if unseeded, games since seeding, step).

    The reward is the action + row / 10. With ``noise`` the observation is not reproducible.
    """

    name = "Scripted"
    frames_per_step = 4
    frame_stack = 1

    def __init__(self, num_envs, *, max_episode_steps=None, noise=None):
        self.num_envs = num_envs
        self.max_episode_steps = max_episode_steps
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float64)
        self.action_space = gymnasium.spaces.Discrete(5)
        self.seen = np.zeros((num_envs, 3))
        self.resets = []
        self.noise = noise
        self.closed = 0

    def reset(self, rows, seeds):
        self.resets.append((rows.tolist(), seeds.tolist()))
        for row in np.flatnonzero(rows):
            if seeds[row] >= 0:
                self.seen[row] = (seeds[row], 0, 0)
            else:
                self.seen[row] += (0, 1, 0)
                self.seen[row, 2] = 0
        if self.noise is not None:
            self.seen[self.noise, 2] += np.random.default_rng().random()
        return self.seen

    def step(self, actions, rows):
        self.seen[rows, 2] += 1
        rewards = (actions + np.arange(self.num_envs) / 10).astype(np.float32)
        return BackendStep(self.seen, rewards, actions == OVER, actions == CUT, actions == LIFE)

    def render(self, row, actions):
        return np.full((1, 1, 3), len(actions), np.uint8)

    def close(self):
        self.closed += 1


@pytest.fixture
def make_env():
    def build(num_envs=2, *, seed=1, reseed_after_steps=10_000, **options):
        return VectorEnv(Scripted(num_envs, **options), seed, reseed_after_steps=reseed_after_steps)

    return build


def play(env, *steps):
    """Take the steps and return the last one; every row's action is a digit."""
    for actions in steps[:-1]:
        env.step(np.array([int(a) for a in actions]))
    return env.step(np.array([int(a) for a in steps[-1]]))


def test_a_step_in_the_middle_of_a_game_ends_nothing(make_env):
    env = make_env()
    env.reset()

    step = play(env, "00", "04")

    assert step.rewards.dtype == np.float32
    np.testing.assert_allclose(step.rewards, [0.0, 4.1])
    np.testing.assert_array_equal(step.observations[:, 2], [2, 2])
    assert not step.terminated.any()
    assert not step.truncated.any()
    assert step.episodes == ()
    assert step.truncated_rows.shape == (0,)
    assert step.final_observations.shape == (0, 3)


def test_termination_hands_out_the_next_game_at_once(make_env):
    env = make_env()
    env.reset()

    step = play(env, "00", "40", "10")

    assert step.terminated.tolist() == [True, False]
    assert not step.truncated.any()
    np.testing.assert_array_equal(step.observations[:, 1:], [[1, 0], [0, 3]])
    assert step.episodes == (Episode(0, 5.0, 3, 12),)
    after = play(env, "00")
    np.testing.assert_array_equal(after.observations[:, 2], [1, 4])  # no step in between


def test_truncation_hands_out_the_true_final_observation(make_env):
    env = make_env(3)
    env.reset()

    step = play(env, "000", "020")

    assert step.truncated.tolist() == [False, True, False]
    assert not step.terminated.any()
    assert step.truncated_rows.tolist() == [1]
    assert step.truncated_rows.dtype == np.int64
    assert step.final_observations[0, 2] == 2
    assert step.observations[1, 2] == 0
    assert [episode.row for episode in step.episodes] == [1]


def test_final_observations_stay_when_the_row_goes_on(make_env):
    env = make_env(1, max_episode_steps=2)
    env.reset()

    step = play(env, "0", "0")
    play(env, "0")

    assert step.final_observations[0, 2] == 2


def test_a_time_limit_truncates(make_env):
    env = make_env(2, max_episode_steps=3)
    env.reset()

    step = play(env, "00", "01", "00")

    assert step.truncated.tolist() == [True, False]
    assert step.episodes == (Episode(0, 0.0, 3, 12),)


def test_a_game_that_ends_at_its_time_limit_is_terminated_only(make_env):
    env = make_env(2, max_episode_steps=2)
    env.reset()

    step = play(env, "00", "10")

    assert step.terminated.tolist() == [True, False]
    assert step.truncated.tolist() == [False, True]
    assert step.truncated_rows.tolist() == [1]


def test_a_lost_life_ends_the_return_and_not_the_game(make_env):
    env = make_env(1)
    env.reset()

    lost = play(env, "0", "3")
    seen = lost.observations[0, 2]  # the array is reused by the next step
    over = play(env, "0", "1")

    assert lost.terminated.tolist() == [True]
    assert lost.episodes == ()
    assert seen == 2
    assert over.episodes == (Episode(0, 4.0, 4, 16),)


def test_a_life_lost_at_the_time_limit_terminates_and_begins_a_new_game(make_env):
    env = make_env(1, max_episode_steps=2)
    env.reset()

    step = play(env, "0", "3")

    assert step.terminated.tolist() == [True]
    assert step.truncated.tolist() == [False]
    assert len(step.episodes) == 1
    assert step.observations[0, 2] == 0


def test_rows_seeds_and_runs_have_seeds_of_their_own(make_env):
    first = make_env(8, seed=1).reset()[:, 0].copy()
    second = make_env(8, seed=2).reset()[:, 0].copy()
    again = make_env(8, seed=1).reset()[:, 0]

    assert len({*first, *second}) == 16
    np.testing.assert_array_equal(first, again)


def test_a_second_reset_is_newly_seeded(make_env):
    env = make_env(2)

    first = env.reset()[:, 0].copy()
    second = env.reset()[:, 0].copy()

    assert not set(first) & set(second)


def test_a_row_is_seeded_at_the_first_end_of_a_game_after_its_steps(make_env):
    env = make_env(2, reseed_after_steps=3)
    env.reset()

    before = play(env, "00", "10").observations.copy()  # too early
    after = play(env, "00", "10").observations.copy()  # four steps since the seeding
    once_more = play(env, "00", "11").observations.copy()  # row 0: two since; row 1: six

    assert before[0, 1] == 1
    assert after[0, 0] != before[0, 0]
    assert after[0, 1] == 0
    assert once_more[0, 0] == after[0, 0]
    assert once_more[1, 0] != after[1, 0]


def test_a_lost_life_is_no_occasion_to_seed(make_env):
    env = make_env(1, reseed_after_steps=1)
    first = env.reset().copy()

    step = play(env, "0", "3", "3")

    assert step.observations[0, 0] == first[0, 0]


@pytest.mark.parametrize("reseed_after_steps", [4, 50, 10_000])
@pytest.mark.parametrize("steps", [0, 1, 7, 400])
def test_restore_gives_the_same_present_and_future(make_env, reseed_after_steps, steps):
    rng = np.random.default_rng(steps)
    options = {"seed": 5, "reseed_after_steps": reseed_after_steps, "max_episode_steps": 30}
    env, restored = make_env(3, **options), make_env(3, **options)
    now = env.reset()
    for actions in rng.choice(5, (steps, 3), p=[0.8, 0.05, 0.05, 0.05, 0.05]):
        now = env.step(actions).observations

    np.testing.assert_array_equal(restored.restore(env.state()), now)
    assert restored.diverged_rows == ()
    for actions in rng.choice(5, (200, 3), p=[0.8, 0.05, 0.05, 0.05, 0.05]):
        one, two = env.step(actions), restored.step(actions)
        for field in ("observations", "rewards", "terminated", "truncated", "truncated_rows"):
            np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
        assert one.episodes == two.episodes
    assert_same_state(env.state(), restored.state())


def test_restoring_replays_no_more_than_the_longest_row(make_env):
    env = make_env(2, reseed_after_steps=3)
    env.reset()
    play(env, *["00"] * 2000, "10", "00")

    state = env.state()

    assert state["steps_since_seeding"].tolist() == [1, 2002]
    assert state["actions"].shape == (2002, 2)
    assert state["actions"].dtype == np.uint8


def test_restore_names_the_rows_that_are_not_reproducible(make_env):
    env, other = make_env(3, noise=1), make_env(3, noise=1)
    env.reset()
    play(env, "000")

    other.restore(env.state())

    assert other.diverged_rows == (1,)


@pytest.mark.parametrize("other", [{"num_envs": 3}, {"seed": 2}])
def test_restore_refuses_the_state_of_another_run(make_env, other):
    env = make_env(num_envs=2, seed=1)
    env.reset()

    with pytest.raises(EnvError, match="Scripted: the saved state has"):
        make_env(**{"num_envs": 2, "seed": 1, **other}).restore(env.state())


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0], r"actions have shape \(1,\); the shape is \(2,\)"),
        ([0, 5], r"action 5 of row 1 is not in Discrete\(5\)"),
        ([-1, 0], r"action -1 of row 0 is not in"),
    ],
    ids=["shape", "too-large", "negative"],
)
def test_actions_that_do_not_fit_are_named(make_env, actions, message):
    env = make_env()
    env.reset()

    with pytest.raises(EnvError, match=message):
        env.step(np.array(actions))


def test_continuous_actions_must_be_finite(make_env):
    env = make_env()
    backend = Scripted(2)
    backend.action_space = gymnasium.spaces.Box(-1, 1, (2,))
    env = VectorEnv(backend, 0)
    env.reset()

    with pytest.raises(EnvError, match="row 1 is not in Box"):
        env.step(np.array([[0.0, 3.0], [np.nan, 0.0]]))


def test_the_first_call_must_be_reset(make_env):
    with pytest.raises(EnvError, match=r"call reset\(\) or restore\(\) first"):
        make_env().step(np.zeros(2))


def test_a_closed_environment_says_so(make_env):
    backend = Scripted(1)
    env = VectorEnv(backend, 0)
    env.reset()

    env.close()
    env.close()

    assert backend.closed == 1
    with pytest.raises(EnvError, match="closed"):
        env.step(np.zeros(1))


def test_a_negative_seed_is_refused(make_env):
    with pytest.raises(ConfigError, match="seed=-1"):
        make_env(seed=-1)


def test_render_knows_the_actions_of_the_row(make_env):
    env = make_env(2, reseed_after_steps=2)
    env.reset()

    play(env, "00", "10", "00")

    assert env.render(0)[0, 0, 0] == 1
    assert env.render(1)[0, 0, 0] == 3


def assert_same_state(one, two):
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
