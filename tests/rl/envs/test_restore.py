"""A restored environment goes on bit for bit as the one that was saved, for every backend."""

import gymnasium
import numpy as np
import pytest
from safetensors.numpy import load, save

from raylab.rl.envs import Atari, Gymnasium, MinAtar, VectorEnv, make_backend


class Levers(gymnasium.Env):
    """A toy with several levers: the observation is a random walk that they push."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float64)
    action_space = gymnasium.spaces.MultiDiscrete([3, 300, 2])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.position = self.np_random.normal(size=3)
        return self.position.copy(), {}

    def step(self, action):
        self.position += self.np_random.normal(size=3) + action / 100
        over = bool(self.np_random.random() < 0.02)
        return self.position.copy(), float(self.position.sum()), over, False, {}


gymnasium.register("raylab-tests/Levers-v0", Levers, max_episode_steps=60)

CASES = {
    # name: (environment, rows, steps before saving, reseed_after_steps)
    "pong-machado": (Atari(game="pong", max_frames=800), 3, 500, 250),
    "breakout-classic": (Atari(game="breakout", protocol="classic"), 3, 450, 150),
    "breakout-machado": (Atari(game="breakout"), 2, 400, 10_000),
    "cartpole": (Gymnasium(id="CartPole-v1"), 4, 900, 100),
    "pendulum-continuous": (Gymnasium(id="Pendulum-v1", max_episode_steps=50), 2, 333, 120),
    "acrobot": (Gymnasium(id="Acrobot-v1", max_episode_steps=120), 2, 300, 10_000),
    "multi-discrete": (Gymnasium(id="raylab-tests/Levers-v0"), 3, 500, 100),
    "minatar-freeway": (MinAtar(game="freeway", max_episode_steps=450), 3, 1500, 400),
    **{
        f"minatar-{game}": (MinAtar(game=game), 3, 1500, 400)
        for game in ("asterix", "breakout", "seaquest", "space_invaders")
    },
}


@pytest.mark.parametrize(
    ("config", "rows", "steps", "reseed_after_steps"), CASES.values(), ids=CASES
)
def test_a_restored_environment_has_the_same_future(config, rows, steps, reseed_after_steps):
    def build(threads):
        backend = make_backend(config, rows, threads)
        return VectorEnv(backend, 11, reseed_after_steps=reseed_after_steps)

    saved, restored = build(2), build(1)
    saved.action_space.seed(0)
    now, games = saved.reset(), 0
    for actions in sample(saved, steps):
        step = saved.step(actions)
        now, games = step.observations, games + len(step.episodes)

    state = load(save(saved.state()))  # as a checkpoint does
    np.testing.assert_array_equal(restored.restore(state), now)

    assert restored.diverged_rows == ()
    assert games >= rows
    assert (state["seedings"] >= 1).any() == (reseed_after_steps < steps)
    for actions in sample(saved, 300):
        one, two = saved.step(actions), restored.step(actions)
        for field in ("observations", "rewards", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
        np.testing.assert_array_equal(one.final_observations, two.final_observations)
        assert one.episodes == two.episodes
    saved.close()
    restored.close()


class Picky(gymnasium.Env):
    """Raises unless the action is the one that it showed, as games with illegal moves do."""

    observation_space = gymnasium.spaces.Box(0, 3, (1,))
    action_space = gymnasium.spaces.Discrete(4)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._show(), {}

    def step(self, action):
        if action != self.wanted:
            raise ValueError("illegal")
        return self._show(), 1.0, bool(self.np_random.random() < 0.1), False, {}

    def _show(self):
        self.wanted = self.np_random.integers(4)
        return np.array([self.wanted], np.float32)


def test_a_replay_takes_no_action_before_its_time():
    """A row that was seeded late must not be stepped with actions of its earlier games."""
    gymnasium.register("raylab-tests/Picky-v0", Picky)
    config = Gymnasium(id="raylab-tests/Picky-v0")
    saved, restored = (
        VectorEnv(make_backend(config, 4, 1), 1, reseed_after_steps=20) for _ in range(2)
    )
    observations = saved.reset()
    for _ in range(200):
        observations = saved.step(observations[:, 0]).observations

    np.testing.assert_array_equal(restored.restore(saved.state()), observations)

    assert len(set(saved.state()["steps_since_seeding"].tolist())) > 1


def sample(env, steps):
    return [
        np.stack([env.action_space.sample() for _ in range(env.num_envs)]) for _ in range(steps)
    ]
