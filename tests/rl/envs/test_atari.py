"""Every trap of AtariVectorEnv, seen from the contract; the emulator itself is the oracle."""

import threading
from pathlib import Path

import numpy as np
import pytest
from ale_py.vector_env import AtariVectorEnv

from raylab.errors import EnvError
from raylab.rl.envs import Atari, VectorEnv, make
from raylab.rl.envs.atari import AtariBackend

NOOP, FIRE = 0, 1


@pytest.fixture
def make_env():
    """Build environments and close them after the test."""
    built = []

    def build(config, num_envs=2, seed=1, *, num_threads=2):
        built.append(make(config, num_envs, seed, num_threads=num_threads))
        return built[-1]

    yield build
    for env in built:
        env.close()


def random_actions(env, steps, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(env.action_space.n, size=(steps, env.num_envs))


def test_observations_are_the_emulators_own_memory_seen_as_images(make_env):
    env = make_env(Atari(game="pong"))

    observations = env.reset()

    assert observations.shape == (2, 84, 84, 4)
    assert observations.dtype == np.uint8
    assert env.observation_space.contains(observations[0])
    assert not observations.flags.owndata
    assert observations.transpose(0, 3, 1, 2).flags.c_contiguous


def test_screen_size_stack_and_skip_are_obeyed(make_env):
    env = make_env(Atari(game="pong", screen_size=64, stack=3, frame_skip=2, max_frames=20))
    observations = env.reset()

    steps = [env.step(np.zeros(2)) for _ in range(10)]

    assert observations.shape == (2, 64, 64, 3)
    assert env.frames_per_step == 2
    assert [(e.length_steps, e.length_frames) for e in steps[-1].episodes] == [(10, 20)] * 2


@pytest.mark.parametrize(("protocol", "actions"), [("machado", 18), ("classic", 4)])
def test_the_action_set_follows_the_protocol(make_env, protocol, actions):
    env = make_env(Atari(game="breakout", protocol=protocol), 1)

    assert env.action_space.n == actions


def test_a_lost_life_does_not_reset_the_game(make_env):
    """Trap 1: episodic_life would reset all of it."""
    env = make_env(Atari(game="breakout", protocol="classic"), 1)
    observations = env.reset()

    for actions in random_actions(env, 400):
        before = observations.copy()
        step = env.step(actions)
        observations = step.observations
        if step.terminated[0]:
            break

    assert step.terminated[0], "no life was lost in 400 steps"
    assert step.episodes == ()
    np.testing.assert_array_equal(observations[0, :, :, :3], before[0, :, :, 1:])
    assert observations[0, :, :, :3].any()


def test_a_game_of_five_lives_has_five_terminations(make_env):
    """Trap 2: the end of a game is not taken for a lost life, nor the new lives for old ones."""
    env = make_env(Atari(game="breakout", protocol="classic"), 3)
    env.reset()
    terminations, games = np.zeros(3, int), 0

    for actions in random_actions(env, 700):
        step = env.step(actions)
        terminations += step.terminated
        for episode in step.episodes:
            assert step.terminated[episode.row]
            assert terminations[episode.row] == 5
            terminations[episode.row] = 0
            games += 1

    assert games >= 6


@pytest.mark.parametrize("game", ["breakout", "qbert"])
def test_lost_lives_are_those_that_the_emulator_reports(game):
    """Trap 2: the counter of lives says the same as life_loss_info, without its ambiguity."""
    config = Atari(game=game, protocol="classic")
    backend = AtariBackend(config, 2, 1)
    oracle = AtariVectorEnv(game, 2, num_threads=1, life_loss_info=True, reward_clipping=False)
    everyone, seeds = np.ones(2, bool), np.array([3, 4])
    backend.reset(everyone, seeds)
    oracle.reset(seed=seeds)
    losses = 0

    for actions in np.random.default_rng(0).integers(4, size=(600, 2)):
        step = backend.step(actions, everyone)
        _, rewards, terminated, _, _ = oracle.step(actions)

        np.testing.assert_array_equal(step.game_over | step.life_lost, terminated)
        np.testing.assert_array_equal(step.rewards, rewards)
        losses += step.life_lost.sum()
        if step.game_over.any():
            backend.reset(step.game_over, np.full(2, -1))
            oracle.reset(options={"reset_mask": step.game_over})

    assert losses >= 6
    backend.close()


def test_the_last_life_is_lost_when_the_game_ends(monkeypatch):
    """As in the usual wrapper: some games play on for a few frames with no life left."""
    backend = AtariBackend(Atari(game="breakout", protocol="classic"), 1, 1)
    everyone = np.ones(1, bool)
    backend.reset(everyone, np.array([1]))
    lives, game_over = iter([5, 4, 4, 0, 0]), iter([False] * 4 + [True])

    def step(actions):
        info = {"lives": np.array([next(lives)])}
        return np.zeros((1, 4, 84, 84)), np.zeros(1), np.array([next(game_over)]), None, info

    monkeypatch.setattr(backend._games, "step", step)
    steps = [backend.step(np.zeros(1, np.int64), everyone) for _ in range(5)]

    assert [bool(step.life_lost[0]) for step in steps] == [False, True, False, False, False]
    assert [bool(step.game_over[0]) for step in steps] == [False] * 4 + [True]
    backend.close()


def test_machado_ignores_lost_lives(make_env):
    env = make_env(Atari(game="breakout"), 2)
    env.reset()
    terminations = games = 0

    for actions in random_actions(env, 500):
        step = env.step(actions)
        terminations += int(step.terminated.sum())
        games += len(step.episodes)

    assert terminations == games >= 2


def test_truncation_shows_the_true_final_observation(make_env):
    """Trap 3: neither stale rows of final_obs, nor the frame that the emulator's limit drops."""
    limited = make_env(Atari(game="pong", max_frames=120), 2)
    free = make_env(Atari(game="pong"), 2)
    limited.reset()
    free.reset()

    for actions in random_actions(free, 30):
        step, oracle = limited.step(actions), free.step(actions)

    assert step.truncated.tolist() == [True, True]
    assert not step.terminated.any()
    np.testing.assert_array_equal(step.truncated_rows, [0, 1])
    np.testing.assert_array_equal(step.final_observations, oracle.observations)
    assert step.final_observations.any()
    assert [(e.length_steps, e.length_frames) for e in step.episodes] == [(30, 120)] * 2


def test_rewards_are_raw(make_env):
    """Trap 4: the emulator clips by default and keeps the true reward to itself."""
    env = make_env(Atari(game="space_invaders"), 4)
    env.reset()

    rewards = {float(r) for a in random_actions(env, 150) for r in env.step(a).rewards}

    assert max(rewards) >= 5.0


@pytest.mark.parametrize(("sticky_actions", "same"), [(0.0, True), (0.25, False)])
def test_sticky_actions_are_what_the_protocol_says(make_env, sticky_actions, same):
    """Trap 5: the constructor defaults to none."""
    env = make_env(Atari(game="pong", sticky_actions=sticky_actions), 2)
    env.reset()

    for action in random_actions(env, 100)[:, 0]:
        observations = env.step(np.array([action, action])).observations

    assert np.array_equal(observations[0], observations[1]) == same


@pytest.mark.parametrize("fire_reset", [True, False])
def test_fire_is_pressed_only_if_the_protocol_says_so(make_env, fire_reset):
    """Trap 6: FIRE goes before the no-ops, so that a ball is in play when the agent begins."""
    env = make_env(Atari(game="breakout", protocol="classic", fire_reset=fire_reset), 4)
    env.reset()

    lost = sum(env.step(np.full(4, NOOP)).terminated.astype(int) for _ in range(60))

    assert lost.tolist() == [int(fire_reset)] * 4  # no second ball comes without FIRE


def test_noops_make_starts_differ(make_env):
    starts = {
        noop_max: len(
            {
                observation.tobytes()
                for observation in make_env(
                    Atari(game="space_invaders", protocol="classic", noop_max=noop_max), 4
                ).reset()
            }
        )
        for noop_max in (0, 30)
    }

    assert starts[0] == 1
    assert starts[30] > 1


def test_no_junk_transition_at_the_end_of_a_game(make_env):
    """Trap 7: next-step autoreset would show a first observation twice."""
    env = make_env(Atari(game="pong", max_frames=40), 2)
    env.reset()
    empty_frames = []

    for actions in random_actions(env, 25):
        stack = env.step(actions).observations
        empty_frames.append([int((~row.any(axis=(0, 1))).sum()) for row in stack])

    one_game = [2, 1, 0, 0, 0, 0, 0, 0, 0, 3]  # the tenth step shows the next game's first frame
    assert [row[0] for row in empty_frames] == one_game + one_game + one_game[:5]
    assert [row[1] for row in empty_frames] == [row[0] for row in empty_frames]


def test_the_number_of_threads_is_ours(make_env):
    """Trap 8: the emulator takes as many threads as there are cores, if it is not told."""
    before = _threads()

    env = make_env(Atari(game="pong"), 4, num_threads=1)
    running = _threads()
    env.close()

    assert running - before == 1
    assert _threads() == before


def test_the_same_seed_gives_the_same_games_whatever_the_threads(make_env):
    """Trap 9: what exact resume stands on."""
    config = Atari(game="breakout", protocol="classic", sticky_actions=0.25)
    one, two = make_env(config, 3, num_threads=1), make_env(config, 3, num_threads=2)
    np.testing.assert_array_equal(one.reset(), two.reset())
    games = 0

    for actions in random_actions(one, 300):
        left, right = one.step(actions), two.step(actions)
        np.testing.assert_array_equal(left.observations, right.observations)
        np.testing.assert_array_equal(left.rewards, right.rewards)
        np.testing.assert_array_equal(left.terminated, right.terminated)
        assert left.episodes == right.episodes
        games += len(left.episodes)

    assert games >= 3


def test_a_reset_of_some_rows_leaves_the_others_alone():
    """Trap 10: reset_mask with seeds, right after the end of a game."""
    config = Atari(game="pong")
    backend, fresh = AtariBackend(config, 2, 1), AtariBackend(config, 2, 1)
    everyone = np.ones(2, bool)
    backend.reset(everyone, np.array([1, 2]))
    for actions in np.random.default_rng(0).integers(18, size=(20, 2)):
        before = backend.step(actions, everyone).observations

    after = backend.reset(np.array([False, True]), np.array([-1, 9]))

    np.testing.assert_array_equal(after[0], before[0])
    start = fresh.reset(everyone, np.array([8, 9]))
    np.testing.assert_array_equal(after[1], start[1])
    for actions in np.random.default_rng(1).integers(18, size=(50, 2)):
        np.testing.assert_array_equal(
            backend.step(actions, everyone).observations[1],
            fresh.step(actions, everyone).observations[1],
        )
    backend.close()
    fresh.close()


def test_an_action_that_does_not_exist_raises_instead_of_hanging(make_env):
    """The emulator's thread would die of it, and its caller wait for ever."""
    env = make_env(Atari(game="pong", protocol="classic"), 2)
    env.reset()
    errors = []

    def step():
        try:
            env.step(np.array([0, 6]))
        except EnvError as error:
            errors.append(str(error))

    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    thread.join(timeout=30)

    assert errors == ["Atari pong: action 6 of row 1 is not in Discrete(6)."]


def test_a_missing_rom_is_an_environment_error(monkeypatch):
    monkeypatch.setattr("ale_py.roms.get_rom_path", lambda name: None)

    with pytest.raises(EnvError, match="game 'pong' does not start"):
        make(Atari(game="pong"), 1, 1)


def test_states_are_small():
    env = VectorEnv(AtariBackend(Atari(game="pong"), 2, 1), 1)
    env.reset()
    for actions in random_actions(env, 100):
        env.step(actions)

    state = env.state()

    assert state["actions"].nbytes == 200
    assert sum(array.nbytes for array in state.values()) < 400
    env.close()


def _threads():
    return len(list(Path("/proc/self/task").iterdir()))
