from dataclasses import replace

import numpy as np
import pytest
import torch

from raylab.errors import ConfigError, EnvError
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari, Gymnasium, MinAtar
from raylab.rl.inline import InlineTrainer, useful_threads
from raylab.rl.laps import LEARN_PHASES, ROLLOUT_PHASES
from raylab.rl.networks import NetworkConfig

CARTPOLE = Gymnasium(id="CartPole-v1")
SHORT = PPO(num_envs=2, unroll_length=16, minibatches=2, epochs=2, clip=0.2)
NORMALIZED = replace(
    SHORT, reward_clipping="none", normalize_observations=True, normalize_rewards=True
)
# 32 agent steps of 4 environments an update: 10,000 steps of each, where environments are seeded
# anew, are passed after 313 updates.
LONG = replace(PPO.classic_control(), num_envs=4, epochs=1)
DQN_SHORT = DQN(
    num_envs=2, unroll_length=16, capacity=200, learning_starts=20, target_every=30, n_step=2
)
DQN_WHOLE = replace(DQN_SHORT, double=True, dueling=True, prioritized=True, n_step=3)


def trainer_for(env, algorithm, seed=1, until_agent_steps=100_000):
    return InlineTrainer(env, algorithm, seed, until_agent_steps, threads=1)


def train(trainer, updates):
    """Everything that has to repeat: metrics without times, and episodes."""
    results = [trainer.update() for _ in range(updates)]
    return [
        (
            result.update,
            result.agent_steps,
            {k: v for k, v in result.metrics.items() if not k.startswith("time/")}
            | {"steps_per_s": 0},
            result.episodes,
        )
        for result in results
    ]


def same(first, second):
    """Equality in which a NaN (explained variance) equals itself."""
    return repr(first) == repr(second)


@pytest.fixture
def trainers():
    """Builds trainers and closes them."""
    built = []

    def build(*args, **kwargs):
        built.append(trainer_for(*args, **kwargs))
        return built[-1]

    yield build
    for trainer in built:
        trainer.close()


@pytest.mark.parametrize("algorithm", [SHORT, DQN_WHOLE], ids=["ppo", "dqn"])
def test_the_same_seed_gives_the_same_numbers_and_another_others(trainers, algorithm):
    first, again, other = (trainers(CARTPOLE, algorithm, seed=seed) for seed in (1, 1, 2))

    results = [train(trainer, 10) for trainer in (first, again, other)]

    assert same(results[0], results[1])
    assert first.weight_hash() == again.weight_hash()
    assert first.weight_hash() != other.weight_hash()


@pytest.mark.parametrize(
    ("env", "algorithm", "before", "after"),
    [
        pytest.param(CARTPOLE, LONG, 330, 40, id="cartpole"),
        pytest.param(CARTPOLE, replace(SHORT, precision="bfloat16"), 20, 20, id="cartpole-bf16"),
        pytest.param(MinAtar(game="breakout"), SHORT, 20, 10, id="minatar"),
        pytest.param(
            Atari(game="pong"), replace(SHORT, precision="float32"), 2, 2, id="pong-float32"
        ),
        pytest.param(
            Atari(game="breakout", protocol="classic"),
            replace(SHORT, precision="bfloat16"),
            2,
            2,
            id="breakout-bf16",
        ),
        pytest.param(Gymnasium(id="Pendulum-v1"), replace(SHORT, clip=0.3), 20, 20, id="box"),
        pytest.param(Gymnasium(id="Pendulum-v1"), NORMALIZED, 20, 20, id="normalized"),
        pytest.param(CARTPOLE, DQN_SHORT, 11, 9, id="dqn"),
        pytest.param(CARTPOLE, DQN_WHOLE, 5, 9, id="dqn-prioritized"),
        pytest.param(MinAtar(game="breakout"), DQN_WHOLE, 9, 5, id="dqn-minatar"),
        pytest.param(
            Atari(game="pong"),
            replace(DQN_WHOLE, precision="bfloat16"),
            3,
            2,
            id="dqn-bf16",
            marks=pytest.mark.slow,  # a minute on a processor that emulates bfloat16
        ),
    ],
)
def test_an_interrupted_training_ends_with_the_same_weights(
    trainers, env, algorithm, before, after
):
    uninterrupted = trainers(env, algorithm)
    train(uninterrupted, before)
    state = uninterrupted.state()
    expected = train(uninterrupted, after)

    torch.manual_seed(99)  # the state of global generators must not matter
    np.random.seed(99)  # noqa: NPY002 - the legacy generator is the subject
    resumed = trainers(env, algorithm)
    diverged = resumed.restore(state)
    results = train(resumed, after)

    assert diverged == ()
    assert same(results, expected)
    assert resumed.weight_hash() == uninterrupted.weight_hash()


