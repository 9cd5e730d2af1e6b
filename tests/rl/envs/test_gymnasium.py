"""Gymnasium environments through the contract."""

import gymnasium
import numpy as np
import pytest

from raylab.errors import ConfigError, EnvError
from raylab.rl.envs import Gymnasium, make


class Toy(gymnasium.Env):
    """Ends, breaks or shows what it was told to; the action is what the constructor got."""

    action_space = gymnasium.spaces.Discrete(3, start=1)

    def __init__(self, *, ends_at=100, breaks_at=-1, image=False):
        self.ends_at, self.breaks_at = ends_at, breaks_at
        self.observation_space = (
            gymnasium.spaces.Box(0, 255, (20, 24, 3), np.uint8)
            if image
            else gymnasium.spaces.Box(-1e9, 1e9, (2,), np.float64)
        )
        self.seeds = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.t = 0
        return self._see(0), {}

    def step(self, action):
        assert action in (1, 2, 3)
        self.t += 1
        if self.t == self.breaks_at:
            raise ZeroDivisionError("the toy broke")
        return self._see(action), float(action), self.t == self.ends_at, False, {}

    def _see(self, action):
        if len(self.observation_space.shape) == 3:
            return np.full((20, 24, 3), self.t, np.uint8)
        return np.array([self.t, action], np.float64)


@pytest.fixture(autouse=True)
def toys():
    gymnasium.register("raylab-tests/Toy-v0", Toy, max_episode_steps=5)
    gymnasium.register(
        "raylab-tests/Dicts-v0",
        lambda: type("Dicts", (Toy,), {"action_space": gymnasium.spaces.Dict()})(),
    )
    gymnasium.register("raylab-tests/Gone-v0", "raylab_tests_gone:Toy")
    yield
    for name in ("Toy", "Dicts", "Gone"):
        del gymnasium.registry[f"raylab-tests/{name}-v0"]


def make_toy(num_envs=2, **options):
    kwargs = {k: options.pop(k) for k in ("ends_at", "breaks_at", "image") if k in options}
    return make(Gymnasium(id="raylab-tests/Toy-v0", kwargs=kwargs, **options), num_envs, 1)


def test_observations_are_float32_and_actions_start_at_zero():
    env = make_toy()
    env.reset()

    step = env.step(np.array([0, 2]))

    assert env.action_space == gymnasium.spaces.Discrete(3)
    assert step.observations.dtype == np.float32
    np.testing.assert_array_equal(step.observations, [[1, 1], [1, 3]])
    np.testing.assert_array_equal(step.rewards, [1, 3])


def test_images_stay_bytes():
    env = make_toy(image=True)

    observations = env.reset()

    assert observations.shape == (2, 20, 24, 3)
    assert observations.dtype == np.uint8


def test_the_registered_time_limit_truncates_and_shows_the_final_observation():
    env = make_toy()
    env.reset()

    for _ in range(5):
        step = env.step(np.array([0, 1]))

    assert step.truncated.tolist() == [True, True]
    assert not step.terminated.any()
    np.testing.assert_array_equal(step.final_observations, [[5, 1], [5, 2]])
    np.testing.assert_array_equal(step.observations, [[0, 0], [0, 0]])
    assert [(e.row, e.episode_return, e.length_steps) for e in step.episodes] == [
        (0, 5.0, 5),
        (1, 10.0, 5),
    ]


def test_a_time_limit_of_the_experiment_wins():
    env = make_toy(max_episode_steps=7)
    env.reset()

    truncated = [bool(env.step(np.array([0, 0])).truncated[0]) for _ in range(8)]

    assert truncated == [False] * 6 + [True, False]


def test_an_end_at_the_time_limit_is_a_termination_only():
    env = make_toy(ends_at=5)
    env.reset()

    for _ in range(5):
        step = env.step(np.array([0, 0]))

    assert step.terminated.all()
    assert not step.truncated.any()
    assert len(step.final_observations) == 0