def test_a_trainer_goes_back_to_its_own_state_and_counts_what_it_simulated(trainers):
    trainer = trainers(CARTPOLE, SHORT)
    train(trainer, 3)
    state = trainer.state()
    expected = train(trainer, 2)

    trainer.restore(state)
    first = trainer.update()
    second = trainer.update()

    assert same(first.metrics["loss/policy"], expected[0][2]["loss/policy"])
    assert (second.update, second.agent_steps) == (5, 5 * 32)
    assert second.simulated_agent_steps == 7 * 32
    assert second.episodes == expected[1][3]


def test_without_replay_a_resume_says_so_and_fills_it_again(trainers):
    trainer = trainers(CARTPOLE, DQN_SHORT)
    train(trainer, 5)
    state = trainer.state(replay_limit_bytes=100)

    resumed = trainers(CARTPOLE, DQN_SHORT)
    reasons = resumed.restore(state)
    results = [resumed.update() for _ in range(2)]

    assert "replay" not in state.parts
    assert "replay" in trainer.state(replay_limit_bytes=10_000).parts
    assert len(reasons) == 1
    assert "replay is not in the checkpoint" in reasons[0]
    assert results[0].metrics["replay"] < 2 * 16
    assert results[1].agent_steps == 7 * 32
    assert "loss/q" in results[1].metrics


def test_a_state_is_plain_and_named_parts(trainers):
    trainer = trainers(CARTPOLE, SHORT)
    train(trainer, 1)

    state = trainer.state()

    assert set(state.parts) == {"weights", "optimizer", "environments", "random"}
    assert state.meta == {"update": 1, "agent_steps": 32, "simulated_agent_steps": 32}
    for arrays in state.parts.values():
        assert all(
            type(array) is np.ndarray and array.flags.c_contiguous for array in arrays.values()
        )
    assert state.parts["optimizer"]["step"].tolist() == [4]


def test_states_of_another_run_are_refused(trainers):
    state = trainers(CARTPOLE, SHORT).state()
    wider = replace(SHORT, network=NetworkConfig(hidden_sizes=(32, 32)))

    with pytest.raises(ConfigError, match="the network has"):
        trainers(CARTPOLE, wider).restore(state)
    with pytest.raises(EnvError, match="restore with the configuration and seed"):
        trainers(CARTPOLE, SHORT, seed=2).restore(state)
    with pytest.raises(EnvError, match="restore with the configuration and seed"):
        trainers(CARTPOLE, replace(SHORT, num_envs=4)).restore(state)


@pytest.mark.parametrize(
    "env",
    [
        pytest.param(Gymnasium(id="Pendulum-v1"), id="box"),
        pytest.param(Gymnasium(id="Taxi-v4"), id="discrete-observations"),
        pytest.param(Atari(game="pong"), id="images"),
        pytest.param(MinAtar(game="seaquest"), id="minatar"),
    ],
)
def test_observations_and_actions_of_many_kinds_train(trainers, env):
    trainer = trainers(env, SHORT)
    before = trainer.weight_hash()

    result = trainer.update()

    assert trainer.weight_hash() != before
    assert result.agent_steps == result.simulated_agent_steps == 32
    assert {
        "loss/policy",
        "loss/value",
        "entropy",
        "kl",
        "clip_fraction",
        "explained_variance",
        "gradient_norm",
        "learning_rate",
        "time/rollout_s",
        "time/learn_s",
        "steps_per_s",
        *(f"time/{phase}_s" for phase in (*ROLLOUT_PHASES, *LEARN_PHASES)),
    } == result.metrics.keys()


def test_the_learning_rate_is_annealed_over_the_whole_training(trainers):
    trainer = trainers(CARTPOLE, SHORT, until_agent_steps=64)

    rates = [trainer.update().metrics["learning_rate"] for _ in range(3)]

    assert rates == pytest.approx([2.5e-4, 1.25e-4, 0.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"until_agent_steps": 0}, "until_agent_steps=0 must be at least 1"),
        ({"threads": 0}, "threads=0 must be at least 1"),
        ({"device": "tpu"}, "device='tpu' is not"),
    ],
    ids=["until", "threads", "device"],
)
def test_wrong_arguments_name_the_value(arguments, message):
    defaults = {"until_agent_steps": 100, "threads": 1, "device": "cpu"}

    with pytest.raises(ConfigError, match=message):
        InlineTrainer(CARTPOLE, SHORT, 1, **defaults | arguments)


def test_only_large_images_are_worth_several_threads():
    assert useful_threads(Atari(game="pong"), cores=8) == 8
    assert useful_threads(MinAtar(game="breakout"), cores=8) == 1
    assert useful_threads(CARTPOLE, cores=8) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_training_on_a_gpu_resumes_exactly():
    algorithm = replace(SHORT, precision="bfloat16")
    trainer = InlineTrainer(Atari(game="pong"), algorithm, 1, 1000, threads=1, device="cuda")
    trainer.update()
    state = trainer.state()
    trainer.update()

    resumed = InlineTrainer(Atari(game="pong"), algorithm, 1, 1000, threads=1, device="cuda")
    resumed.restore(state)
    resumed.update()

    assert resumed.weight_hash() == trainer.weight_hash()