def test_an_environment_that_raises_is_named_with_its_row_and_cause():
    env = make_toy(3, breaks_at=3)
    env.reset()
    env.step(np.zeros(3))
    env.step(np.zeros(3))

    with pytest.raises(
        EnvError, match=r"Toy-v0 raised in step\(\) of row 0: ZeroDivisionError: the toy broke"
    ) as error:
        env.step(np.zeros(3))

    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_an_environment_that_raises_in_reset_is_named_too():
    env = make_toy(3)
    env._backend._envs[2].unwrapped.ends_at = None
    env._backend._envs[2].unwrapped._see = None

    with pytest.raises(EnvError, match=r"Toy-v0 raised in reset\(\) of row 2: TypeError"):
        env.reset()


def test_wrong_arguments_are_an_environment_error():
    config = Gymnasium(id="raylab-tests/Toy-v0", kwargs={"endz_at": 3})

    with pytest.raises(EnvError, match="cannot be made with kwargs={'endz_at': 3}: TypeError"):
        make(config, 1, 1)


def test_a_package_that_is_missing_is_an_environment_error():
    with pytest.raises(EnvError, match="cannot be made .* ModuleNotFoundError"):
        make(Gymnasium(id="raylab-tests/Gone-v0"), 1, 1)
    with pytest.raises(EnvError, match="cannot be found: ModuleNotFoundError: .* installed"):
        make(Gymnasium(id="raylab_tests_gone:Toy-v0"), 1, 1)


def test_a_package_that_is_named_is_imported_first(tmp_path, monkeypatch):
    (tmp_path / "raylab_tests_plugin.py").write_text(
        "import gymnasium\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "gymnasium.register('raylab-tests/Plugin-v0', CartPoleEnv, max_episode_steps=9)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    config = Gymnasium(id="raylab_tests_plugin:raylab-tests/Plugin-v0")

    env = make(config, 1, 1)

    assert env.reset().shape == (1, 4)
    assert config.record()["max_episode_steps"] == 9
    env.close()
    del gymnasium.registry["raylab-tests/Plugin-v0"]


def test_an_action_space_that_no_policy_has_is_refused_by_name():
    with pytest.raises(ConfigError, match="raylab-tests/Dicts-v0: Actions in Dict"):
        make(Gymnasium(id="raylab-tests/Dicts-v0"), 1, 1)


def test_every_row_is_seeded_once_and_differently():
    env = make_toy(3)
    env.reset()
    for _ in range(12):
        env.step(np.zeros(3))

    seeds = [row.unwrapped.seeds for row in env._backend._envs]

    assert len({row[0] for row in seeds}) == 3
    assert [row[1:] for row in seeds] == [[None, None]] * 3


def test_continuous_actions_are_clipped_to_the_bounds():
    inside, outside = (make(Gymnasium(id="Pendulum-v1"), 1, 3) for _ in range(2))
    np.testing.assert_array_equal(inside.reset(), outside.reset())

    one, two = inside.step(np.array([[2.0]])), outside.step(np.array([[50.0]]))

    np.testing.assert_array_equal(one.observations, two.observations)
    np.testing.assert_array_equal(one.rewards, two.rewards)


def test_pictures_come_from_the_environment():
    env = make(Gymnasium(id="CartPole-v1"), 1, 1)
    env.reset()

    picture = env.render()

    assert picture.shape == (400, 600, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 1
    env.close()


def test_without_pictures_render_gives_none():
    env = make_toy()
    env.reset()

    assert env.render() is None


def test_a_plugin_of_gymnasium_needs_no_import():
    env = make(Gymnasium(id="ALE/Pong-v5", kwargs={"obs_type": "grayscale"}), 1, 1)

    assert env.reset().shape == (1, 210, 160, 1)
    assert env.action_space.n == 6
    env.close()
